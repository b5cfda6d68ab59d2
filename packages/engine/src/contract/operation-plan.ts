import { z } from 'zod';
import { operationKindSchema } from './cluster-state.ts';
import { restoreWaySchema } from './restore-target.ts';

/** What the operation will do, shown before it runs. */
export const operationPlanSchema = z.object({
  /** Of the operation that would run, or that would be cancelled. */
  kind: operationKindSchema,
  summary: z.string(),
  steps: z.array(z.string()),
  /** One sentence, "none" when writes go on. */
  writePause: z.string(),
  quorumBefore: z.string(),
  quorumAfter: z.string(),
  warnings: z.array(z.string()),
  /** Why it cannot run, with the next step; null when it can. */
  refusal: z.string().nullable(),
  /** SHA-256 over the canonical plan and the cluster state's revision. */
  hash: z.string(),
  revision: z.number(),
  /** Of a restore in place; absent: nothing is restored. */
  way: restoreWaySchema.optional(),
  expiresAtMs: z.number(),
});
export type OperationPlan = z.infer<typeof operationPlanSchema>;

/** What a start is refused with when things are not any more as its plan saw them: whoever decides may plan anew. */
export const outdatedWords = 'has changed since the plan was made';
