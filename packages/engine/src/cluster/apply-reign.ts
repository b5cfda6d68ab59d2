import type { Failover, TimelineRecord } from '../contract/cluster-state.ts';
import { isElecting } from '../failover/round.ts';
import { allocateTimeline } from './allocate-timeline.ts';
import { restoreOpened } from './apply-restore.ts';
import { isWriteSafe, moveWithReign } from './apply-sync-set.ts';
import type { CommandOf, CommandResult } from './commands.ts';
import type { Draft } from './draft.ts';
import { isBeingReplaced } from './restoring.ts';

/** Commands about who may be primary (pure): epochs, grants and timelines. */

const pastFailoversMax = 50;
const refused = (reason: string): CommandResult => ({ ok: false, reason });

/** Nobody reigns in a cluster that follows another one. */
function followsWords({ name }: { name: string }): string {
  return `the cluster follows ${name}`;
}

export function grantFirst(draft: Draft, command: CommandOf<'grant-first'>): CommandResult {
  const { state } = draft;
  if (state.reign.epoch === 1 && state.reign.primary === command.primary) return { ok: true };
  if (state.reign.epoch !== 0) return refused(`the cluster is in epoch ${state.reign.epoch} already`);
  if (state.source) return refused(followsWords(state.source));
  if (!state.members[command.primary]) return refused(`${command.primary} is no member`);
  const timeline = allocateTimeline(state.timelines, state.reign.timeline, 1);
  state.reign = { epoch: 1, primary: command.primary, timeline };
  draft.event('info', 'reign-granted', `${command.primary} is granted the first reign.`, command.primary);
  return { ok: true };
}

/** Restored data has been through timelines of its own: its first reign here begins after them. */
export function adoptHistory(draft: Draft, command: CommandOf<'adopt-history'>): CommandResult {
  const { state } = draft;
  if (state.reign.epoch !== 0) return refused(`the cluster is in epoch ${state.reign.epoch} already`);
  if (state.source) return refused(followsWords(state.source));
  const line = [...command.history].sort((left, right) => left.timeline - right.timeline);
  const isWhole = line.every(
    ({ timeline, parentId }, at) => parentId === (line[at - 1]?.timeline ?? parentId) && timeline > parentId,
  );
  const last = line.at(-1)?.timeline ?? 1;
  if (!isWhole || last !== command.timeline) return refused('that is no line of timelines');
  const [first] = line;
  state.timelines = [
    { id: first?.parentId ?? 1, parentId: null, forkLsn: null, epoch: 1, status: 'recorded' },
    ...line.map(({ timeline: id, parentId, forkLsn }) => ({
      ...{ id, parentId, forkLsn, epoch: 1 },
      status: 'recorded' as const,
    })),
  ];
  state.reign.timeline = command.timeline;
  return { ok: true };
}

export function beginFailover(draft: Draft, command: CommandOf<'begin-failover'>): CommandResult {
  const { state } = draft;
  if (state.failover?.id === command.id) return { ok: true };
  if (state.source) return refused(followsWords(state.source));
  if (isBeingReplaced(state)) return refused('the cluster is being restored');
  if ((state.failover?.id ?? null) !== command.supersedes) return refused('another failover runs');
  if (state.reign.epoch !== command.fromEpoch) return refused(`the epoch is ${state.reign.epoch} by now`);
  const lastEpoch = Math.max(state.reign.epoch, state.failover?.epoch ?? 0);
  if (state.failover) {
    closeFailover(draft, state.failover, { state: 'ABANDONED', detail: command.reason });
  }
  state.failover = {
    id: command.id,
    kind: command.failoverKind,
    epoch: lastEpoch + 1,
    fromEpoch: command.fromEpoch,
    oldPrimary: state.reign.primary,
    preferred: command.preferred,
    mayLose: !isWriteSafe(state),
    state: 'SEAL',
    reason: command.reason,
    startedAtMs: draft.atMs,
    detection: command.detection,
    votes: [],
    candidates: [],
    neededVotes: state.syncSet.votes,
    candidate: null,
    blockedBy: null,
    steps: [{ state: 'SEAL', atMs: draft.atMs, detail: command.reason }],
    dataLoss: null,
  };
  const severity = command.failoverKind === 'failover' ? 'critical' : 'info';
  const { network } = command.detection;
  const message =
    network && network.kind !== 'connected' ? `${command.reason} ${network.verdict}` : command.reason;
  draft.event(severity, `${command.failoverKind}-started`, message, state.reign.primary ?? undefined);
  return { ok: true };
}

