import type { Prisma } from '@quantadb/prisma/client';
import { z } from 'zod';
import { auditWithoutValues } from '../clusters/private-settings.ts';
import { mayOn } from '../people/roles.ts';
import { type Context, principalOf, procedure, router } from './init.ts';
import { limitSchema, seenBy } from './page.ts';
import { auditEntrySchema, clusterIdSchema, moment } from './shapes.ts';

const page = {
  before: z
    .string()
    .regex(/^\d{1,18}$/)
    .optional(),
  actor: z.string().max(200).optional(),
  action: z.string().max(100).optional(),
  limit: limitSchema,
};
type Page = z.infer<z.ZodObject<typeof page>>;

export const auditRouter = router({
  verify: procedure('administer', 'GET /audit/verify', 'Whether the audit log is as it was written')
    .input(z.object({}))
    .output(
      z.object({
        ok: z.boolean(),
        /** Entries whose hash is right, from the first one on. */
        checked: z.number().int(),
        /** Keep it elsewhere: it also shows when the newest entries are gone. */
        lastHash: z.string(),
        brokenAt: z.object({ id: z.string(), at: moment }).nullable(),
      }),
    )
    .query(async ({ ctx }) => {
      const { broken, ...verdict } = await ctx.services.audit.verify();
      return { ...verdict, brokenAt: broken && { id: String(broken.id), at: broken.at.toISOString() } };
    }),

  list: procedure('read', 'GET /audit', 'Who did what, newest first', 'anywhere')
    .input(z.object(page))
    .output(z.array(auditEntrySchema))
    .query(({ ctx, input }) => entries(ctx, input, seenBy(principalOf(ctx)))),

  ofCluster: procedure('read', 'GET /clusters/{clusterId}/audit', 'Who did what to a cluster, newest first')
    .input(z.object({ clusterId: clusterIdSchema, ...page }))
    .output(z.array(auditEntrySchema))
    .query(({ ctx, input }) => entries(ctx, input, { clusterId: input.clusterId })),
});

async function entries(ctx: Context, asked: Page, seen: Prisma.AuditEntryWhereInput) {
  const rows = await ctx.services.prisma.auditEntry.findMany({
    where: {
      ...(asked.before === undefined ? {} : { id: { lt: BigInt(asked.before) } }),
      ...(asked.actor === undefined ? {} : { actor: asked.actor }),
      ...(asked.action === undefined ? {} : { action: asked.action }),
      AND: seen,
    },
    orderBy: { id: 'desc' },
    take: asked.limit,
  });
  const principal = principalOf(ctx);
  return rows.map(({ id, at, ip: _ip, hash: _hash, ...entry }) => ({
    ...(mayOn(principal, entry.clusterId ?? '', 'operate') ? entry : auditWithoutValues(entry)),
    id: String(id),
    at: at.toISOString(),
  }));
}
