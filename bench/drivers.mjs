// Drivers and tools through the router in transaction mode: four sessions of each at a time over two server connections,
// with statements prepared, transactions committed and rolled back, errors, long answers, COPY, cursors. What is not on
// this machine is told so. `npm run bench -- drivers [only=pg,psql] [port=6432]`; with a port, a router that is there is used
// (user, password and database `app`, `secret`, `app`, or as the environment says). Prints a table for docs/router.md.

import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { inWorkspace } from './lib/workspace.mjs';

const run = promisify(execFile);
const given = (name, usual) =>
  process.argv.find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1) ?? usual;
const only = given('only', '').split(',').filter(Boolean);
const scripts = fileURLToPath(new URL('./drivers/', import.meta.url));
const application = { user: 'app', password: 'secret', database: 'app' };
const deadlineMs = 180_000;
/** As Debian has it: another one that comes first in PATH has none of Debian's modules. */
const python = '/usr/bin/python3';
const jdbc = '/usr/share/java/postgresql.jar';
const gocode = '/usr/share/gocode/src/github.com/jackc/pgx/v4';

class NotHere extends Error {}

const drivers = {
  // First, because it migrates an empty database only.
  Prisma: (env) => node('prisma.mjs', env),
  pg: (env) => node('node-postgres.mjs', env),
  'postgres.js': (env) => node('postgres-js.mjs', env),
  Knex: knex,
  psycopg2: (env) => ofPython('psycopg2', env),
  'psycopg 3': (env) => ofPython('psycopg', env),
  SQLAlchemy: (env) => ofPython('sqlalchemy', env),
  asyncpg: (env) => ofPython('asyncpg', env),
  JDBC: java,
  psql,
  pgbench,
  'pgx (Go)': pgx,
};

await inWorkspace(async (directory) => {
  const { env, close } = await open();
  const results = [];
  try {
    for (const [name, attempt] of Object.entries(drivers)) {
      if (only.length > 0 && !only.includes(name)) continue;
      if (name !== 'Prisma') await prepare(env);
      results.push({ name, ...(await outcomeOf(attempt, { ...env, directory })) });
    }
  } finally {
    await close();
  }
  for (const { name, version, result } of results)
    process.stderr.write(`| ${name} | ${version} | ${result} |\n`);
  process.stdout.write(`${JSON.stringify({ name: 'drivers', results })}\n`);
  if (results.some(({ result }) => result !== 'passed' && !result.startsWith('not tried')))
    process.exitCode = 1;
});

async function outcomeOf(attempt, env) {
  try {
    return { version: await attempt(env), result: 'passed' };
  } catch (error) {
    if (error instanceof NotHere) return { version: '', result: `not tried: ${error.message} is not here` };
    process.stderr.write(`${error.stderr ?? error.stack}\n`);
    return { version: '', result: `failed: ${error.message.split('\n')[0]}` };
  }
}

/** A server and a router of its own, or those that are there. */
async function open() {
  const { PATH, PGUSER, PGPASSWORD, PGDATABASE } = process.env;
  const { user, password, database } = application;
  const env = { PATH, HOME: process.env.HOME, PGHOST: '127.0.0.1' };
  Object.assign(env, {
    PGUSER: PGUSER ?? user,
    PGPASSWORD: PGPASSWORD ?? password,
    PGDATABASE: PGDATABASE ?? database,
  });
  const port = given('port', '');
  if (port !== '') return { env: { ...env, PGPORT: port }, close: async () => undefined };
  const { RouterFixture } = await import('../packages/engine/dist/router/testing/router-fixture.js');
  const fixture = await RouterFixture.create();
  const made = await fixture.router({ poolSize: 2 });
  return { env: { ...env, PGPORT: String(made.port) }, close: () => fixture.cleanUp() };
}

async function prepare(env) {
  const { default: pg } = await import('pg');
  const client = new pg.Client({
    host: env.PGHOST,
    port: Number(env.PGPORT),
    user: env.PGUSER,
    password: env.PGPASSWORD,
    database: env.PGDATABASE,
  });
  await client.connect();
  await client.query(
    'DROP TABLE IF EXISTS driver_rows; CREATE TABLE driver_rows (who text, n int, value text)',
  );
  await client.end();
}

