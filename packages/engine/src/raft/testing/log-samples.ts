import type { Entry, HardState, Snapshot } from '../types.ts';
import { peerOf } from './network.ts';

export const founder = { ...peerOf(1), role: 'voter' as const };

export function entriesOf(term: number, from: number, to: number): Entry[] {
  const count = to - from + 1;
  return Array.from({ length: count }, (_, position) => {
    const index = from + position;
    return { index, term, kind: 'command', data: `entry ${index} of term ${term}` };
  });
}

export function hard(term: number, commit: number, vote = 0): HardState {
  return { term, vote, commit };
}

export function snapshotAt(index: number, term: number): Snapshot {
  return { index, term, configuration: [founder], data: `state at ${index}` };
}
