import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fingerprintOf } from '@quantadb/engine/security/certificate';
import { QuantaError } from '@quantadb/engine/shared/errors';
import pg from 'pg';
import { authorityPurpose } from './hosts/authority.ts';
import { copyDeadlineMs, madeAtMs, makeCopy, nameAt, putBack } from './metadata-copy.ts';
import { decrypt, deriveKey } from './secrets.ts';

/** What a person does with copies of the metadata, on the machine of a console: `quantadb console backup` and `restore`. */

export interface PutBack {
  /** Null when the file has a name of its own. */
  madeAt: string | null;
  people: number;
  hosts: number;
  clusters: number;
  /** By which hosts know their console. */
  authorityFingerprint: string;
}

const connectDeadlineMs = 10_000;

/** @returns the file */
export async function backUpNow(databaseUrl: string, directory: string): Promise<string> {
  const path = join(directory, nameAt(Date.now()));
  await makeCopy(databaseUrl, path, AbortSignal.timeout(copyDeadlineMs));
  return path;
}

/**
 * Puts a copy into an empty database, and makes sure that a console with this secret can go on with it.
 *
 * @throws QuantaError REFUSED when the database is not empty; BACKUP_FAILED; CONFIG_INVALID when the secret is another one
 */
export async function restoreInto(
  settings: { databaseUrl: string; secret: string },
  path: string,
): Promise<PutBack> {
  const { databaseUrl, secret } = settings;
  await stat(path).catch((cause: unknown) => {
    throw new QuantaError('NOT_FOUND', `${path} cannot be read`, { cause });
  });
  await refuseWhatIsThere(databaseUrl);
  await putBack(databaseUrl, path, AbortSignal.timeout(copyDeadlineMs));
  const [installation] = await ask<{ authority_cert: string; authority_key: Buffer }>(
    databaseUrl,
    'SELECT authority_cert, authority_key FROM installation',
  );
  if (!installation) throw new QuantaError('BACKUP_FAILED', `${path} is no copy of a console's metadata`);
  openAuthority(installation.authority_key, secret);
  const [counts] = await ask<Pick<PutBack, 'people' | 'hosts' | 'clusters'>>(
    databaseUrl,
    `SELECT (SELECT count(*)::int FROM "user") AS people, (SELECT count(*)::int FROM host) AS hosts,
            (SELECT count(*)::int FROM cluster) AS clusters`,
  );
  const { people, hosts, clusters } = counts ?? { people: 0, hosts: 0, clusters: 0 };
  const atMs = madeAtMs(basename(path));
  const madeAt = atMs === null ? null : new Date(atMs).toISOString();
  const authorityFingerprint = fingerprintOf(installation.authority_cert);
  return { madeAt, people, hosts, clusters, authorityFingerprint };
}

/** A console that was started too early has made an authority of its own there, which no host knows. */
async function refuseWhatIsThere(databaseUrl: string): Promise<void> {
  const [found] = await ask<{ tables: number }>(
    databaseUrl,
    `SELECT count(*)::int AS tables FROM pg_catalog.pg_tables
     WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
  );
  if (!found || found.tables === 0) return;
  throw new QuantaError('REFUSED', `the database is not empty: it has ${found.tables} tables`, {
    hint: 'Stop the console that uses it, or name another one: a copy is put into an empty database, as createdb makes it.',
  });
}

function openAuthority(sealed: Buffer, secret: string): void {
  try {
    decrypt(sealed, deriveKey(secret, authorityPurpose));
  } catch (cause) {
    throw new QuantaError('CONFIG_INVALID', 'the copy is restored, but QUANTADB_SECRET does not open it', {
      cause,
      hint: 'Put the secret of the lost console into the file of settings, then start the console. Nothing has to be restored again.',
    });
  }
}

async function ask<Row extends pg.QueryResultRow>(databaseUrl: string, sql: string): Promise<Row[]> {
  const client = new pg.Client({
    connectionString: databaseUrl,
    connectionTimeoutMillis: connectDeadlineMs,
    query_timeout: connectDeadlineMs,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query<Row>(sql)).rows;
  } catch (cause) {
    throw new QuantaError('BACKUP_FAILED', `the metadata database: ${(cause as Error).message}`, { cause });
  } finally {
    await client.end().catch(() => undefined);
  }
}
