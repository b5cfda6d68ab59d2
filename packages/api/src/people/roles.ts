import type { Role } from '@quantadb/prisma/client';

/** Who may do what, in one place (pure). Every procedure names its permission; a test walks all of them. */
export const permissions = {
  read: 'viewer',
  operate: 'operator',
  administer: 'admin',
} as const satisfies Record<string, Role>;
export type Permission = keyof typeof permissions;

const rank: Record<Role, number> = { viewer: 0, operator: 1, admin: 2 };

export function allows(role: Role, permission: Permission): boolean {
  return rank[role] >= rank[permissions[permission]];
}

/** A token cannot do more than the person who made it. */
export function mayGrant(granter: Role, role: Role): boolean {
  return rank[granter] >= rank[role];
}
