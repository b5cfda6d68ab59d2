import { QuantaError } from '@quantadb/engine/shared/errors';
import type { Services } from '../services.ts';

/**
 * The hosts of a cluster that have PostgreSQL; of one node alone where it is named.
 *
 * @throws QuantaError NOT_FOUND
 */
export async function dataHosts(
  { prisma }: Pick<Services, 'prisma'>,
  clusterId: string,
  node?: string,
): Promise<string[]> {
  const named = node === undefined ? {} : { name: node };
  const hosts = await prisma.host.findMany({
    where: { clusterId, revokedAt: null, kind: 'data', ...named },
    orderBy: { name: 'asc' },
    select: { name: true },
  });
  if (hosts.length > 0) return hosts.map(({ name }) => name);
  throw new QuantaError('NOT_FOUND', 'no such cluster, or no such node with PostgreSQL in it');
}
