import { type ClusterState, type Member, usualPolicy, usualWeight } from '../contract/cluster-state.ts';
import type { NodeChange } from '../contract/operations.ts';
import { delayMsOf, isApart } from '../replication/apart.ts';
import { intendedTarget, isInSyncSet } from '../replication/sync-target.ts';
import { durationWords } from '../shared/words.ts';
import type { PlanBody, PlanInput } from './plan-body.ts';
import { whyWritesWouldStop } from './plan-members.ts';
import { quorumAfterWords } from './plan-words.ts';
import { whyNotApart } from './standby-kind.ts';

/** What a node is used for, and where it stands: in words, and as a plan (pure). */

export function nodeChangeWords(change: NodeChange): string {
  const { priority, noFailover, noLoadBalance, weight, upstream, applyDelayMs, zone } = change;
  const words = [
    ...(priority === undefined ? [] : [`priority ${priority}`]),
    ...(noFailover === undefined ? [] : [noFailover ? 'never made primary' : 'may be made primary']),
    ...(noLoadBalance === undefined ? [] : [noLoadBalance ? 'takes no reads' : 'takes reads']),
    ...(weight === undefined ? [] : [`weight ${weight}`]),
    ...(upstream === undefined ? [] : [`streams from ${upstream ?? 'the primary'}`]),
    ...(applyDelayMs === undefined ? [] : [delayWords(applyDelayMs)]),
    ...(zone === undefined ? [] : [zone === null ? 'in no zone' : `in zone ${zone}`]),
  ];
  return words.join(', ');
}

function delayWords(applyDelayMs: number): string {
  return applyDelayMs === 0 ? 'not delayed' : `delayed by ${durationWords(applyDelayMs)} on purpose`;
}

/** What sets a node apart from one that nobody has set anything for. */
export function nodeNotes({ zone, policy }: Pick<Member, 'zone' | 'policy'>): string[] {
  return [
    ...(zone === null ? [] : [`zone ${zone}`]),
    ...(policy.noFailover ? ['never primary'] : []),
    ...(policy.noLoadBalance ? ['no reads'] : []),
    ...((policy.weight ?? usualWeight) === usualWeight ? [] : [`weight ${policy.weight}`]),
    ...(policy.upstream ? [`upstream ${policy.upstream}`] : []),
    ...(policy.applyDelayMs ? [delayWords(policy.applyDelayMs)] : []),
    ...(policy.priority === usualPolicy.priority ? [] : [`priority ${policy.priority}`]),
  ];
}

export function planNode(input: PlanInput, base: PlanBody, node: string, change: NodeChange): PlanBody {
  const { state } = input;
  const member = state?.members[node];
  const holdsData = member?.kind === 'data';
  const isAboutData = Object.entries(change).some(([key, value]) => key !== 'zone' && value !== undefined);
  let { refusal } = base;
  if (!refusal && !member) refusal = `${node} is no member of this cluster. See: quantadb nodes.`;
  if (!refusal && member && !holdsData && isAboutData)
    refusal = `${node} is a ${member.kind}: it holds no data, and only its zone can be set.`;
  const after = state && member ? withPolicy(state, member, change) : null;
  const isSetApart = after !== null && isApart(after.members[node]) && !isApart(member);
  if (!refusal && state) refusal = whyNotApart(state, node, change);
  if (!refusal && isSetApart && after) refusal = whyWritesWouldStop(input, after);
  const barred = state && (change.noFailover === true || isSetApart) ? barredWarnings(state, node) : [];
  return {
    ...base,
    summary: `Set ${node}: ${nodeChangeWords(change)}.`,
    quorumAfter: isSetApart && after ? quorumAfterWords(input.votersNow.size, after) : base.quorumAfter,
    warnings: state ? [...apartWarnings(input, after, node), ...barred] : [],
    refusal,
  };
}

function withPolicy(
  state: ClusterState,
  member: Member,
  { zone: _zone, ...change }: NodeChange,
): ClusterState {
  const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
  const changed = { ...member, policy: { ...member.policy, ...given } };
  return { ...state, members: { ...state.members, [member.name]: changed } };
}

/** What else changes for a node that confirms nothing to the primary any more, or does again. */
function apartWarnings(input: PlanInput, after: ClusterState | null, node: string): string[] {
  const { state } = input;
  const [was, is] = [state?.members[node], after?.members[node]];
  if (!state || !after || !is || (!isApart(was) && !isApart(is))) return [];
  const delayMs = delayMsOf(is);
  const isDelayed = delayMs > 0 && delayMs !== delayMsOf(was);
  const first = isInSyncSet(state, node) ? 'It leaves the synchronous set first, and' : 'It';
  return [
    ...(isApart(is) && !isApart(was)
      ? [
          `${first} is never made primary and no write waits for it.`,
          ...(intendedTarget(after).standbys.length === 0
            ? ['No standby is left that confirms writes: losing the primary loses the newest.']
            : []),
        ]
      : []),
    ...(isDelayed
      ? [
          `It takes no reads from routers and health endpoints. After a restart or a failover it receives nothing until it has replayed what it holds, which takes up to ${durationWords(delayMs)}; until then its slot keeps the WAL on every node, as far as max_slot_wal_keep_size allows.`,
        ]
      : []),
    ...(delayMs < delayMsOf(was) ? ['What it was kept from until now is replayed at once.'] : []),
  ];
}

/** What becomes of failovers. */
function barredWarnings(state: ClusterState, node: string): string[] {
  const others = Object.values(state.members).filter(
    (member) =>
      member.kind === 'data' &&
      member.name !== node &&
      member.name !== state.reign.primary &&
      !member.policy.noFailover &&
      !isApart(member),
  );
  if (state.reign.primary === node)
    return [
      `${node} stays primary; once it is lost or switched away from, it does not become primary again.`,
    ];
  const able = others.filter(({ name }) => isInSyncSet(state, name));
  if (able.length > 0) return [];
  return ['No standby is left that may become primary: when the primary is lost, the cluster waits for it.'];
}
