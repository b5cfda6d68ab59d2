import { type ClusterState, type Member, usualPolicy, usualWeight } from '../contract/cluster-state.ts';
import type { NodeChange } from '../contract/operations.ts';
import { isInSyncSet } from '../replication/sync-target.ts';
import type { PlanBody, PlanInput } from './plan-body.ts';

/** What a node is used for, and where it stands: in words, and as a plan (pure). */

export function nodeChangeWords(change: NodeChange): string {
  const { priority, noFailover, noLoadBalance, weight, zone } = change;
  const words = [
    ...(priority === undefined ? [] : [`priority ${priority}`]),
    ...(noFailover === undefined ? [] : [noFailover ? 'never made primary' : 'may be made primary']),
    ...(noLoadBalance === undefined ? [] : [noLoadBalance ? 'takes no reads' : 'takes reads']),
    ...(weight === undefined ? [] : [`weight ${weight}`]),
    ...(zone === undefined ? [] : [zone === null ? 'in no zone' : `in zone ${zone}`]),
  ];
  return words.join(', ');
}

/** What sets a node apart from one that nobody has set anything for. */
export function nodeNotes({ zone, policy }: Pick<Member, 'zone' | 'policy'>): string[] {
  return [
    ...(zone === null ? [] : [`zone ${zone}`]),
    ...(policy.noFailover ? ['never primary'] : []),
    ...(policy.noLoadBalance ? ['no reads'] : []),
    ...((policy.weight ?? usualWeight) === usualWeight ? [] : [`weight ${policy.weight}`]),
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
  return {
    ...base,
    summary: `Set ${node}: ${nodeChangeWords(change)}.`,
    warnings: state && change.noFailover === true ? barredWarnings(state, node) : [],
    refusal,
  };
}

/** What becomes of failovers. */
function barredWarnings(state: ClusterState, node: string): string[] {
  const others = Object.values(state.members).filter(
    ({ name, kind, policy }) =>
      kind === 'data' && name !== node && name !== state.reign.primary && !policy.noFailover,
  );
  if (state.reign.primary === node)
    return [
      `${node} stays primary; once it is lost or switched away from, it does not become primary again.`,
    ];
  const able = others.filter(({ name }) => isInSyncSet(state, name));
  if (able.length > 0) return [];
  return ['No standby is left that may become primary: when the primary is lost, the cluster waits for it.'];
}
