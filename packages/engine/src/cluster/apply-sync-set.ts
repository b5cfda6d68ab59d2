import type { ClusterState, SyncSet } from '../contract/cluster-state.ts';
import { syncSetAfterElection } from '../replication/quorum.ts';
import { isGuaranteed, type SyncState, unconfirmedAfter, whyNotMove } from '../replication/transitions.ts';
import type { CommandOf, CommandResult } from './commands.ts';
import type { Draft } from './draft.ts';
import { isBeingReplaced } from './restoring.ts';

/** Commands about whom a commit waits for and who may elect (pure): each step of the sync set, checked once more here. */

const refused = (reason: string): CommandResult => ({ ok: false, reason });

export function moveSyncSet(draft: Draft, command: CommandOf<'move-sync-set'>): CommandResult {
  const { state } = draft;
  const stale = whyStale(draft, command);
  if (stale) return refused(stale);
  const from: SyncState = { set: state.syncSet, unconfirmed: state.syncProgress.unconfirmed };
  const next = sorted(command.syncSet);
  const known = new Set([...from.set.electors, ...from.set.standbys]);
  const stranger = [...next.electors, ...next.standbys].find(
    (name) =>
      !known.has(name) && (state.members[name]?.phase !== 'active' || state.members[name].kind !== 'data'),
  );
  if (stranger) return refused(`${stranger} is no active data node`);
  const problem = whyNotMove(from, next, state.reign.primary);
  if (problem) return refused(problem);
  state.syncSet = next;
  state.syncProgress = { move: command.expected + 1, unconfirmed: unconfirmedAfter(from, next) };
  const isBare = next.count === 0 && from.set.count > 0;
  draft.event(isBare ? 'critical' : 'info', 'sync-set', describeMove(from.set, next));
  return { ok: true };
}

export function confirmSyncSet(draft: Draft, command: CommandOf<'confirm-sync-set'>): CommandResult {
  const stale = whyStale(draft, command);
  if (stale) return refused(stale);
  if (draft.state.durability.mode !== 'async' && !isWriteSafe(draft.state))
    draft.event('info', 'durability', 'From now on no acknowledged write is lost in a failover.');
  draft.state.syncProgress.unconfirmed = [];
  return { ok: true };
}

/**
 * Strictness and count act through the sync set's next moves. Between `async` and the other modes the default of every
 * session changes: to `async` at once. From `async` it changes too, but commits may have waited for nobody until the primary
 * is seen to wait: till then the set does not move, and a failover counts as one of an `async` cluster.
 */
export function setDurability(draft: Draft, command: CommandOf<'set-durability'>): CommandResult {
  const { state } = draft;
  const { mode, strictness } = command.durability;
  // The election that runs counts on what the old primary acknowledged by.
  if (state.failover && state.failover.state !== 'REJOIN') return refused('a failover runs');
  if (state.durability.mode === 'async' && mode !== 'async') {
    const { move } = state.syncProgress;
    state.syncProgress = { move: move + 1, unconfirmed: [{ standbys: [], count: 0 }] };
  }
  state.durability = command.durability;
  draft.event('info', 'durability', `Durability is now ${mode} ${strictness}.`);
  return { ok: true };
}

/** The set moves with the primary, in the command that grants the reign: before, PostgreSQL there has acknowledged nothing. */
export function moveWithReign(draft: Draft, candidate: string): void {
  const { state } = draft;
  if (candidate === state.reign.primary) return;
  state.syncSet = syncSetAfterElection(state.syncSet, state.reign.primary, candidate);
  state.syncProgress = { move: state.syncProgress.move + 1, unconfirmed: [] };
}

/** Whether a failover now would keep every write that was acknowledged. */
export function isWriteSafe({ durability, syncSet, syncProgress, reign }: ClusterState): boolean {
  const { unconfirmed } = syncProgress;
  return durability.mode !== 'async' && isGuaranteed({ set: syncSet, unconfirmed }, reign.primary);
}

function whyStale(draft: Draft, command: { epoch: number; expected: number }): string | null {
  const { state } = draft;
  if (state.reign.epoch !== command.epoch) return `the epoch is ${state.reign.epoch} by now`;
  if (state.failover && state.failover.state !== 'REJOIN') return 'a failover runs';
  if (isBeingReplaced(state)) return 'the cluster is being restored';
  const { move } = state.syncProgress;
  return move === command.expected ? null : `the sync set has moved on to number ${move}`;
}

function sorted(set: SyncSet): SyncSet {
  return { ...set, electors: [...set.electors].sort(), standbys: [...set.standbys].sort() };
}

function describeMove(from: SyncSet, next: SyncSet): string {
  const isSameSetting = from.count === next.count && from.standbys.join() === next.standbys.join();
  if (!isSameSetting) {
    return next.count === 0
      ? 'Writes now wait for no standby: only the present primary may go on as primary.'
      : `Writes now wait for ${next.count} of ${next.standbys.join(', ')}.`;
  }
  const electors = next.electors.length === 0 ? 'nobody else' : next.electors.join(', ');
  return `An election now takes ${next.votes + 1} of the primary and ${electors}.`;
}
