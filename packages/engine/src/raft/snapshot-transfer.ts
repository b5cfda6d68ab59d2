import type { Progress } from './progress.ts';
import type { CoreState } from './state.ts';
import { send } from './state.ts';
import type { Snapshot, SnapshotChunk } from './types.ts';

/** UTF-16 units of a snapshot in one message: small enough that heartbeats behind it are not late on a slow link. */
export const chunkLengthDefault = 64 * 1024;
/** UTF-16 units of a whole snapshot. A follower keeps no more than this of one that is still arriving. */
export const snapshotLengthMax = 64 * 1024 * 1024;

/** Sends the next part, and waits for its answer: one part is under way at a time. */
export function sendChunk(state: CoreState, to: number, progress: Progress): void {
  const { snapshot, snapshotOffset: offset } = progress;
  if (!snapshot) return;
  progress.snapshotSentMs = state.nowMs;
  const data = snapshot.data.slice(offset, offset + state.snapshotChunkLength);
  send(state, to, { type: 'snapshot', chunk: { ...snapshot, data, offset, size: snapshot.data.length } });
}

/** The follower holds `received` of it; it may have lost what it had, or have told so twice. */
export function continueSnapshot(
  state: CoreState,
  to: number,
  progress: Progress,
  answer: { index: number; received: number },
): void {
  const { snapshot } = progress;
  if (snapshot?.index !== answer.index || answer.received === progress.snapshotOffset) return;
  if (answer.received >= snapshot.data.length) return;
  progress.snapshotOffset = answer.received;
  sendChunk(state, to, progress);
}

/** A part, or the answer to it, was lost. */
export function repeatLostChunk(state: CoreState, to: number, progress: Progress): void {
  if (state.nowMs - progress.snapshotSentMs > state.timing.electionMaxMs) sendChunk(state, to, progress);
}

/** Adds a part to what has arrived. @returns the whole, once it is complete */
export function receiveChunk(state: CoreState, leaderTerm: number, chunk: SnapshotChunk): Snapshot | null {
  const { index, term, configuration, data, offset, size } = chunk;
  const known = state.incoming;
  const isSame = known?.leaderTerm === leaderTerm && known.index === index;
  const incoming = isSame ? known : { leaderTerm, index, pieces: [], received: 0 };
  state.incoming = incoming;
  if (offset === incoming.received && offset + data.length <= size) {
    incoming.pieces.push(data);
    incoming.received += data.length;
  }
  if (incoming.received < size) return null;
  state.incoming = null;
  return { index, term, configuration, data: incoming.pieces.join('') };
}
