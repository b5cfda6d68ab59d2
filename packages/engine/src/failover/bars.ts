import type { ClusterState, Member } from '../contract/cluster-state.ts';
import { delayMsOf, upstreamSetFor } from '../replication/apart.ts';
import { durationWords } from '../shared/words.ts';
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

export function barOf(member: Member): Bar | null {
  const { name, maintenance, phase, policy } = member;
  if (maintenance)
    return { why: 'it is in maintenance', cure: `End that to go on: quantadb maintenance off ${name}.` };
  if (phase !== 'active') return { why: `it is ${phase}`, cure: null };
  const setIt = (option: string) => `Change that to go on: quantadb node set ${name} ${option}.`;
  const upstream = upstreamSetFor(member);
  if (upstream !== null)
    return { why: `it is set to stream from ${upstream}`, cure: setIt('--upstream primary') };
  const delayMs = delayMsOf(member);
  if (delayMs > 0)
    return { why: `it is delayed by ${durationWords(delayMs)} on purpose`, cure: setIt('--delay none') };
  if (!policy.noFailover) return null;
  return {
    why: 'it is set to be never made primary',
    cure: setIt('--failover yes'),
  };
}
