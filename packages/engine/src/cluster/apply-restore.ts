import type { ClusterState, Restoring, TimelineRecord } from '../contract/cluster-state.ts';
import { emptySyncSet } from '../replication/quorum.ts';
import { allocateTimeline } from './allocate-timeline.ts';
import type { Command, CommandOf, CommandResult } from './commands.ts';
import type { Draft } from './draft.ts';
import { isBeingReplaced } from './restoring.ts';

/**
 * Commands of a restore in place (pure). The log says at every moment which of the two sets of data counts, so that whoever
 * was away, the node with its half-moved directories or the next decider, finds out by reading it.
 */

const refused = (reason: string): CommandResult => ({ ok: false, reason });
const isGone = refused('that restore does not run');
const pastRestoresMax = 20;

const kinds = ['begin-restore', 'restore-ready', 'place-restore', 'open-restore'] as const;
export type RestoreCommand = CommandOf<(typeof kinds)[number]>;

export function isAboutRestore(command: Command): command is RestoreCommand {
  return kinds.some((kind) => kind === command.kind);
}

export function applyRestore(draft: Draft, command: RestoreCommand): CommandResult {
  switch (command.kind) {
    case 'begin-restore':
      return beginRestore(draft, command);
    case 'restore-ready':
      return restoreReady(draft, command);
    case 'place-restore':
      return placeRestore(draft, command);
    case 'open-restore':
      return openRestore(draft, command);
  }
}

function beginRestore({ state }: Draft, { id, node }: CommandOf<'begin-restore'>): CommandResult {
  const { operation, restoring, reign } = state;
  if (restoring?.id === id) return { ok: true };
  if (restoring) return refused('another restore runs');
  if (operation?.id !== id || operation.kind !== 'restore-in-place') return isGone;
  if (reign.primary !== node) return refused(`${node} is not the primary`);
  // It might remove the very backup that is to be restored.
  if (state.backup?.job) return refused('there is work on the repository');
  const highest = state.timelines.reduce((most, each) => Math.max(most, each.id), reign.timeline);
  const timeline = highest + 1;
  // Nothing on it counts before the copy is in place, and nobody else is given the number.
  state.timelines.push({
    ...{ id: timeline, parentId: reign.timeline, forkLsn: null },
    ...{ epoch: reign.epoch, status: 'abandoned' },
  });
  const none = { epoch: null, history: [], words: '', before: null };
  state.restoring = { ...none, id, node, phase: 'preparing', timeline };
  return { ok: true };
}

function restoreReady({ state }: Draft, command: CommandOf<'restore-ready'>): CommandResult {
  const { restoring } = state;
  if (restoring?.id !== command.id) return isGone;
  if (restoring.phase !== 'preparing') return { ok: true };
  const line = [...command.history].sort((left, right) => left.timeline - right.timeline);
  const isWhole = line.every(
    ({ timeline, parentId }, at) => parentId === (line[at - 1]?.timeline ?? parentId) && timeline > parentId,
  );
  if (!isWhole || line.at(-1)?.timeline !== restoring.timeline)
    return refused(`the copy is not on timeline ${restoring.timeline}`);
  Object.assign(restoring, { phase: 'ready', history: line, words: command.words });
  return { ok: true };
}

function placeRestore(draft: Draft, { id, epoch }: CommandOf<'place-restore'>): CommandResult {
  const { state } = draft;
  const { restoring, reign, syncSet, syncProgress } = state;
  if (restoring?.id !== id) return isGone;
  if (isBeingReplaced(state)) return { ok: true };
  if (restoring.phase !== 'ready') return refused('the copy is not there yet');
  if (reign.primary !== restoring.node)
    return refused(`${reign.primary} is the primary by now, and the copy is on ${restoring.node}`);
  if (state.failover) return refused('a failover has not ended');
  if (epoch <= reign.epoch) return refused(`the epoch is ${reign.epoch} by now`);
  const { unconfirmed } = syncProgress;
  const before = { timeline: reign.timeline, syncSet, unconfirmed };
  Object.assign(restoring, { phase: 'placing', epoch, before });
  const message = `${restoring.node} stops, to go on from ${restoring.words}.`;
  draft.event('critical', 'restore-begins', message, restoring.node);
  return { ok: true };
}

