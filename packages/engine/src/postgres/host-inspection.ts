import { access, statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import pg from 'pg';
import type { HostFacts, ServerFacts } from '../contract/host-facts.ts';
import { QuantaError } from '../shared/errors.ts';
import { lastLines, runCommand, runOrThrow } from './command.ts';
import { supportedMajorVersion } from './data-directory.ts';
import { type NodePlace, superuserRole } from './layout.ts';

/** What a preflight wants to know of a machine and of the server it would have to match. */

const toolDeadlineMs = 10_000;
const queryDeadlineMs = 10_000;
const databasesMax = 200;

/**
 * Whether these programs would start on this data: an incomplete installation says so before anything is opened.
 *
 * @throws QuantaError REFUSED with PostgreSQL's own words
 */
export async function requireWorkingPrograms(place: NodePlace, binDir: string): Promise<void> {
  const args = ['-D', place.dataDir, '-C', 'port', '-c', 'config_file=/dev/null'];
  const spec = { file: join(binDir, 'postgres'), args, osUser: place.osUser, timeoutMs: toolDeadlineMs };
  const { code, stderr } = await runCommand(spec);
  if (code === 0) return;
  throw new QuantaError('REFUSED', `the programs in ${binDir} do not run here: ${lastLines(stderr, 4)}`);
}

/** @returns "15.18" @throws QuantaError REFUSED when these are not programs of the major version that is supported */
export async function programVersion(binDir: string, osUser: NodePlace['osUser']): Promise<string> {
  const file = join(binDir, 'postgres');
  const spec = { file, args: ['--version'], osUser, timeoutMs: toolDeadlineMs };
  const result = await runCommand(spec).catch(() => null);
  const version = /\(PostgreSQL\) (\d+(?:\.\d+)*)/.exec(result?.stdout ?? '')?.[1];
  if (!version)
    throw new QuantaError('REFUSED', `there are no programs of PostgreSQL in ${binDir}`, {
      hint: 'Install the same packages on every host first.',
    });
  if (Number(version.split('.')[0]) === supportedMajorVersion) return version;
  throw new QuantaError(
    'REFUSED',
    `${binDir} is PostgreSQL ${version}, and the data belongs to ${supportedMajorVersion}`,
  );
}

export async function inspectHost(
  place: NodePlace,
  { libraries, ports }: { libraries: string[]; ports: number[] },
): Promise<HostFacts> {
  const directory = await nearestExisting(place.dataDir);
  const volume = await statfs(directory);
  const taken = await Promise.all(ports.map((port) => isTaken(place.listenHost, port)));
  return {
    atMs: Date.now(),
    freeBytes: volume.bavail * volume.bsize,
    postgresVersion: await programVersion(place.binDir, place.osUser),
    collationVersion: await libraryVersion(),
    missingLibraries: await missingLibraries(place, libraries),
    takenPorts: ports.filter((_, index) => taken[index]),
  };
}

const serverSql = `SELECT split_part(current_setting('server_version'), ' ', 1) AS version,
  (SELECT sum(pg_database_size(oid))::float8 FROM pg_database) AS bytes,
  (SELECT coalesce(json_agg(datname ORDER BY datname), '[]') FROM pg_database
    WHERE datallowconn AND datlocprovider = 'c' AND datcollate NOT IN ('C', 'POSIX', 'C.UTF-8', 'C.utf8')) AS sorted,
  (SELECT coalesce(json_agg(datname ORDER BY datname), '[]') FROM pg_database WHERE datallowconn) AS databases,
  current_setting('shared_preload_libraries') AS preloaded`;

/** Functions in C name their library (PostgreSQL's page on C-Language Functions). */
const librariesSql = `SELECT DISTINCT regexp_replace(probin, '^\\$libdir/', '') AS name FROM pg_proc
  WHERE probin LIKE '$libdir/%'`;

export async function serverFacts(place: NodePlace): Promise<ServerFacts> {
  const [row] = await ask<{
    version: string;
    bytes: number;
    sorted: string[];
    databases: string[];
    preloaded: string;
  }>(place, 'postgres', serverSql);
  if (!row) throw new QuantaError('POSTGRES_FAILED', 'the server said nothing of itself');
  const libraries = new Set(row.preloaded.split(',').map((each) => each.trim()));
  for (const database of row.databases.slice(0, databasesMax))
    for (const { name } of await ask<{ name: string }>(place, database, librariesSql)) libraries.add(name);
  libraries.delete('');
  return {
    dataBytes: row.bytes,
    postgresVersion: row.version,
    collationVersion: await libraryVersion(),
    sortedDatabases: row.sorted,
    libraries: [...libraries].sort(),
  };
}

async function ask<Row extends pg.QueryResultRow>(
  place: NodePlace,
  database: string,
  sql: string,
): Promise<Row[]> {
  const client = new pg.Client({
    ...{ host: place.runDir, port: place.port, user: superuserRole, database, ssl: false },
    ...{ connectionTimeoutMillis: queryDeadlineMs, statement_timeout: queryDeadlineMs },
    query_timeout: queryDeadlineMs,
  });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

async function missingLibraries(place: NodePlace, libraries: string[]): Promise<string[]> {
  const spec = { file: join(place.binDir, 'pg_config'), args: ['--pkglibdir'], osUser: place.osUser };
  const directory = (await runOrThrow({ ...spec, timeoutMs: toolDeadlineMs })).stdout.trim();
  const missing: string[] = [];
  for (const library of libraries) {
    const file = library.endsWith('.so') ? library : `${library}.so`;
    // A name with a path of its own is looked for as it is.
    const path = file.startsWith('/') ? file : join(directory, file);
    if (!(await exists(path))) missing.push(library);
  }
  return missing;
}

/** Of the C library: PostgreSQL records it as the version of its collations. */
async function libraryVersion(): Promise<string | null> {
  const spec = { file: 'getconf', args: ['GNU_LIBC_VERSION'], osUser: null, timeoutMs: toolDeadlineMs };
  const result = await runCommand(spec).catch(() => null);
  return result?.code === 0 ? result.stdout.trim() : null;
}

function isTaken(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve((error as NodeJS.ErrnoException).code === 'EADDRINUSE'));
    server.listen({ host, port }, () => server.close(() => resolve(false)));
  });
}

async function nearestExisting(path: string): Promise<string> {
  let directory = path;
  while (!(await exists(directory)) && dirname(directory) !== directory) directory = dirname(directory);
  return directory;
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
