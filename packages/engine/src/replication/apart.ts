import type { Member } from '../contract/cluster-state.ts';

/**
 * Standbys that stand apart (pure): those that stream from another standby, and those that are kept behind on purpose. The
 * first confirm nothing to the primary, what the second hold is not shown: neither is ever part of the synchronous set, so
 * neither votes about WAL nor becomes primary.
 */

/** Whom somebody set it to stream from, whether it can now or not. */
export function upstreamSetFor(member: Pick<Member, 'policy'> | undefined): string | null {
  return member?.policy.upstream ?? null;
}

export function delayMsOf(member: Pick<Member, 'policy'> | undefined): number {
  return member?.policy.applyDelayMs ?? 0;
}

export function isApart(member: Pick<Member, 'policy'> | undefined): boolean {
  return upstreamSetFor(member) !== null || delayMsOf(member) > 0;
}
