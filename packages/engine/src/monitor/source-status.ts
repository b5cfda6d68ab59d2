import type { SourceView } from '../cluster/source-view.ts';
import type { ClusterState } from '../contract/cluster-state.ts';
import type { NodeReport } from '../contract/node-report.ts';
import type { SourceStatus } from '../contract/status.ts';
import { lsnDistanceBytes } from '../postgres/lsn.ts';
import { sizeWords } from '../shared/words.ts';

/** How far a standby cluster is behind its source (pure). */

export function sourceStatusOf(
  state: ClusterState,
  seen: { view: SourceView | null; reports: ReadonlyMap<string, NodeReport> },
): SourceStatus | null {
  const { source } = state;
  if (!source) return null;
  const { view, reports } = seen;
  const leader = reports.get(source.leader);
  const lag = view?.followers.find(({ cluster }) => cluster === state.name);
  return {
    name: source.name,
    leader: source.leader,
    isStreaming: leader?.receiverStatus === 'streaming' && leader.role === 'standby',
    state: view === null ? 'silent' : view.takesWrites ? 'open' : 'no-primary',
    lagBytes: bytesBehind(view, leader?.lsn ?? null),
    lagMs: lag?.lagMs ?? null,
  };
}

export function bytesBehind(view: Pick<SourceView, 'lsn'> | null, lsn: string | null): number | null {
  return view?.lsn && lsn ? Math.max(0, lsnDistanceBytes(view.lsn, lsn)) : null;
}

/** "follows prod, 16 kB / 3 ms behind" */
export function followingWords(source: SourceStatus): string {
  const { name, lagBytes, lagMs } = source;
  const time = lagMs === null ? '' : ` / ${Math.round(lagMs)} ms`;
  const lag = lagBytes === null ? '' : `, ${sizeWords(lagBytes)}${time} behind`;
  const what = {
    open: '',
    'no-primary': `; ${name} has no primary that takes writes`,
    silent: `; none of the daemons of ${name} answers`,
  }[source.state];
  return `follows ${name}${lag}${what}`;
}
