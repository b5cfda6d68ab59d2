import { QuantaError } from '@quantadb/engine/shared/errors';
import type { PrismaClient, Role } from '@quantadb/prisma/client';

// A type, not an interface: it goes into the audit log as JSON.
export type ClusterRole = { clusterId: string; role: Role };

/** Taken by whatever could leave an installation without an administrator, or with two first ones. */
export const administratorsLock = 4_716_003n;

/**
 * @param roles without `clusterRoles` those on single clusters stay
 * @throws QuantaError NOT_FOUND, REFUSED for the last administrator
 */
export async function setRole(
  prisma: PrismaClient,
  id: string,
  { role, clusterRoles }: { role: Role; clusterRoles?: ClusterRole[] | undefined },
): Promise<{ email: string; before: { role: Role; clusterRoles: ClusterRole[] } }> {
  return prisma.$transaction(async (transaction) => {
    const include = { clusterRoles: { select: { clusterId: true, role: true } } };
    const user = await transaction.user.findUnique({ where: { id }, include });
    if (!user) throw new QuantaError('NOT_FOUND', 'no such person');
    await keepOneAdmin(transaction, { id, staysAdmin: role === 'admin' });
    await transaction.user.update({ where: { id }, data: { role } });
    if (clusterRoles) {
      await requireClusters(transaction, clusterRoles);
      await transaction.personClusterRole.deleteMany({ where: { userId: id } });
      const data = clusterRoles.map((each) => ({ ...each, userId: id }));
      await transaction.personClusterRole.createMany({ data });
    }
    return { email: user.email, before: { role: user.role, clusterRoles: user.clusterRoles } };
  });
}

/** @throws QuantaError REFUSED */
export async function keepOneAdmin(
  transaction: Pick<PrismaClient, 'user' | '$executeRaw'>,
  change: { id: string; staysAdmin: boolean },
): Promise<void> {
  await transaction.$executeRaw`SELECT pg_advisory_xact_lock(${administratorsLock})`;
  if (change.staysAdmin) return;
  const others = await transaction.user.count({ where: { role: 'admin', id: { not: change.id } } });
  if (others === 0)
    throw new QuantaError('REFUSED', 'this is the last administrator', {
      hint: 'Make somebody else one first.',
    });
}

/** @throws QuantaError NOT_FOUND naming the first one that is not there */
export async function requireClusters(
  prisma: Pick<PrismaClient, 'cluster'>,
  roles: ClusterRole[],
): Promise<void> {
  const ids = roles.map(({ clusterId }) => clusterId);
  const rows = await prisma.cluster.findMany({ where: { id: { in: ids } }, select: { id: true } });
  const known = new Set(rows.map(({ id }) => id));
  const missing = ids.find((id) => !known.has(id.toLowerCase()));
  if (missing) throw new QuantaError('NOT_FOUND', `there is no cluster ${missing}`);
}
