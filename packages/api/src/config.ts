import type { BlockList } from 'node:net';
import { QuantaError } from '@quantadb/engine/shared/errors';
import type { Logger } from '@quantadb/engine/shared/logger';
import { z } from 'zod';
import { parseNetworks } from './http/client-address.ts';
import type { MetadataBackupConfig } from './metadata-backup.ts';
import { type OidcConfig, oidcSchema } from './people/oidc-config.ts';

const secretSchema = z.string().regex(/^[0-9a-f]{64}$/, '64 hexadecimal digits');

const metricsTokenSchema = z.string().regex(/^\S{16,500}$/, '16 characters or more, without spaces');

const requestsSchema = z.coerce.number().int().min(10).max(1_000_000);

const networksSchema = z.string().transform((text, context) => {
  const networks = parseNetworks(text);
  if (networks) return networks;
  context.addIssue({ code: 'custom', message: 'addresses and networks, e.g. 10.0.0.0/8,192.0.2.7' });
  return z.NEVER;
});

/** By variable. */
const environmentSchema = z.object({
  QUANTADB_DATABASE_URL: z.string().min(1),
  QUANTADB_SECRET: secretSchema,
  QUANTADB_SECRET_PREVIOUS: secretSchema.optional(),
  QUANTADB_PUBLIC_URL: z.url(),
  QUANTADB_REQUESTS_PER_MINUTE: requestsSchema.default(1200),
  QUANTADB_READS_PER_MINUTE: requestsSchema.default(12_000),
  QUANTADB_TRUSTED_PROXIES: networksSchema.optional(),
  QUANTADB_METRICS_TOKEN: metricsTokenSchema.optional(),
  QUANTADB_METADATA_BACKUP_DIRECTORY: z.string().startsWith('/', 'must be an absolute path').optional(),
  QUANTADB_METADATA_BACKUP_HOURS: z.coerce.number().int().min(1).max(744).default(24),
  QUANTADB_METADATA_BACKUP_KEEP: z.coerce.number().int().min(1).max(1000).default(14),
});

/** What a console instance is started with; all instances of an installation share everything but the port. */
export interface ControlPlaneConfig {
  /** PostgreSQL that holds the metadata. */
  databaseUrl: string;
  /** 32 random bytes in hexadecimal: encrypts the authority's key, signs sessions. Losing it means enrolling every host anew. */
  secret: string;
  /** The secret before: what is encrypted with it is encrypted anew at the start. */
  previousSecret: string | null;
  /** As people reach the console, e.g. `https://quantadb.example.com`. */
  publicUrl: string;
  /** How many requests that change something one person or token may send this console in a minute, and any that an address may without either. */
  requestsPerMinute: number;
  /** How many that only read, of a person or token; they are counted apart. */
  readsPerMinute: number;
  /** Whose `X-Forwarded-For` is believed; null: nobody's. */
  trustedProxies: BlockList | null;
  /** What `/metrics` asks for; null: nothing. */
  metricsToken: string | null;
  /** The identity provider; null: people sign in with a password only. */
  oidc: OidcConfig | null;
  /** Where copies of the metadata go; null: it is backed up elsewhere. */
  metadataBackup: MetadataBackupConfig | null;
  logger: Logger;
  /** Missing: every five seconds. */
  judgeAlertsEveryMs?: number;
  /** Missing: a minute. */
  alertsHangMs?: number;
}

/** @throws QuantaError CONFIG_INVALID naming the variable */
export function configFromEnvironment(
  environment: Record<string, string | undefined>,
): Omit<ControlPlaneConfig, 'logger'> {
  // A variable that is set to nothing is one that is not set.
  const set = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const main = parsed(environmentSchema, set);
  const hasOidc = Object.keys(set).some((name) => name.startsWith('QUANTADB_OIDC_'));
  return {
    databaseUrl: main.QUANTADB_DATABASE_URL,
    secret: main.QUANTADB_SECRET,
    previousSecret: main.QUANTADB_SECRET_PREVIOUS ?? null,
    publicUrl: main.QUANTADB_PUBLIC_URL,
    requestsPerMinute: main.QUANTADB_REQUESTS_PER_MINUTE,
    readsPerMinute: main.QUANTADB_READS_PER_MINUTE,
    trustedProxies: main.QUANTADB_TRUSTED_PROXIES ?? null,
    metricsToken: main.QUANTADB_METRICS_TOKEN ?? null,
    metadataBackup: metadataBackupIn(main),
    oidc: hasOidc ? parsed(oidcSchema, set) : null,
  };
}

function metadataBackupIn(main: z.infer<typeof environmentSchema>): MetadataBackupConfig | null {
  const directory = main.QUANTADB_METADATA_BACKUP_DIRECTORY;
  if (directory === undefined) return null;
  const { QUANTADB_METADATA_BACKUP_HOURS: everyHours, QUANTADB_METADATA_BACKUP_KEEP: keep } = main;
  return { directory, everyHours, keep };
}

function parsed<Schema extends z.ZodType>(schema: Schema, set: unknown): z.infer<Schema> {
  const result = schema.safeParse(set);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const name = String(issue?.path[0] ?? 'QUANTADB_SECRET');
  throw new QuantaError('CONFIG_INVALID', `${name}: ${issue?.message ?? 'missing'}`, {
    hint: `Set ${name} in the environment of the console.`,
  });
}
