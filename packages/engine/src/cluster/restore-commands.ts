import { z } from 'zod';
import { restoringSchema } from '../contract/cluster-state.ts';

/** The commands of the log about restores in place; part of `commandSchema`. */

const id = z.string().min(1).max(64);

export const restoreCommandSchemas = [
  /** A timeline is kept free for what the node restores beside its data. */
  z.object({ kind: z.literal('begin-restore'), id, node: restoringSchema.shape.node }),
  /** The copy is there; its history tells which way it has gone. */
  z.object({
    kind: z.literal('restore-ready'),
    id,
    history: restoringSchema.shape.history.min(1),
    words: restoringSchema.shape.words,
  }),
  /** From now on nobody is primary until the copy is in place, or the restore has come to nothing. */
  z.object({ kind: z.literal('place-restore'), id, epoch: z.number().int().min(1) }),
  /** Said by the node: the copy is in the place of its data. Its reign begins. */
  z.object({ kind: z.literal('open-restore'), id }),
] as const;
