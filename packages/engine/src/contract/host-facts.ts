import { z } from 'zod';

/** What a host says of itself before it takes a role (one side), and what it would have to match (the other). */

export const hostFactsSchema = z.object({
  atMs: z.number(),
  /** Where its data directory is, or will be. */
  freeBytes: z.number(),
  /** Of PostgreSQL's programs, as "15.18". */
  postgresVersion: z.string(),
  /** Of the C library, which text is sorted by. */
  collationVersion: z.string().nullable(),
  /** Wanted libraries that are not installed. */
  missingLibraries: z.array(z.string().max(200)),
  /** Its ports that somebody else has taken. */
  takenPorts: z.array(z.number().int()),
});
export type HostFacts = z.infer<typeof hostFactsSchema>;

export const serverFactsSchema = z.object({
  dataBytes: z.number(),
  postgresVersion: z.string(),
  collationVersion: z.string().nullable(),
  /** Databases whose text is sorted by the C library, by its locale: none sorted bytewise. */
  sortedDatabases: z.array(z.string()),
  /** Of shared_preload_libraries and of every installed extension. */
  libraries: z.array(z.string().max(200)),
});
export type ServerFacts = z.infer<typeof serverFactsSchema>;
