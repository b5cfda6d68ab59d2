import type { ClusterState, Member } from '../contract/cluster-state.ts';
import type { Bar } from './decide.ts';

/** Who must not become primary, and what would change that (pure). */
export function barsOf(state: Pick<ClusterState, 'members'>): Map<string, Bar> {
  const bars = new Map<string, Bar>();
  for (const member of Object.values(state.members)) {
    const bar = barOf(member);
    if (bar) bars.set(member.name, bar);
  }
  return bars;
}

function barOf({ name, maintenance, phase, policy }: Member): Bar | null {
  if (maintenance)
    return { why: 'it is in maintenance', cure: `End that to go on: quantadb maintenance off ${name}.` };
  if (phase !== 'active') return { why: `it is ${phase}`, cure: null };
  if (!policy.noFailover) return null;
  return {
    why: 'it is set to be never made primary',
    cure: `Change that to go on: quantadb node set ${name} --failover yes.`,
  };
}
