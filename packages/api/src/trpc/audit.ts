import type { Prisma } from '@quantadb/prisma/client';
import { z } from 'zod';
import type { ChainPlace } from '../audit/chain.ts';
import { auditWithoutValues } from '../clusters/private-settings.ts';
import { allows, mayOn } from '../people/roles.ts';
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
const hashSchema = z.string().regex(/^[0-9a-f]{64}$/, '64 hexadecimal digits');
const placeSchema = z.object({ id: z.string(), at: moment });
type Page = z.infer<z.ZodObject<typeof page>>;

export const auditRouter = router({
  verify: procedure('administer', 'GET /audit/verify', 'Whether the audit log is as it was written')
    .input(z.object({ kept: hashSchema.optional() }))
    .output(
      z.object({
        /** Every entry is as it was written, has its seal since there are seals, and the kept hash is among them. */
        ok: z.boolean(),
        /** Entries whose hash is right, from the first one on. */
        checked: z.number().int(),
        /** Keep it elsewhere, and ask for it the next time: it shows when the newest entries are gone. */
        lastHash: z.string(),
        brokenAt: placeSchema.nullable(),
        /** From here on entries have a seal that takes the installation's secret. Keep it as well. */
        sealedFrom: placeSchema.nullable(),
        /** Entries after that which have none: somebody took them off, or a console of an older release wrote them. */
        unsealed: z.object({ count: z.number().int(), first: placeSchema }).nullable(),
        /** The entry with the hash that was asked for. */
        keptAt: placeSchema.nullable(),
      }),
    )
    .query(async ({ ctx, input }) => {
      const { state, broken } = await ctx.services.audit.verify(input.kept);
      const { checked, previous: lastHash, sealedFrom, unsealed, kept } = state;
      const isKept = input.kept === undefined || kept !== null;
      return {
        ...{ ok: !broken && !unsealed && isKept, checked, lastHash },
        ...{ brokenAt: told(broken), sealedFrom: told(sealedFrom), keptAt: told(kept) },
        unsealed: unsealed && { count: unsealed.count, first: placeOf(unsealed.first) },
      };
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

function placeOf({ id, at }: ChainPlace): z.infer<typeof placeSchema> {
  return { id: String(id), at: at.toISOString() };
}

const told = (place: ChainPlace | null) => place && placeOf(place);

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
  return rows.map(({ id, at, ip, hash: _hash, seal: _seal, ...entry }) => ({
    ...(mayOn(principal, entry.clusterId ?? '', 'operate') ? entry : auditWithoutValues(entry)),
    address: allows(principal.role, 'administer') ? ip : null,
    id: String(id),
    at: at.toISOString(),
  }));
}
