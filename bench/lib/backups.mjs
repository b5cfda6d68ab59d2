// Backups of a cluster, as the benchmarks about them need them: a repository in the workspace, and work on it to its end.

import { execFile } from 'node:child_process';
import { chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { osUserNamed } from '../../apps/node-daemon/dist/preflight/os-user.js';
import { configure, run } from '../../apps/node-daemon/dist/testing/backup-scene.js';
import { credentials } from '../../apps/node-daemon/dist/testing/real-cluster.js';

const execute = promisify(execFile);
export const binDir = process.env.QUANTADB_POSTGRES_BIN ?? '/usr/lib/postgresql/15/bin';
const rowsPerGigabyte = 1_040_000;

/** A directory that PostgreSQL's user owns, as the root of a repository has to be. */
export async function directoryOfPostgres(directory) {
  mkdirSync(directory, { recursive: true });
  const user = await osUserNamed(process.getuid?.() === 0 ? 'postgres' : null);
  if (user) chownSync(directory, user.uid, user.gid);
  return { directory, user };
}

/** @returns {Promise<string>} the repository's directory */
export async function backUpTo(cluster, directory, settings = {}) {
  const { directory: path } = await directoryOfPostgres(directory);
  const repository = { type: 'posix', path, encrypted: false };
  await cluster.run('node-2', configure({ repository, ...settings }));
  return path;
}

/** A backup, a drill or the like, until it has ended well. */
export async function work(cluster, request) {
  const job = await run(cluster, request);
  if (job.state === 'done') return job;
  throw new Error(`${request.kind} ended as ${job.state}: ${job.detail ?? job.error ?? ''}`);
}

/** A table `bulk` of about so much, and what the whole server then holds. */
export async function fill(client, gigabytes) {
  await client.query('CREATE TABLE IF NOT EXISTS bulk (id bigint, filler text)');
  await client.query(
    `INSERT INTO bulk SELECT n, repeat(md5(n::text), 31) FROM generate_series(1, ${Math.round(rowsPerGigabyte * gigabytes)}) n`,
  );
  const { rows } = await client.query('SELECT sum(pg_database_size(datname)) AS bytes FROM pg_database');
  return Number(rows[0].bytes);
}

/** @returns {Promise<string>} what pgbench printed */
export async function pgbench(place, args, options = {}) {
  const { host, port } = place;
  const where = ['-h', host, '-p', String(port), '-U', credentials.user, credentials.database];
  const env = { ...process.env, PGPASSWORD: credentials.password };
  const { stdout } = await execute(join(binDir, 'pgbench'), [...args, ...where], { ...options, env });
  return stdout;
}
