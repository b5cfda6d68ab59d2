import type { Role } from '@quantadb/prisma/client';

/** Whom an identity provider may let in, and as what. */
export interface OidcRules {
  /** Small letters; empty: addresses of every domain. */
  domains: readonly string[];
  /** The provider says of no address that it is verified, and all of them are. */
  trustsEmail: boolean;
  groupsClaim: string;
  /** By group; empty: roles are given in the console. */
  roles: Readonly<Record<string, Role>>;
  /** Of somebody who is new, and of whoever is in no group that is named. */
  defaultRole: 'none' | 'viewer';
}

export type Judgement =
  | { ok: true; role: Role; isRoleByGroups: boolean }
  | { ok: false; reason: 'email_missing' | 'email_not_verified' | 'domain_not_allowed' };

const rank: Role[] = ['none', 'viewer', 'operator', 'admin'];

/** Pure. What the claims do not say counts against whoever brings them. */
export function judgeClaims(claims: Record<string, unknown>, rules: OidcRules): Judgement {
  const { email } = claims;
  if (typeof email !== 'string' || !/^[^@\s]+@[^@\s]+$/.test(email))
    return { ok: false, reason: 'email_missing' };
  const isVerified = claims.email_verified === true || claims.email_verified === 'true';
  if (!isVerified && !rules.trustsEmail) return { ok: false, reason: 'email_not_verified' };
  const domain = email.slice(email.indexOf('@') + 1).toLowerCase();
  if (rules.domains.length > 0 && !rules.domains.includes(domain)) {
    return { ok: false, reason: 'domain_not_allowed' };
  }
  const groups = groupsIn(claims[rules.groupsClaim]);
  const given = groups.flatMap((group) => (Object.hasOwn(rules.roles, group) ? [rules.roles[group]] : []));
  const highest = rank.findLast((role) => given.includes(role));
  return {
    ok: true,
    role: highest ?? rules.defaultRole,
    isRoleByGroups: Object.keys(rules.roles).length > 0,
  };
}

function groupsIn(claim: unknown): string[] {
  if (typeof claim === 'string') return [claim];
  return Array.isArray(claim) ? claim.filter((each): each is string => typeof each === 'string') : [];
}