export function blockFailover(draft: Draft, command: CommandOf<'block-failover'>): CommandResult {
  const failover = openElection(draft, command.id);
  if (!failover) return refused('that failover is not electing');
  const isNews = failover.blockedBy !== command.blockedBy;
  failover.state = 'NO_SAFE_CANDIDATE';
  failover.votes = command.votes;
  failover.candidates = command.candidates;
  failover.blockedBy = command.blockedBy;
  if (isNews) {
    failover.steps.push({ state: 'NO_SAFE_CANDIDATE', atMs: draft.atMs, detail: command.blockedBy });
    draft.event('critical', 'no-safe-candidate', command.blockedBy);
  }
  return { ok: true };
}

export function grant(draft: Draft, command: CommandOf<'grant'>): CommandResult {
  const { state } = draft;
  if (state.reign.epoch === command.epoch && state.reign.primary === command.candidate) return { ok: true };
  const failover = openElection(draft, command.failoverId);
  if (!failover || failover.epoch !== command.epoch) return refused('that failover is not electing');
  if (!state.members[command.candidate]) return refused(`${command.candidate} is no member`);
  recordPast(state.timelines, command.history);
  const timeline = command.promote
    ? allocateTimeline(state.timelines, command.parentTimeline, command.epoch)
    : state.reign.timeline;
  moveWithReign(draft, command.candidate);
  // A primary that goes on may still live by a lease that it was given for longer.
  const { leaseMs } = state.reign;
  const kept = command.promote || leaseMs === undefined ? {} : { leaseMs };
  state.reign = { epoch: command.epoch, primary: command.candidate, timeline, ...kept };
  Object.assign(failover, {
    state: 'GRANT',
    votes: command.votes,
    candidates: command.candidates,
    candidate: command.candidate,
    blockedBy: null,
    grant: {
      atMs: draft.atMs,
      promote: command.promote,
      timeline,
      parentTimeline: command.parentTimeline,
      syncSet: { ...state.syncSet },
    },
  });
  failover.steps.push({ state: 'GRANT', atMs: draft.atMs, detail: grantDetail(command, timeline) });
  draft.event('info', 'reign-granted', grantDetail(command, timeline), command.candidate);
  if (command.promote) return { ok: true };
  failover.dataLoss = { possible: false, detail: 'The primary went on; nothing moved.' };
  closeFailover(draft, failover, { state: 'DONE', detail: `${command.candidate} goes on as primary.` });
  return { ok: true };
}

/**
 * Whoever grants the reign to somebody else waits for the lease that stands here. An election that has begun may wait for the
 * usual one already, so it is refused then.
 */
export function setLease(draft: Draft, command: CommandOf<'set-lease'>): CommandResult {
  const { reign, failover } = draft.state;
  if (reign.epoch !== command.epoch || reign.primary !== command.primary)
    return refused(`the reign has moved on to epoch ${reign.epoch}`);
  if (command.leaseMs === null) {
    delete reign.leaseMs;
    return { ok: true };
  }
  if (failover && isElecting(failover)) return refused('a primary is being elected');
  reign.leaseMs = Math.max(command.leaseMs, reign.leaseMs ?? 0);
  return { ok: true };
}

function grantDetail(command: CommandOf<'grant'>, timeline: number): string {
  return command.promote
    ? `${command.candidate} is granted epoch ${command.epoch} on timeline ${timeline}.`
    : `${command.candidate} is healthy and goes on as primary in epoch ${command.epoch}.`;
}

