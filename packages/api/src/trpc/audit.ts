import { z } from 'zod';
import { procedure, router } from './init.ts';
import { auditEntrySchema, moment } from './shapes.ts';

const pageMax = 200;

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

  list: procedure('read', 'GET /audit', 'Who did what, newest first')
    .input(
      z.object({
        before: z.string().regex(/^\d+$/).optional(),
        actor: z.string().max(200).optional(),
        action: z.string().max(100).optional(),
        limit: z.coerce.number().int().min(1).max(pageMax).default(50),
      }),
    )
    .output(z.array(auditEntrySchema))
    .query(async ({ ctx, input }) => {
      const rows = await ctx.services.prisma.auditEntry.findMany({
        where: {
          ...(input.before === undefined ? {} : { id: { lt: BigInt(input.before) } }),
          ...(input.actor === undefined ? {} : { actor: input.actor }),
          ...(input.action === undefined ? {} : { action: input.action }),
        },
        orderBy: { id: 'desc' },
        take: input.limit,
      });
      return rows.map(({ id, at, ip: _ip, hash: _hash, ...entry }) => ({
        ...entry,
        id: String(id),
        at: at.toISOString(),
      }));
    }),
});
