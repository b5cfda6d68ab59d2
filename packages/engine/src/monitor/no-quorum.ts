import type { ClusterState } from '../contract/cluster-state.ts';
import type { NodeReport } from '../contract/node-report.ts';
import type { NoQuorum } from '../contract/status.ts';
import { someOfWords, timeWords } from '../shared/words.ts';

export interface QuorumInput {
  state: ClusterState;
  voters: ReadonlySet<number>;
  reports: ReadonlyMap<string, NodeReport>;
}

/** What is left without a majority (pure). Null while some node that answers knows a Raft leader. */
export function noQuorumOf({ state, voters, reports }: QuorumInput): NoQuorum | null {
  const degraded = [...reports.values()].filter((report) => report.degraded !== null);
  const sinceMs = Math.min(...degraded.map((report) => report.degraded?.sinceMs ?? Number.POSITIVE_INFINITY));
  const isLed = [...reports.values()].some((report) => report.raft !== null && report.raft.leader !== null);
  if (isLed || degraded.length === 0) return null;
  const members = Object.values(state.members).filter((member) => voters.has(member.raftId));
  const missing = members.map((member) => member.name).filter((name) => !reports.has(name));
  const majority = Math.floor(members.length / 2) + 1;
  return {
    sinceMs,
    missing,
    needed: Math.max(0, majority - (members.length - missing.length)),
    readers: degraded
      .filter((report) => report.degraded?.reads)
      .map((report) => ({ node: report.name, asOfMs: report.degraded?.asOfMs ?? null })),
    closed: degraded
      .filter((report) => report.degraded?.reads === false)
      .map((report) => ({ node: report.name, reason: report.degraded?.reason ?? '' })),
  };
}

/** The same in a sentence or two, for logs, terminals and alerts. */
export function noQuorumWords({ readers, closed, missing, needed }: NoQuorum): string {
  const reading = readers.map(({ node, asOfMs }) => {
    const asOf = asOfMs === null ? '' : `, as of ${timeWords(asOfMs)}`;
    return `${node} serves reads only${asOf}`;
  });
  const shut = closed.map(({ node, reason }) => `${node} serves nobody (${reason})`);
  const what = [...reading, ...shut].join('; ');
  const next =
    needed > 0
      ? `bring back ${someOfWords(missing, needed)}`
      : 'the voters that answer are about to elect a leader';
  return `No quorum: ${what}; ${next}.`;
}
