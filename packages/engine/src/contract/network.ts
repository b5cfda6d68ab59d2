import { z } from 'zod';

/** Who sees whom, as the daemons of a cluster find it out by probing each other about once a second. */

const nodesMax = 64;
const nameSchema = z.string().max(40);

/** One other node as this one hears it. Ages in milliseconds; null: never heard since this daemon started. */
export const contactSchema = z.object({
  node: nameSchema,
  hears: z.boolean(),
  /** Since its last answer on the Raft port, and on the API port. */
  raftAgeMs: z.number().int().nullable(),
  apiAgeMs: z.number().int().nullable(),
  /** Wall clock since when it is not heard on both; null while it is. */
  silentSinceMs: z.number().nullable(),
});
export type Contact = z.infer<typeof contactSchema>;
export const contactsSchema = z.array(contactSchema).max(nodesMax);

export const networkKinds = ['connected', 'cut-off', 'split', 'partial', 'one-way', 'mixed'] as const;

/** The shape of the network in words and as a matrix: a node in neither list of a row is unknown to that node. */
export const networkSchema = z.object({
  kind: z.enum(networkKinds),
  verdict: z.string().max(4000),
  rows: z
    .array(
      z.object({
        node: nameSchema,
        hears: z.array(nameSchema).max(nodesMax),
        deafTo: z.array(nameSchema).max(nodesMax),
      }),
    )
    .max(nodesMax),
});
export type Network = z.infer<typeof networkSchema>;
