import { QuantaError } from '@quantadb/engine/shared/errors';
import type { Logger } from '@quantadb/engine/shared/logger';
import { z } from 'zod';

/** What a console instance is started with; all instances of an installation share everything but the port. */
export const controlPlaneConfigSchema = z.object({
  /** PostgreSQL that holds the metadata. */
  databaseUrl: z.string().min(1),
  /** 32 random bytes in hexadecimal: encrypts the authority's key, signs sessions. Losing it means enrolling every host anew. */
  secret: z.string().regex(/^[0-9a-f]{64}$/, '64 hexadecimal digits'),
  /** As people reach the console, e.g. `https://quantadb.example.com`. */
  publicUrl: z.url(),
  /** How many requests one person, token or address may send this console in a minute. */
  requestsPerMinute: z.coerce.number().int().min(10).max(1_000_000).default(1200),
});

export interface ControlPlaneConfig extends z.infer<typeof controlPlaneConfigSchema> {
  logger: Logger;
  /** Missing: every five seconds. */
  judgeAlertsEveryMs?: number;
}

/** @throws QuantaError CONFIG_INVALID naming the variable */
export function configFromEnvironment(environment: NodeJS.ProcessEnv): Omit<ControlPlaneConfig, 'logger'> {
  const parsed = controlPlaneConfigSchema.safeParse({
    databaseUrl: environment.QUANTADB_DATABASE_URL,
    secret: environment.QUANTADB_SECRET,
    publicUrl: environment.QUANTADB_PUBLIC_URL,
    requestsPerMinute: environment.QUANTADB_REQUESTS_PER_MINUTE,
  });
  if (parsed.success) return parsed.data;
  const names = {
    databaseUrl: 'QUANTADB_DATABASE_URL',
    secret: 'QUANTADB_SECRET',
    publicUrl: 'QUANTADB_PUBLIC_URL',
    requestsPerMinute: 'QUANTADB_REQUESTS_PER_MINUTE',
  };
  const issue = parsed.error.issues[0];
  const name = names[(issue?.path[0] ?? 'secret') as keyof typeof names];
  throw new QuantaError('CONFIG_INVALID', `${name}: ${issue?.message ?? 'missing'}`, {
    hint: `Set ${name} in the environment of the console.`,
  });
}
