import { z } from 'zod';

/** What the commits of one role, of one database, or of one role in one database wait for, beside the cluster's own mode. */

/** As the router's `quantadb.durability` calls them, and what PostgreSQL's `synchronous_commit` is then. */
export const commitModes = { async: 'local', quorum: 'on', applied: 'remote_apply' } as const;
export type CommitMode = keyof typeof commitModes;
export const commitModeSchema = z.enum(['async', 'quorum', 'applied']);

const pgNameBytesMax = 63;

/** A name as PostgreSQL takes it, whatever its letters. */
export const pgNameSchema = z
  .string()
  .min(1)
  .refine((name) => Buffer.byteLength(name) <= pgNameBytesMax, `at most ${pgNameBytesMax} bytes`)
  .refine((name) => !/\p{Cc}/u.test(name), 'no control characters');

export const ownDurabilityChangeSchema = z
  .object({
    role: pgNameSchema.nullable(),
    database: pgNameSchema.nullable(),
    /** Null: as the cluster has it. */
    mode: commitModeSchema.nullable(),
  })
  .refine(({ role, database }) => role !== null || database !== null, 'a role, a database or both');
export type OwnDurabilityChange = z.infer<typeof ownDurabilityChangeSchema>;

/** One that stands; `setting` is PostgreSQL's word, which somebody may have set by hand. */
export const ownDurabilitySchema = z.object({
  role: z.string().max(200).nullable(),
  database: z.string().max(200).nullable(),
  setting: z.string().max(40),
});
export type OwnDurability = z.infer<typeof ownDurabilitySchema>;

/** Told at once; a cluster with more of them than this is told its first ones. */
export const ownDurabilitiesMax = 500;

/** The mode that PostgreSQL's word stands for; null: one that was set by hand and has no name here. */
export function commitModeOf(setting: string): CommitMode | null {
  const named = Object.entries(commitModes).find(([, word]) => word === setting.toLowerCase());
  return (named?.[0] as CommitMode | undefined) ?? null;
}

export function ownerWords({ role, database }: Pick<OwnDurability, 'role' | 'database'>): string {
  const base = database === null ? null : `database ${database}`;
  if (role === null) return base ?? 'every role';
  return base === null ? `role ${role}` : `role ${role} in ${base}`;
}
