import type { ClusterStatus } from '@quantadb/engine/contract/status';
import { QuantaError } from '@quantadb/engine/shared/errors';
import type { PrismaClient } from '@quantadb/prisma/client';
import type { Intent } from '../trpc/shapes.ts';

/**
 * Why a protected cluster is kept from an operation; null when it is not (pure).
 *
 * @param retried what kind of operation a retry would go on with
 */
export function dangerOf(
  intent: Intent,
  {
    nodes,
    retried,
  }: { nodes: readonly Pick<ClusterStatus['nodes'][number], 'name' | 'kind'>[]; retried: string | null },
): string | null {
  const kind = intent.kind === 'retry-operation' ? retried : intent.kind;
  if (kind === 'restore-in-place') return 'a restore in place gives up what was written after the moment';
  if (intent.kind !== 'remove-node') return null;
  const others = nodes.filter((node) => node.kind === 'data' && node.name !== intent.node);
  const isData = nodes.some((node) => node.name === intent.node && node.kind === 'data');
  return isData && others.length === 0 ? `${intent.node} holds the last copy of the data` : null;
}

/**
 * Held by the control plane, not agreed on by the cluster: it keeps people from doing by a click or a command what cannot be
 * taken back. Whoever has root on a host, or an operator's certificate, needs no console for that.
 *
 * @throws QuantaError REFUSED, naming the next step
 */
export async function refuseWhenProtected(
  prisma: PrismaClient,
  clusterId: string,
  intent: Intent,
): Promise<void> {
  const cluster = await prisma.cluster.findUnique({ where: { id: clusterId } });
  if (!cluster?.isProtected) return;
  const status = cluster.status as ClusterStatus | null;
  const retried =
    intent.kind === 'retry-operation' ? await kindOf(prisma, clusterId, intent.operation) : null;
  const danger = dangerOf(intent, { nodes: status?.nodes ?? [], retried });
  if (danger === null) return;
  throw new QuantaError('REFUSED', `${cluster.name} is protected: ${danger}`, {
    hint: 'An administrator takes the protection off first, with a reason, on the page of the cluster.',
  });
}

async function kindOf(prisma: PrismaClient, clusterId: string, id: string | null): Promise<string | null> {
  const where = id === null ? { clusterId } : { clusterId, id };
  const row = await prisma.operation.findFirst({ where, orderBy: { startedAt: 'desc' } });
  return row?.kind ?? null;
}
