import type { ClusterState, OperationKind } from '../contract/cluster-state.ts';
import type { NodeReport } from '../contract/node-report.ts';
import type { OperationRequest } from '../contract/operations.ts';
import type { Source } from '../contract/source.ts';
import { followingWords, sourceStatusOf } from '../monitor/source-status.ts';
import { followersIn } from './followers.ts';
import type { PlanBody, PlanInput } from './plan-body.ts';
import { judgeHost } from './preflight.ts';
import { objections } from './promotion.ts';
import type { SourceView } from './source-view.ts';

/** Plans of clusters that follow another one (pure). */

const allowedWhileFollowing: ReadonlySet<OperationRequest['kind']> = new Set<OperationKind>([
  'add-node',
  'remove-node',
  'replace-node',
  'restart-node',
  'reinitialise-node',
  'set-maintenance',
  'set-node',
  'promote-cluster',
]);

/** Null when nothing speaks against it. */
export function whyNotWhileFollowing({ name }: Source, kind: OperationRequest['kind']): string | null {
  return allowedWhileFollowing.has(kind) || kind === 'cancel-operation' || kind === 'retry-operation'
    ? null
    : `The cluster follows ${name} and is as that one is. Change it there, or end the following first: quantadb cluster promote.`;
}

export function planFollow(
  input: PlanInput,
  base: PlanBody,
  { cluster }: Extract<OperationRequest, { kind: 'create-standby-cluster' }>,
): PlanBody {
  const { sourceView: view, preflight, self } = input;
  const name = view?.name ?? 'the source';
  const checked =
    preflight && !('refusal' in preflight) ? judgeHost(self, preflight) : { refusals: [], warnings: [] };
  const failed = preflight && 'refusal' in preflight ? preflight.refusal : null;
  const unseen = view
    ? null
    : 'The source does not answer. Name one of its nodes, and where its daemon answers.';
  return {
    ...base,
    summary: `Create cluster ${cluster} on ${self}, which follows ${name}: a copy of its data, and then its WAL. It takes no writes until somebody promotes it.`,
    quorumBefore: 'none',
    quorumAfter: '1 voter',
    warnings: [
      ...checked.warnings,
      `${name} keeps WAL for it while it is away, up to max_slot_wal_keep_size.`,
      'A commit there waits for nothing here: what had not arrived when the source is lost is lost.',
    ],
    refusal:
      base.refusal ??
      failed ??
      unseen ??
      (view ? whyNotFollowed(view, { self, cluster }) : null) ??
      (checked.refusals.join(' ') || null),
  };
}

export function whyNotFollowed(
  view: SourceView,
  { self, cluster }: { self: string; cluster: string },
): string | null {
  if (view.members.some(({ name }) => name === self)) return `${self} is a node of ${view.name} itself.`;
  if (view.name === cluster) return `${cluster} is the name of the source. Choose another one.`;
  if (view.followers.some((each) => each.cluster === cluster))
    return `A cluster ${cluster} follows ${view.name} already. Choose another name.`;
  return view.primary === null ? `${view.name} has no primary that is open: it cannot be copied now.` : null;
}

/** A follower that was promoted takes its leave by itself; one that was lost does not. */
export function planForget(input: PlanInput, base: PlanBody, cluster: string): PlanBody {
  const { state, reports } = input;
  const primary = reports.get(state?.reign.primary ?? '');
  return {
    ...base,
    summary: `Forget ${cluster}: no WAL is kept for it any more, and its hosts are let in no longer.`,
    warnings: [
      'If it is still there it comes back by itself, and starts over from a copy when WAL that it needs is gone. To end its following: quantadb cluster promote, over there.',
    ],
    refusal: base.refusal ?? whyNotForgotten(state, primary, cluster),
  };
}

/** Null when it may be. It is the primary who keeps the WAL, and knows who is connected. */
export function whyNotForgotten(
  state: Pick<ClusterState, 'name' | 'followers'> | null,
  primary: NodeReport | undefined,
  cluster: string,
): string | null {
  if (!state) return 'There is no cluster.';
  if (primary?.role !== 'primary') return 'No primary answers that could let it go. See: quantadb status.';
  const seen = followersIn(primary).filter((each) => each.cluster === cluster);
  if (seen.length === 0 && !state.followers?.[cluster])
    return `No cluster ${cluster} follows ${state.name}. See: quantadb status.`;
  const connected = seen.find((each) => each.state !== 'disconnected');
  return connected
    ? `${cluster} follows this cluster right now (${connected.state}). Promote it (quantadb cluster promote, over there) or stop it first.`
    : null;
}

export function planPromotion(
  input: PlanInput,
  base: PlanBody,
  { insist }: Extract<OperationRequest, { kind: 'promote-cluster' }>,
): PlanBody {
  const { state, sourceView: view = null, reports } = input;
  const summary = 'Promote the cluster';
  if (!state?.source) {
    const refusal = base.refusal ?? 'The cluster follows no other one: it is a usual cluster.';
    return { ...base, summary: `${summary}.`, refusal };
  }
  const { name } = state.source;
  const status = sourceStatusOf(state, { view, reports });
  const against = objections(state, { view, reports });
  return {
    ...base,
    summary: `${summary}: it ${status ? followingWords(status) : `follows ${name}`}. The node with the most WAL becomes primary, on a timeline of its own.`,
    writePause: 'there are none until it is open; then it takes them',
    warnings: [
      `There is no way back: from then on ${name} and this cluster have different histories. To follow again, create it anew.`,
      ...(view === null
        ? [
            `None of the daemons of ${name} answers: make sure that it is down and stays down, or both take writes.`,
          ]
        : []),
      ...(insist ? against : []),
    ],
    refusal:
      base.refusal ??
      (against.length > 0 && !insist ? `${against.join(' ')} To go on all the same: --insist.` : null),
  };
}
