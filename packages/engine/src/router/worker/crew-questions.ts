import { z } from 'zod';
import { showSubjects } from '../admin/commands.ts';

/** What the workers of one router ask each other, through the daemon. */

const databaseSchema = z.string().max(63).nullable();

export const crewQuestionSchema = z.discriminatedUnion('what', [
  z.object({ what: z.literal('show'), subject: z.enum(showSubjects) }),
  z.object({ what: z.literal('pause'), database: databaseSchema }),
  z.object({ what: z.literal('resume'), database: databaseSchema }),
  /** How many sessions have a transaction under way. */
  z.object({ what: z.literal('busy'), database: databaseSchema }),
  /** Functions, views or operators of that database are others now. */
  z.object({ what: z.literal('redefined'), database: z.string().max(63) }),
  /** A client's cancel request has come to another worker than its session. */
  z.object({
    what: z.literal('cancel'),
    processId: z.number().int(),
    secret: z.string().regex(/^([0-9a-f]{2}){4,256}$/),
  }),
]);
export type CrewQuestion = z.infer<typeof crewQuestionSchema>;

const tableSchema = z.object({
  columns: z.array(z.string()),
  rows: z.array(z.array(z.string().nullable())),
});
/** Null: done, and there is nothing to say. */
export const crewAnswerSchema = z.union([tableSchema, z.number().int(), z.null()]);
export type CrewAnswer = z.infer<typeof crewAnswerSchema>;

/** One of the workers that share a router's port. */
export interface CrewPlace {
  index: number;
  count: number;
}

export const workersMax = 32;
/** Of the numbers by which clients cancel: which worker gave it. */
const indexBits = 24;

/** The first number that this worker gives its sessions, and how many there are. */
export function idsOf({ index }: CrewPlace): { first: number; count: number } {
  return { first: index << indexBits, count: 1 << indexBits };
}

/** Whose session it is, whatever kind of session. */
export function workerOf(id: number): number {
  return (id >> indexBits) & (workersMax - 1);
}
