import type { ClusterState } from '../contract/cluster-state.ts';
import type { NodeReport } from '../contract/node-report.ts';
import type { Source } from '../contract/source.ts';
import { compareLsn, lowestLsn } from '../postgres/lsn.ts';
import type { CommandOf } from './commands.ts';
import { dataMembers } from './membership.ts';
import type { SourceView } from './source-view.ts';

/** What the decider of a standby cluster decides from what it sees (pure). Two nodes that follow the source at once do no harm. */

type Reports = ReadonlyMap<string, NodeReport>;

/** Why another node should follow the source in the leader's place, and for how long that has to be so; null: none. */
export function whyUnfit(
  state: ClusterState,
  source: Source,
  seen: { reports: Reports; isSourceOpen: boolean },
): { why: string; patienceMs: number } | null {
  const { leader } = source;
  const member = state.members[leader];
  if (!member || member.phase === 'leaving') return { why: `${leader} leaves the cluster`, patienceMs: 0 };
  if (member.maintenance) return { why: `${leader} is in maintenance`, patienceMs: 0 };
  const report = seen.reports.get(leader);
  if (!report) return { why: `the daemon of ${leader} does not answer`, patienceMs: silentPatienceMs };
  if (report.clone) return null;
  if (report.lsn === null) return { why: `PostgreSQL of ${leader} is down`, patienceMs: silentPatienceMs };
  // Where the source itself is down, nobody would fare better.
  return seen.isSourceOpen && report.receiverStatus !== 'streaming'
    ? { why: `nothing arrives on ${leader}`, patienceMs: unfedPatienceMs }
    : null;
}

const silentPatienceMs = 5000;
const unfedPatienceMs = 20_000;

/** The node that holds the most WAL of those that could take over; null: none can. */
export function nextLeader(state: ClusterState, source: Source, reports: Reports): string | null {
  const able = dataMembers(state).flatMap(({ name, phase, maintenance }) => {
    const report = reports.get(name);
    const isAble = phase === 'active' && !maintenance && name !== source.leader && !report?.clone;
    return isAble && report?.lsn && report.timeline !== null
      ? [{ name, timeline: report.timeline, lsn: report.lsn }]
      : [];
  });
  able.sort((left, right) => right.timeline - left.timeline || compareLsn(right.lsn, left.lsn));
  return able[0]?.name ?? null;
}

/** Where the WAL begins that some data node lacks; null while one of them does not say. */
export function neededFrom(state: ClusterState, reports: Reports): string | null {
  const ends = dataMembers(state).map(({ name }) => {
    const report = reports.get(name);
    return report && !report.clone ? report.lsn : null;
  });
  return ends.includes(null) ? null : lowestLsn(ends.filter((lsn) => lsn !== null));
}

/** What the log should say of the source, when that is other than what it says; nothing while no primary of it is open. */
export function newsOf(
  state: ClusterState,
  source: Source,
  view: SourceView,
): CommandOf<'note-source'> | null {
  const { primary, timeline, timelines } = view;
  const isRecorded = timelines.some(({ id, status }) => id === timeline && status === 'recorded');
  if (primary === null || !isRecorded || view.epoch < source.epoch) return null;
  const { clusterId, members, epoch, parameters, hba } = view;
  const same = (left: unknown, right: unknown) => JSON.stringify(left) === JSON.stringify(right);
  const isKnown =
    same(
      [primary, epoch, timeline, members],
      [source.primary, source.epoch, state.reign.timeline, source.members],
    ) && same([timelines, parameters, hba], [state.timelines, state.parameters, state.hba]);
  if (isKnown || !members.some(({ name }) => name === primary)) return null;
  return {
    kind: 'note-source',
    ...{ clusterId, epoch, primary, members, timeline, timelines, parameters, hba },
  };
}
