import { spawn } from 'node:child_process';
import { open, rename, rm } from 'node:fs/promises';
import { QuantaError } from '@quantadb/engine/shared/errors';

/** One copy of the metadata: made by pg_dump, put back by pg_restore. */

/** Of making one, and of putting one back. */
export const copyDeadlineMs = 3_600_000;
export const unfinished = '.partial';
const stderrBytesMax = 2000;
const namePattern = /^quantadb-metadata-(\d{4}-\d{2}-\d{2})T(\d{2})-(\d{2})-(\d{2})Z\.dump$/;
/** History of figures, and what lives for minutes: large, and not needed to go on. */
const withoutData = [
  ...['metric_sample*', 'node_figures*', 'statement_*', 'socket_io_attachments'],
  ...['idempotency_key', 'rate_limit', 'verification'],
];

/** Named so that they sort by age. */
export function nameAt(atMs: number): string {
  const [moment = ''] = new Date(atMs).toISOString().split('.');
  return `quantadb-metadata-${moment.replaceAll(':', '-')}Z.dump`;
}

/** When a file of the directory was made; null for what is none of ours (pure). */
export function madeAtMs(name: string): number | null {
  const parts = namePattern.exec(name);
  if (!parts) return null;
  const [, day, hour, minute, second] = parts;
  return Date.parse(`${day}T${hour}:${minute}:${second}Z`);
}

/** How a connection string is told to a program without its password being seen among the processes (pure). */
export function environmentOf(databaseUrl: string): Record<string, string> {
  const url = new URL(databaseUrl);
  const told = {
    PGHOST: url.searchParams.get('host') ?? url.hostname.replace(/^\[|\]$/g, ''),
    PGPORT: url.port,
    PGUSER: decodeURIComponent(url.username),
    PGPASSWORD: decodeURIComponent(url.password),
    PGDATABASE: decodeURIComponent(url.pathname.slice(1)),
    PGSSLMODE: url.searchParams.get('sslmode') ?? '',
    PGSSLROOTCERT: url.searchParams.get('sslrootcert') ?? '',
  };
  return Object.fromEntries(Object.entries(told).filter(([, value]) => value !== ''));
}

/**
 * Under its name only when all of it is on the disk.
 *
 * @param path of the file, mode 0600
 * @throws QuantaError BACKUP_FAILED with what pg_dump said
 */
export async function makeCopy(databaseUrl: string, path: string, signal: AbortSignal): Promise<void> {
  const partial = `${path}${unfinished}`;
  // It exists before anything is written, so that nobody else may ever read it.
  const file = await open(partial, 'w', 0o600);
  const left = withoutData.map((table) => `--exclude-table-data=${table}`);
  const args = ['--format=custom', '--no-owner', '--no-password', `--file=${partial}`, ...left];
  try {
    await runProgram('pg_dump', args, { databaseUrl, signal });
    await file.sync();
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

/**
 * All of it or nothing.
 *
 * @throws QuantaError BACKUP_FAILED with what pg_restore said
 */
export function putBack(databaseUrl: string, path: string, signal: AbortSignal): Promise<void> {
  const whole = ['--no-owner', '--exit-on-error', '--single-transaction', '--no-password'];
  const database = `--dbname=${environmentOf(databaseUrl).PGDATABASE ?? ''}`;
  return runProgram('pg_restore', [...whole, database, path], { databaseUrl, signal });
}

function runProgram(
  name: 'pg_dump' | 'pg_restore',
  args: string[],
  { databaseUrl, signal }: { databaseUrl: string; signal: AbortSignal },
): Promise<void> {
  // Nothing else of the console's environment: its secrets are none of the program's business.
  const { PATH, NODE_ENV } = process.env;
  const env = { PATH, NODE_ENV, ...environmentOf(databaseUrl) };
  const child = spawn(name, args, { stdio: ['ignore', 'ignore', 'pipe'], env, signal });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-stderrBytesMax);
  });
  return new Promise((resolve, reject) => {
    child.once('error', (cause) =>
      reject(
        new QuantaError('BACKUP_FAILED', `${name}: ${cause.message}`, {
          cause,
          hint: 'Install the client programs of PostgreSQL, at least as new as the metadata server.',
        }),
      ),
    );
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new QuantaError('BACKUP_FAILED', `${name} ended with ${code}: ${said.trim()}`));
    });
  });
}
