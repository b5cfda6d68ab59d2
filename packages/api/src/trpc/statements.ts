import { nodeNameSchema } from '@quantadb/engine/contract/cluster-state';
import { queryIdSchema, statementFiguresSchema } from '@quantadb/engine/contract/statements';
import { QuantaError } from '@quantadb/engine/shared/errors';
import { z } from 'zod';
import { dayMs } from '../history/daily-table.ts';
import { type StatementRange, statementDays, statementOrders } from '../history/statements.ts';
import { mayOn } from '../people/roles.ts';
import { principalOf, procedure, router } from './init.ts';
import { clusterIdSchema, moment } from './shapes.ts';

const shownMax = 100;
const nameSchema = z.string().max(300);
const rangeShape = {
  clusterId: clusterIdSchema,
  /** Only of this one. */
  node: nodeNameSchema.optional(),
  from: moment,
  to: moment,
};

export const statementsRouter = router({
  top: procedure(
    'read',
    'GET /clusters/{clusterId}/statements',
    'What PostgreSQL has spent its time on; the text of statements is for operators',
  )
    .input(
      z.object({
        ...rangeShape,
        order: z.enum(statementOrders).default('totalMs'),
        limit: z.coerce.number().int().min(1).max(shownMax).default(50),
      }),
    )
    .output(
      z.object({
        statements: z.array(
          statementFiguresSchema.extend({
            queryId: queryIdSchema,
            user: z.string(),
            database: z.string(),
            meanMs: z.number(),
            /** Without literals; null: it is not known, has a secret in it, or is not for who asks. */
            text: z.string().nullable(),
          }),
        ),
        /** Of every statement together, also of those that are not shown. */
        all: statementFiguresSchema,
        /** Which nodes have told, when last, and why one cannot. */
        sources: z.array(z.object({ node: z.string(), at: moment, problem: z.string().nullable() })),
        isTextHidden: z.boolean(),
      }),
    )
    .query(async ({ ctx, input }) => {
      const { order, limit } = input;
      const { statements: store } = ctx.services;
      const [{ statements, all }, sources] = await Promise.all([
        store.top(rangeOf(input), { order, limit }),
        store.sources(input.clusterId),
      ]);
      const isTextHidden = !mayOn(principalOf(ctx), input.clusterId, 'operate');
      return {
        statements: isTextHidden ? statements.map((each) => ({ ...each, text: null })) : statements,
        all,
        sources: sources.map(({ at, ...source }) => ({ ...source, at: at.toISOString() })),
        isTextHidden,
      };
    }),

  history: procedure(
    'read',
    'GET /clusters/{clusterId}/statements/{queryId}',
    'One statement over time; a stretch in which it did not run is missing',
  )
    .input(z.object({ ...rangeShape, queryId: queryIdSchema, user: nameSchema, database: nameSchema }))
    .output(
      z.object({ widthMs: z.number(), buckets: z.array(statementFiguresSchema.extend({ at: moment })) }),
    )
    .query(async ({ ctx, input }) => {
      const { queryId, user, database } = input;
      const { statements: store } = ctx.services;
      const { widthMs, buckets } = await store.history(rangeOf(input), { queryId, user, database });
      return {
        widthMs,
        buckets: buckets.map(({ atMs, ...figures }) => ({ ...figures, at: new Date(atMs).toISOString() })),
      };
    }),
});

/** @throws QuantaError PROTOCOL_VIOLATION */
function rangeOf(input: {
  clusterId: string;
  node?: string | undefined;
  from: string;
  to: string;
}): StatementRange {
  const { clusterId, node = null, from, to } = input;
  const range = { clusterId, node, fromMs: Date.parse(from), toMs: Date.parse(to) };
  if (range.fromMs < range.toMs && range.toMs - range.fromMs <= statementDays * dayMs) return range;
  throw new QuantaError('PROTOCOL_VIOLATION', `from must lie before to, at most ${statementDays} days apart`);
}