/** What was acknowledged until now is given up by this: no standby holds anything of the new reign, and none is waited for. */
function openRestore(draft: Draft, { id }: CommandOf<'open-restore'>): CommandResult {
  const { state } = draft;
  const { restoring } = state;
  if (restoring?.id !== id) return isGone;
  if (restoring.phase === 'opening') return { ok: true };
  if (restoring.phase !== 'placing' || restoring.epoch === null)
    return refused('it was not to be put in place');
  const { node, epoch } = restoring;
  recordHistory(state.timelines, restoring, epoch);
  const timeline = allocateTimeline(state.timelines, restoring.timeline, epoch);
  state.reign = { epoch, primary: node, timeline };
  state.syncSet = { ...emptySyncSet };
  state.syncProgress = { move: state.syncProgress.move + 1, unconfirmed: [] };
  restoring.phase = 'opening';
  return { ok: true };
}

function recordHistory(timelines: TimelineRecord[], { history, timeline }: Restoring, epoch: number): void {
  for (const { timeline: id, parentId, forkLsn } of history) {
    const record = timelines.find((each) => each.id === id);
    if (!record) timelines.push({ id, parentId, forkLsn, epoch, status: 'recorded' });
    else if (record.status !== 'recorded' || id === timeline)
      Object.assign(record, { parentId, forkLsn, status: 'recorded' });
  }
  timelines.sort((left, right) => left.id - right.id);
}

/** The first write of the restored reign may have been acknowledged: from here on there is no way back but another restore. */
export function restoreOpened(draft: Draft): void {
  const { restoring } = draft.state;
  if (restoring?.phase !== 'opening') return;
  settle(draft, restoring, 'restored');
  const message = `The cluster goes on from ${restoring.words}. What it held before is kept beside the data of ${restoring.node}.`;
  draft.event('warning', 'restored-in-place', message, restoring.node);
}

/**
 * Its operation has ended, whichever way. A restore that was not open by then is taken back by the same command: the former
 * reign stands, and whoever held the lease of it is elected, or replaced, like after any loss.
 */
export function restoreEnded(draft: Draft, operationId: string): void {
  const { state } = draft;
  const { restoring } = state;
  if (restoring?.id !== operationId) return;
  if (!isBeingReplaced(state)) {
    delete state.restoring;
    return;
  }
  if (restoring.phase === 'opening') takeBack(draft, restoring);
  settle(draft, restoring, 'abandoned');
  const message = `The restore came to nothing: the cluster goes on with what it held before.`;
  draft.event('critical', 'restore-abandoned', message, restoring.node);
}

function takeBack({ state }: Draft, { timeline, epoch, before, node }: Restoring): void {
  if (!before) return;
  for (const record of state.timelines) {
    if (record.id === timeline || record.status === 'allocated') record.status = 'abandoned';
  }
  // A number of its own: nobody takes what was done under the other reign for a part of this one.
  state.reign = { epoch: (epoch ?? state.reign.epoch) + 1, primary: node, timeline: before.timeline };
  state.syncSet = before.syncSet;
  state.syncProgress = { move: state.syncProgress.move + 1, unconfirmed: before.unconfirmed };
}

function settle({ state, atMs }: Draft, restoring: Restoring, outcome: 'restored' | 'abandoned'): void {
  const { id, node, words } = restoring;
  const past: NonNullable<ClusterState['pastRestores']> = state.pastRestores ?? [];
  state.pastRestores = [...past, { id, node, outcome, atMs, words }].slice(-pastRestoresMax);
  delete state.restoring;
}
