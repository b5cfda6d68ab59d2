import type { Role } from '@quantadb/prisma/client';

/** Who may do what, in one place (pure). Every procedure names its permission; a test walks all of them. */
export const permissions = {
  read: 'viewer',
  operate: 'operator',
  administer: 'admin',
} as const satisfies Record<string, Role>;
export type Permission = keyof typeof permissions;

/**
 * What a permission is asked for: `cluster`, the one that the request names; `anywhere`, at least one cluster, and the answer
 * holds what may be seen; `installation`, all of them; `self`, being signed in.
 */
export type Scope = 'installation' | 'cluster' | 'anywhere' | 'self';

/** What somebody may do: on all clusters, and on single ones instead. */
export interface Roles {
  role: Role;
  /** By the id of the cluster. */
  clusters: Readonly<Record<string, Role>>;
}

const rank: Record<Role, number> = { none: -1, viewer: 0, operator: 1, admin: 2 };

export function allows(role: Role, permission: Permission): boolean {
  return rank[role] >= rank[permissions[permission]];
}

/** An administrator of everything could give himself any role: he has it. */
export function roleOn({ role, clusters }: Roles, clusterId: string): Role {
  if (role === 'admin') return role;
  // PostgreSQL writes ids in small letters, and takes both.
  const id = clusterId.toLowerCase();
  return Object.hasOwn(clusters, id) ? (clusters[id] ?? role) : role;
}

export function mayOn(roles: Roles, clusterId: string, permission: Permission): boolean {
  return allows(roleOn(roles, clusterId), permission);
}

export function maySomewhere(roles: Roles, permission: Permission): boolean {
  return [roles.role, ...Object.values(roles.clusters)].some((role) => allows(role, permission));
}

export interface Request {
  permission: Permission;
  scope: Scope;
  /** The cluster that the request names, as it came: it may be missing, or nonsense. */
  clusterId: unknown;
}

/** The one decision about every procedure. */
export function permits(roles: Roles, { permission, scope, clusterId }: Request): boolean {
  const onNamed = typeof clusterId === 'string' ? mayOn(roles, clusterId, permission) : true;
  switch (scope) {
    case 'self':
      return true;
    case 'anywhere':
      return maySomewhere(roles, permission);
    case 'cluster':
      return typeof clusterId === 'string' ? onNamed : allows(roles.role, permission);
    case 'installation':
      return allows(roles.role, permission) && onNamed;
  }
}

/** A token cannot do more than the person who made it, on any cluster. */
export function mayGrant(granter: Roles, wanted: Roles): boolean {
  const named = new Set([...Object.keys(granter.clusters), ...Object.keys(wanted.clusters)]);
  const isWithin = [...named].every((id) => rank[roleOn(granter, id)] >= rank[roleOn(wanted, id)]);
  return isWithin && rank[granter.role] >= rank[wanted.role];
}

/** Rows of the database as a record. */
export function clustersOf(rows: { clusterId: string; role: Role }[]): Record<string, Role> {
  return Object.fromEntries(rows.map(({ clusterId, role }) => [clusterId.toLowerCase(), role]));
}
