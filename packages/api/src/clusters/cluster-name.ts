import type { Services } from '../services.ts';

/** For what outlives its cluster: the name people knew it by, or its id. */
export async function clusterNameOf(
  { prisma }: Pick<Services, 'prisma'>,
  clusterId: string,
): Promise<string> {
  const cluster = await prisma.cluster.findUnique({ where: { id: clusterId }, select: { name: true } });
  return cluster?.name ?? clusterId;
}