export function recordTimeline(draft: Draft, command: CommandOf<'record-timeline'>): CommandResult {
  const { state } = draft;
  const { reign } = state;
  if (
    reign.epoch !== command.epoch ||
    reign.primary !== command.node ||
    reign.timeline !== command.timeline
  ) {
    return refused(`the reign has moved on to epoch ${reign.epoch}`);
  }
  const record = state.timelines.find((timeline) => timeline.id === command.timeline);
  if (!record) return refused(`timeline ${command.timeline} was never allocated`);
  if (record.status === 'recorded') return { ok: true };
  record.status = 'recorded';
  record.forkLsn = command.forkLsn;
  restoreOpened(draft);
  const { failover } = state;
  if (failover?.epoch === command.epoch) {
    failover.steps.push(...command.steps, {
      state: 'REJOIN',
      atMs: draft.atMs,
      detail: 'Writes are open; waiting for the other nodes.',
    });
    failover.state = 'REJOIN';
    failover.dataLoss = dataLossOf(failover, command);
  }
  const message = `${command.node} is primary: epoch ${command.epoch}, timeline ${command.timeline} from ${command.forkLsn}.`;
  draft.event('info', 'primary-open', message, command.node);
  return { ok: true };
}

/** Whether commits waited or not: when the former primary has voted, and holds no more than the new one, nothing can be missing. */
function dataLossOf(
  failover: Failover,
  { node, forkLsn }: { node: string; forkLsn: string },
): NonNullable<Failover['dataLoss']> {
  const { oldPrimary, candidates } = failover;
  const supporters = candidates.find((each) => each.node === node)?.supporters ?? [];
  const holdsAll = oldPrimary === node || (oldPrimary !== null && supporters.includes(oldPrimary));
  const isLossy = failover.mayLose !== false && !holdsAll;
  if (!isLossy) return { possible: false, detail: 'Every acknowledged write is on the new primary.' };
  const detail = `Commits waited for no standby: writes that ${oldPrimary ?? 'the old primary'} acknowledged after ${forkLsn} and had not sent are lost.`;
  return { possible: true, detail };
}

export function endFailover(draft: Draft, command: CommandOf<'end-failover'>): CommandResult {
  const { failover } = draft.state;
  if (failover?.id !== command.id) return { ok: true };
  const isTakenOver = failover.state === 'REJOIN';
  if (command.state === 'DONE' && !isTakenOver) return refused('the new primary is not open yet');
  closeFailover(draft, failover, { state: command.state, detail: command.detail });
  return { ok: true };
}

function openElection(draft: Draft, id: string): Failover | null {
  const { failover } = draft.state;
  if (failover?.id !== id) return null;
  return failover.state === 'SEAL' || failover.state === 'COLLECT' || failover.state === 'NO_SAFE_CANDIDATE'
    ? failover
    : null;
}

function closeFailover(
  draft: Draft,
  failover: Failover,
  end: { state: 'DONE' | 'ABANDONED'; detail: string },
): void {
  const { state } = draft;
  failover.state = end.state;
  failover.steps.push({ state: end.state, atMs: draft.atMs, detail: end.detail });
  state.pastFailovers.push(failover);
  if (state.pastFailovers.length > pastFailoversMax) state.pastFailovers.shift();
  state.failover = null;
  draft.event('info', `${failover.kind}-ended`, end.detail);
}

/**
 * A primary may have opened its timeline, and had writes acknowledged on it, without living to record it. Whoever
 * holds those writes carries the timeline in its history, which proves where it left its parent.
 */
function recordPast(timelines: TimelineRecord[], history: CommandOf<'grant'>['history']): void {
  for (const past of history) {
    const record = timelines.find((timeline) => timeline.id === past.timeline);
    if (!record || record.status === 'recorded') continue;
    Object.assign(record, { status: 'recorded', parentId: past.parentId, forkLsn: past.forkLsn });
  }
}
