import { z } from 'zod';

/** Done, or why not. */
export const refusableSchema = z.union([
  z.object({ ok: z.literal(true) }),
  z.object({ ok: z.literal(false), reason: z.string() }),
]);
export type Refusable = z.infer<typeof refusableSchema>;