/** @returns the last line it has printed */
async function outputOf(file, args, { directory, ...env }) {
  const { stdout } = await run(file, args, { env, cwd: directory, timeout: deadlineMs, maxBuffer: 1 << 24 });
  return stdout.trim().split('\n').at(-1) ?? '';
}

function node(script, env) {
  return outputOf(process.execPath, [join(scripts, script)], env);
}

/** No part of this repository: fetched for the occasion. */
async function knex({ directory, ...env }) {
  const home = join(directory, 'knex');
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, 'package.json'), '{"private":true}');
  const packages = ['knex@3.1.0', 'pg@8', 'pg-query-stream@4'];
  try {
    await run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', ...packages], {
      cwd: home,
      timeout: deadlineMs,
    });
  } catch {
    throw new NotHere('knex, and its registry,');
  }
  return node('knex.mjs', { ...env, directory, DRIVER_ROOT: join(home, 'package.json') });
}

async function ofPython(module, env) {
  const isHere =
    existsSync(python) && (await outputOf(python, ['-c', `import ${module}; print(1)`], env).catch(() => ''));
  if (!isHere) throw new NotHere(module);
  return outputOf(python, [join(scripts, 'python.py'), module], env);
}

async function java(env) {
  const isHere = existsSync(jdbc) && (await run('java', ['-version']).catch(() => null));
  if (!isHere) throw new NotHere('java with its driver');
  return outputOf('java', ['-cp', jdbc, join(scripts, 'Jdbc.java')], env);
}

/** As Debian has it. */
async function pgx({ directory, ...env }) {
  const goEnv = { ...env, GO111MODULE: 'off', GOPATH: '/usr/share/gocode', GOCACHE: join(directory, 'go') };
  const isHere = existsSync(gocode) && (await run('go', ['version']).catch(() => null));
  if (!isHere) throw new NotHere('go with its driver');
  const program = join(directory, 'pgx');
  await run('go', ['build', '-o', program, join(scripts, 'pgx.go')], { env: goEnv, timeout: deadlineMs });
  await outputOf(program, [], { ...env, directory });
  const { stdout } = await run('dpkg-query', [
    '-W',
    '-f',
    '$' + '{Version}',
    'golang-github-jackc-pgx-v4-dev',
  ]);
  return stdout.replace(/-.*/, '');
}

async function psql(env) {
  const commands = [
    "BEGIN; INSERT INTO driver_rows VALUES ('psql', 1, 'x'); ROLLBACK;",
    "SET search_path = 'public'; SELECT count(*) FROM driver_rows WHERE who = 'psql'",
    '\\d driver_rows',
    '\\copy (SELECT generate_series(1, 1000)) TO /dev/null',
    "SELECT current_setting('search_path')",
  ];
  const args = commands.flatMap((text) => ['-c', text]);
  const last = await outputOf('psql', ['-X', '-A', '-t', '-v', 'ON_ERROR_STOP=1', ...args], env);
  if (last !== 'public') throw new Error(`the setting has not stayed: ${last}`);
  return (await outputOf('psql', ['--version'], env)).replace(/^\D+([\d.]+).*/, '$1');
}

async function pgbench(env) {
  await outputOf('pgbench', ['-i', '-q', '-s', '1'], env);
  // A thread each: it waits for a PREPARE of one client while another one of its clients has a transaction open.
  for (const protocol of ['simple', 'extended', 'prepared']) {
    const { stdout } = await run('pgbench', ['-n', '-c', '8', '-j', '8', '-T', '2', '-M', protocol], {
      env,
      timeout: deadlineMs,
    });
    if (!/number of failed transactions: 0 /.test(stdout)) throw new Error(`${protocol}: ${stdout}`);
  }
  await outputOf('pgbench', ['-n', '-c', '4', '-t', '20', '-C', '-S'], env);
  return (await outputOf('pgbench', ['--version'], env)).replace(/^\D+([\d.]+).*/, '$1');
}
