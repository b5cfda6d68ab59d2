import type { ClusterState, Member } from '../contract/cluster-state.ts';
import { QuantaError } from '../shared/errors.ts';
import type { Commander } from './commander.ts';
import type { Command } from './commands.ts';

/** What the steps of operations have in common. */

const commandDeadlineMs = 5000;
/** How long a new primary may take to be open for writes before a step gives up. */
export const openDeadlineMs = 60_000;

/** @throws QuantaError REFUSED with the reason of the state machine */
export async function submitOrRefuse(commander: Commander, command: Command): Promise<void> {
  const result = await commander.submit(command, commandDeadlineMs);
  if (!result.ok) throw new QuantaError('REFUSED', `${command.kind}: ${result.reason}`);
}

/** The reign that stands has been opened: its timeline is recorded and nothing is being elected. */
export function isOpen(state: ClusterState): boolean {
  const isRecorded = state.timelines.some(
    (timeline) => timeline.id === state.reign.timeline && timeline.status === 'recorded',
  );
  return (
    state.reign.epoch > 0 &&
    isRecorded &&
    state.restoring?.phase !== 'placing' &&
    (state.failover === null || state.failover.state === 'REJOIN')
  );
}

export function memberOf(state: ClusterState, name: string): Member {
  const member = state.members[name];
  if (!member) throw new QuantaError('NOT_FOUND', `${name || 'the primary'} is no member of the cluster`);
  return member;
}
