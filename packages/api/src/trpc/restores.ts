import { addressesSchema, nodeNameSchema } from '@quantadb/engine/contract/cluster-state';
import { type RestoreInto, restoreIntoPlanSchema } from '@quantadb/engine/contract/restore';
import { restoreTargetSchema, restoreWaySchema } from '@quantadb/engine/contract/restore-target';
import { QuantaError } from '@quantadb/engine/shared/errors';
import { z } from 'zod';
import { attempt } from '../audit/attempt.ts';
import { withAnyHost } from '../clusters/any-host.ts';
import type { Services } from '../services.ts';
import { procedure, requesterOf, router } from './init.ts';
import { clusterIdSchema } from './shapes.ts';

const intoSchema = z.object({
  clusterId: clusterIdSchema,
  /** A host that is in no cluster. */
  host: nodeNameSchema,
  /** Name of the new cluster. */
  cluster: nodeNameSchema,
  target: restoreTargetSchema,
});

/**
 * A moment of a cluster becomes a new cluster, beside the one it comes from. The secrets of the repository go from host to
 * host: nobody types them again, and the control plane never sees them.
 */
export const restoresRouter = router({
  plan: procedure(
    'operate',
    'POST /clusters/{clusterId}/restores/plan',
    'What a restore into a new cluster would take, without doing it',
  )
    .input(intoSchema)
    .output(restoreIntoPlanSchema)
    .mutation(async ({ ctx, input }) => {
      const request = await requestOf(ctx.services, input);
      return withAnyHost(ctx.services, input.clusterId, (host) =>
        ctx.services.links.call(host, 'planRestoreInto', request),
      );
    }),

  start: procedure(
    'operate',
    'POST /clusters/{clusterId}/restores',
    'Restores a moment into a new cluster on a host that is in none',
  )
    .input(
      intoSchema.extend({
        planHash: z.string().max(100),
        /** Backup and timeline that the plan has shown; the restore is refused when they are others by now. */
        way: restoreWaySchema.optional(),
        reason: z.string().max(500).default(''),
      }),
    )
    .output(z.object({ operationId: z.string() }))
    .mutation(async ({ ctx, input }) => {
      const { services } = ctx;
      const { planHash, way, reason, ...wanted } = input;
      const record = { action: 'restore-cluster', target: input.cluster, reason, after: wanted };
      return attempt(ctx, {
        ...record,
        ask: async () => {
          const request = await requestOf(services, input);
          const asked = { ...request, planHash, reason, requestedBy: requesterOf(ctx) };
          const start = { ...asked, ...(way ? { way } : {}) };
          return withAnyHost(services, input.clusterId, (host) =>
            services.links.call(host, 'startRestoreInto', start),
          );
        },
        ended: ({ operationId }) => ({ outcome: 'started', detail: operationId }),
      });
    }),
});

/** With what the control plane knows: where the host is, and which names are taken. */
async function requestOf(
  { prisma }: Services,
  { host: name, cluster, target }: z.infer<typeof intoSchema>,
): Promise<RestoreInto> {
  const host = await prisma.host.findUnique({ where: { name } });
  if (!host || host.revokedAt) throw new QuantaError('NOT_FOUND', `no host named ${name} is enrolled`);
  if (host.clusterId) throw new QuantaError('REFUSED', `${name} is a node of a cluster already`);
  const namesake = await prisma.cluster.findUnique({ where: { name: cluster }, select: { id: true } });
  if (namesake)
    throw new QuantaError('REFUSED', `there is a cluster named ${cluster} already: choose another name`);
  return { host: { name, addresses: addressesSchema.parse(host.addresses) }, cluster, target };
}
