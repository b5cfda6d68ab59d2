import { type FailoverView, failoverViewSchema } from '@quantadb/engine/contract/status';
import { QuantaError } from '@quantadb/engine/shared/errors';
import { z } from 'zod';
import { procedure, router } from './init.ts';
import { olderThan, pageByMoment } from './page.ts';
import { clusterIdSchema, moment } from './shapes.ts';

const failoverRowSchema = z.object({
  id: z.string(),
  kind: z.string(),
  state: z.string(),
  oldPrimary: z.string().nullable(),
  newPrimary: z.string().nullable(),
  reason: z.string(),
  /** Null: not known yet. */
  dataLossPossible: z.boolean().nullable(),
  startedAt: moment,
  endedAt: moment.nullable(),
});

export const failoversRouter = router({
  list: procedure(
    'read',
    'GET /clusters/{clusterId}/failovers',
    'Failovers and switchovers of a cluster, newest first',
  )
    .input(
      z.object({
        clusterId: clusterIdSchema,
        /** By `startedAt`. */
        ...pageByMoment(z.string().max(100)),
      }),
    )
    .output(z.array(failoverRowSchema))
    .query(async ({ ctx, input }) => {
      const { clusterId, limit } = input;
      const rows = await ctx.services.prisma.failover.findMany({
        where: { clusterId, ...olderThan(input, (startedAt) => ({ startedAt })) },
        orderBy: [{ startedAt: 'desc' }, { id: 'desc' }],
        take: limit,
      });
      return rows.map(({ id, kind, state, oldPrimary, newPrimary, startedAt, endedAt, view }) => {
        const { reason, dataLoss } = view as unknown as FailoverView;
        return {
          ...{ id, kind, state, oldPrimary, newPrimary, reason },
          dataLossPossible: dataLoss?.possible ?? null,
          startedAt: startedAt.toISOString(),
          endedAt: endedAt?.toISOString() ?? null,
        };
      });
    }),

  get: procedure(
    'read',
    'GET /clusters/{clusterId}/failovers/{failoverId}',
    'One failover, explained: what was seen, who was asked, who could take over and why, what may be lost',
  )
    .input(z.object({ clusterId: clusterIdSchema, failoverId: z.string().min(1).max(100) }))
    .output(z.object({ failover: failoverViewSchema, endedAt: moment.nullable() }))
    .query(async ({ ctx, input }) => {
      const { clusterId, failoverId: id } = input;
      const where = { clusterId_id: { clusterId, id } };
      const row = await ctx.services.prisma.failover.findUnique({ where });
      if (!row)
        throw new QuantaError('NOT_FOUND', 'no such failover, or the control plane has not heard of it yet');
      return {
        failover: row.view as unknown as FailoverView,
        endedAt: row.endedAt?.toISOString() ?? null,
      };
    }),
});
