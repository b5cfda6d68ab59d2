import { QuantaError } from '@quantadb/engine/shared/errors';
import { z } from 'zod';
import { procedure, router } from './init.ts';
import { clusterIdSchema } from './shapes.ts';

const protectionSchema = z.object({ isProtected: z.boolean() });

export const protectionRouter = router({
  get: procedure(
    'read',
    'GET /clusters/{clusterId}/protection',
    'Whether what would lose its data is refused',
  )
    .input(z.object({ clusterId: clusterIdSchema }))
    .output(protectionSchema)
    .query(async ({ ctx, input }) => {
      const row = await ctx.services.prisma.cluster.findUnique({ where: { id: input.clusterId } });
      if (!row) throw new QuantaError('NOT_FOUND', 'no such cluster');
      return { isProtected: row.isProtected };
    }),

  set: procedure(
    'administer',
    'POST /clusters/{clusterId}/protection',
    'Protects a cluster from what would lose its data, or takes that off',
  )
    .input(protectionSchema.extend({ clusterId: clusterIdSchema, reason: z.string().trim().min(3).max(500) }))
    .output(protectionSchema)
    .mutation(async ({ ctx, input }) => {
      const { prisma, audit } = ctx.services;
      const { clusterId, isProtected, reason } = input;
      const row = await prisma.cluster.findUnique({ where: { id: clusterId } });
      if (!row) throw new QuantaError('NOT_FOUND', 'no such cluster');
      await prisma.cluster.update({ where: { id: clusterId }, data: { isProtected } });
      const action = isProtected ? 'protect-cluster' : 'take-protection-off';
      const change = { before: { isProtected: row.isProtected }, after: { isProtected } };
      await audit.write(ctx, { action, target: row.name, reason, ...change, outcome: 'done' });
      return { isProtected };
    }),
});
