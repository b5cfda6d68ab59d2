import { type ExecFileException, execFile, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { binDir, issueCertificate, sql } from '../postgres/testing/test-cluster.ts';
import { pollUntil } from '../shared/deadline.ts';
import { application, RouterFixture } from './testing/router-fixture.ts';

let fixture: RouterFixture;
let directory = '';

const hba = [
  'host replication archiver 127.0.0.1/32 scram-sha-256',
  'hostssl app app 127.0.0.1/32 scram-sha-256 clientcert=verify-full',
  'hostssl app archiver 127.0.0.1/32 cert',
];

beforeAll(async () => {
  fixture = await RouterFixture.create();
  directory = await mkdtemp(join(process.env.QUANTADB_TEST_DIR ?? tmpdir(), 'qrepl-'));
  await sql(fixture.primary, "CREATE ROLE archiver LOGIN REPLICATION PASSWORD 'secret'");
});
afterAll(async () => {
  await fixture?.cleanUp();
  await rm(directory, { recursive: true, force: true });
});

async function open() {
  const made = await fixture.router({ queueTimeoutMs: 2000 });
  made.router.useTopology(fixture.topology({ hba }));
  return made;
}

const env = {
  ...process.env,
  PGPASSWORD: application.password,
  PGSSLMODE: 'disable',
  PGCONNECT_TIMEOUT: '10',
};
const place = (port: number, user = 'archiver') => ['-h', '127.0.0.1', '-p', String(port), '-U', user];

/** One that an authority of its own has issued. */
async function strangersCertificate(into: string, name: string): Promise<{ cert: string; key: string }> {
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const out = ['-keyout', join(into, 's.key'), '-out', join(into, 's.crt'), '-subj', `/CN=${name}`];
  await promisify(execFile)('openssl', [...args, ...out]);
  return {
    cert: await readFile(join(into, 's.crt'), 'utf8'),
    key: await readFile(join(into, 's.key'), 'utf8'),
  };
}

/** @returns what it says of its failure; empty: none */
function run(program: string, args: string[]): Promise<string> {
  return new Promise((resolve) => {
    const done = (error: ExecFileException | null, _out: string, said: string) => resolve(error ? said : '');
    execFile(join(binDir, program), args, { env, timeout: 60_000 }, done);
  });
}

async function untilSends(application_name: string): Promise<void> {
  const text = `SELECT 1 FROM pg_stat_replication WHERE application_name = '${application_name}' AND state = 'streaming'`;
  const sends = async () => ((await sql(fixture.primary, text)).length > 0 ? true : undefined);
  await pollUntil(sends, { what: `${application_name} streams`, timeoutMs: 10_000, intervalMs: 50 });
}

describe('replication through the router', () => {
  it('pg_basebackup takes a base backup that verifies', async () => {
    const { port, router } = await open();
    const target = join(directory, 'base');
    expect(await run('pg_basebackup', [...place(port), '-D', target, '-c', 'fast', '-X', 'stream'])).toBe('');
    expect(await run('pg_verifybackup', [target])).toBe('');
    expect(router.replication.count).toBe(0);
  });

  it('pg_receivewal streams until the primary is another one (I-ROUTER-13)', async () => {
    const { port, router } = await open();
    const target = await mkdtemp(join(directory, 'wal-'));
    const child = spawn(join(binDir, 'pg_receivewal'), [...place(port), '-D', target, '--no-loop'], { env });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    await untilSends('pg_receivewal');
    await sql(fixture.primary, 'SELECT pg_switch_wal()');
    const finished = async () =>
      (await readdir(target)).some((name) => !name.endsWith('.partial')) ? true : undefined;
    await pollUntil(finished, { what: 'a segment is there', timeoutMs: 10_000, intervalMs: 50 });
    expect(router.replication.list().map(([, { session, options }]) => [session.node, options.user])).toEqual(
      [['node-1', 'archiver']],
    );
    router.useTopology(fixture.topology({ hba, epoch: 2, primary: 'node-7' }));
    await ended;
    expect(router.replication.count).toBe(0);
  });

  it('pg_recvlogical gets the changes of its own database, in its own name', async () => {
    const { port } = await open();
    await sql(fixture.primary, 'ALTER ROLE app REPLICATION');
    const client = await fixture.connect(fixture.primary.place.port);
    await client.query('CREATE TABLE followed (a int)');
    const recv = (...args: string[]) =>
      run('pg_recvlogical', [...place(port, 'app'), '-d', 'app', '--slot', 'router_test', ...args]);
    const level = await sql<{ wal_level: string }>(fixture.primary, 'SHOW wal_level');
    expect(level).toEqual([{ wal_level: 'logical' }]);
    expect(await recv('--create-slot', '-P', 'test_decoding')).toBe('');
    await client.query('INSERT INTO followed VALUES (42)');
    const [end] = await sql<{ lsn: string }>(fixture.primary, 'SELECT pg_current_wal_lsn() AS lsn');
    const file = join(directory, 'changes');
    expect(await recv('--start', '-f', file, '--no-loop', '--endpos', end?.lsn ?? '')).toBe('');
    expect(await readFile(file, 'utf8')).toContain('table public.followed: INSERT: a[integer]:42');
    expect(await recv('--drop-slot')).toBe('');
    await sql(fixture.primary, 'ALTER ROLE app NOREPLICATION');
  });

  it('is for roles that may, by a line for it, and under no member’s name (I-ROUTER-13)', async () => {
    const { port, router } = await open();
    const receive = (user: string, name = 'x') =>
      run('pg_receivewal', [
        ...['-d', `host=127.0.0.1 port=${port} user=${user} application_name=${name}`],
        ...['-D', directory, '--no-loop'],
      ]);
    expect(await receive('app')).toContain('physical replication takes a line for it');
    router.useTopology(fixture.topology({ hba: ['host replication all all scram-sha-256'], epoch: 2 }));
    expect(await receive('app')).toContain('must be superuser or replication role to start walsender');
    expect(await receive('archiver', 'Node-1')).toContain('is that of a member of the cluster');
    router.useTopology(
      fixture.topology({ hba: ['host replication all all scram-sha-256'], epoch: 3, primary: null }),
    );
    expect(await receive('archiver')).toContain('the cluster has no primary');
  });
});

describe('client certificates', () => {
  const codeOf = (attempt: Promise<unknown>) =>
    attempt.then(
      () => 'none',
      (error: { code?: string; message: string }) => `${error.code} ${error.message}`,
    );

  it('are asked for beside the password where a line says so, and must name the role', async () => {
    const { port } = await open();
    const { ca } = fixture.tls();
    const shown = async (name: string) => {
      const paths = await issueCertificate(fixture.cluster.directory, name);
      return { ca, cert: await readFile(paths.cert, 'utf8'), key: await readFile(paths.key, 'utf8') };
    };
    const [own, other] = [await shown('app'), await shown('bob')];
    const login = (ssl: pg.ClientConfig['ssl'], changes: pg.ClientConfig = {}) =>
      codeOf(fixture.connect(port, { ssl, ...changes }));
    expect(await login(own)).toBe('none');
    expect(await login(own, { password: 'wrong' })).toMatch(/^28P01/);
    expect(await login({ ca })).toMatch(/^28000 .*requires a valid client certificate/);
    expect(await login(other)).toMatch(/^28000 .*that of "bob"/);
    const { cert, key } = await strangersCertificate(directory, 'app');
    expect(await login({ ca, cert, key })).toMatch(/^28000 .*requires a valid client certificate/);
    expect(await login(own, { user: 'archiver' })).toMatch(/^28000 .*lets no router log in/);
  });
});
