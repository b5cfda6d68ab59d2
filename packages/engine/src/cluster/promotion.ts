import { type ClusterState, type SealVote, usualPolicy } from '../contract/cluster-state.ts';
import type { NodeReport } from '../contract/node-report.ts';
import { holdsNoData, isBeingCopied, restartable } from '../failover/decide.ts';
import { compareWalPositions, judgeHistory } from '../postgres/timeline-history.ts';
import { withHistory } from './apply-source.ts';
import { dataMembers } from './membership.ts';
import type { SourceView } from './source-view.ts';

/** What decides about the end of following (pure): whether it may be, and who holds the most. */

type Vote = Extract<SealVote, { ok: true }>;

/** What speaks against a promotion, each with what it would mean; a person may insist. */
export function objections(
  state: ClusterState,
  seen: { view: SourceView | null | undefined; reports: ReadonlyMap<string, NodeReport> },
): string[] {
  const { source } = state;
  if (!source) return [];
  const silent = dataMembers(state).filter(
    ({ name, phase }) => phase === 'active' && !seen.reports.has(name),
  );
  return [
    ...(seen.view?.takesWrites
      ? [
          `${source.name} takes writes right now, on ${seen.view.primary}: both clusters would, and neither would ever see what the other one takes. Stop it first.`,
        ]
      : []),
    ...silent.map(
      ({ name }) => `The daemon of ${name} does not answer, and it may hold more WAL than the others.`,
    ),
  ];
}

/**
 * The node that holds the most of the source's WAL. Of two that hold the same, the one that lies within the source's
 * history, then the one whose PostgreSQL runs, then the one that somebody has preferred.
 */
export function chooseHeir(state: ClusterState, answers: readonly SealVote[]): Vote | null {
  const votes = answers.filter(
    (vote): vote is Vote => vote.ok && (vote.promotable || vote.whyNotPromotable === restartable),
  );
  const timelines = votes.reduce((known, vote) => withHistory(known, vote.history), state.timelines);
  const current = Math.max(state.reign.timeline, ...votes.map(({ position }) => position.timeline));
  const history = { current, timelines };
  const isContained = (vote: Vote) => judgeHistory(vote.position, history).kind === 'contained';
  const ranked = [...votes].sort(
    (left, right) =>
      compareWalPositions(right.position, left.position, history) ||
      Number(isContained(right)) - Number(isContained(left)) ||
      Number(right.promotable) - Number(left.promotable) ||
      priorityIn(state, right.node) - priorityIn(state, left.node) ||
      (left.node < right.node ? -1 : 1),
  );
  return ranked[0] ?? null;
}

function priorityIn({ members }: ClusterState, node: string): number {
  const { priority, noFailover } = members[node]?.policy ?? usualPolicy;
  return noFailover ? -1 : priority;
}

/** Nodes that may hold more than those that have answered. One without data holds nothing. */
export function unheard(answers: readonly SealVote[]): string[] {
  return answers.flatMap((vote) =>
    vote.ok || vote.reason === holdsNoData || vote.reason === isBeingCopied
      ? []
      : [`${vote.node} (${vote.reason})`],
  );
}

/** Higher than every epoch that a node of this cluster was ever asked to promise. */
export function nextEpoch(state: ClusterState, reports: ReadonlyMap<string, NodeReport>): number {
  const { source, reign } = state;
  const promised = [...reports.values()].map(({ sealedEpoch }) => sealedEpoch);
  return Math.max(reign.epoch, source?.voidEpoch ?? 0, source?.ending ?? 0, ...promised) + 1;
}
