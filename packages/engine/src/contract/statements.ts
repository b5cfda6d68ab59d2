import { z } from 'zod';

/** What a node's PostgreSQL has spent its time on since the look before, as pg_stat_statements counts it. */

export const statementsTopMax = 50;
export const statementTextMax = 1000;

export const statementFigureNames = [
  'calls',
  'totalMs',
  'rows',
  'blocksHit',
  'blocksRead',
  'tempBlocks',
  'walBytes',
] as const;
export type StatementFigure = (typeof statementFigureNames)[number];

const figureSchema = z.number().min(0);
export const statementFiguresSchema = z.object({
  calls: figureSchema,
  totalMs: figureSchema,
  rows: figureSchema,
  /** Shared blocks found in shared buffers, and read from outside of them. */
  blocksHit: figureSchema,
  blocksRead: figureSchema,
  /** Blocks of temporary files, written and read. */
  tempBlocks: figureSchema,
  walBytes: figureSchema,
});
export type StatementFigures = z.infer<typeof statementFiguresSchema>;

/** PostgreSQL's own 64-bit hash of a statement without its literals. */
export const queryIdSchema = z.string().regex(/^-?\d{1,20}$/);
const nameSchema = z.string().max(63 * 4);

export const statementSpentSchema = statementFiguresSchema.extend({
  queryId: queryIdSchema,
  user: nameSchema,
  database: nameSchema,
  /** Without literals; null: it is not known, or has a secret in it. */
  text: z.string().max(statementTextMax).nullable(),
});
export type StatementSpent = z.infer<typeof statementSpentSchema>;

export const statementsToldSchema = z.object({
  /** By the host's clock; names the look. */
  atMs: z.number(),
  /** What most time was spent on, most first. */
  top: z.array(statementSpentSchema).max(statementsTopMax),
  /** All others together. */
  rest: statementFiguresSchema,
  /** Why nothing is counted, with the next step; null: it is. */
  problem: z.string().max(1000).nullable(),
});
export type StatementsTold = z.infer<typeof statementsToldSchema>;
