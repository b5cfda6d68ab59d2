import { chown, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PgBackRestEngine } from '@quantadb/engine/backup/engines/pgbackrest/pgbackrest-engine';
import { createAuthority, issueHostCertificate } from '@quantadb/engine/security/pki';
import { pollUntil } from '@quantadb/engine/shared/deadline';
import { freePort } from '@quantadb/engine/testing/free-port';
import { missingNumbers, SequencedWriter } from '@quantadb/engine/testing/sequenced-writer';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { osUserNamed } from './preflight/os-user.ts';
import { configure, ledger, overview, run, sql } from './testing/backup-scene.ts';
import { credentials } from './testing/real-cluster.ts';
import { sharedCluster } from './testing/shared-cluster.ts';
import { untilOver, untilTold } from './testing/told-alerts.ts';

/** Two data nodes and a witness: each is lost in turn, under a writer. */

const data = ['node-1', 'node-2'];
const shared = sharedCluster([...data, 'witness-1'], { witnesses: ['witness-1'], spare: ['spare-1'] });
let writer: SequencedWriter;
let rounds = 0;

beforeEach(async () => {
  rounds += 1;
  const endpoints = shared().endpoints(data);
  writer = new SequencedWriter({ endpoints, credentials, table: `numbers_${rounds}`, pauseMs: 8 });
  await writer.start();
  await writesGoOn();
});

afterEach(() => writer?.stop());

async function writesGoOn(): Promise<void> {
  const before = writer.acknowledgedCount();
  await shared().until('writes go on', () => writer.acknowledgedCount() > before + 50);
}

async function expectNothingLost(): Promise<void> {
  const cluster = shared();
  await cluster.untilHealthy();
  const { acknowledged } = await writer.stop();
  const client = await cluster.connect((await cluster.primary()).name);
  expect(await missingNumbers(client, `numbers_${rounds}`, acknowledged)).toEqual([]);
  await client.end();
}

test('the witness votes and holds no data', async () => {
  const { nodes, advice } = await shared().untilHealthy();
  expect(nodes.find((node) => node.name === 'witness-1')).toMatchObject({
    ...{ kind: 'witness', role: 'witness', state: 'voting', raft: 'voter', sync: 'none', address: null },
  });
  expect(nodes.every((node) => node.raft === 'voter')).toBe(true);
  expect(advice).toBeNull();
});

test('I-LOSS-1: the primary is lost: the witness and the standby make the standby primary, and lose nothing', async () => {
  const cluster = shared();
  const { name } = await cluster.primary();
  const other = data.find((each) => each !== name) ?? '';
  await cluster.killNode(name);
  await cluster.until('the other one is primary', ({ primary }) => primary === other);
  await cluster.startDaemon(name);
  await writesGoOn();
  await expectNothingLost();
});

test('the standby is lost: strict writes wait for it, and are told so', async () => {
  const cluster = shared();
  const { name } = await cluster.primary();
  const standby = data.find((each) => each !== name) ?? '';
  await cluster.killNode(standby);
  const blocked = await cluster.until('writes are blocked', ({ verdict }) => /blocked/.test(verdict));
  expect(blocked).toMatchObject({ primary: name, verdict: expect.stringContaining(`1 of ${standby}`) });
  expect(await untilTold(cluster, 'writes-blocked')).toContain('Writes are blocked rather than risked');
  await cluster.startDaemon(standby);
  await writesGoOn();
  await untilOver(cluster, 'writes-blocked');
  await expectNothingLost();
});

test('the witness is lost: writes go on, and it comes back', async () => {
  const cluster = shared();
  const { name } = await cluster.primary();
  await cluster.killNode('witness-1');
  await cluster.until('its loss is seen', ({ nodes }) =>
    nodes.some((node) => node.name === 'witness-1' && node.state === 'unreachable'),
  );
  await writesGoOn();
  expect(await untilTold(cluster, 'node-unreachable')).toMatch(
    /^witness-1 \(witness\) of demo does not answer/,
  );
  expect((await cluster.status(name))?.primary).toBe(name);
  await cluster.startDaemon('witness-1');
  await untilOver(cluster, 'node-unreachable');
  await expectNothingLost();
});

/** Processes that were started with this file, first of all the server itself. */
async function serversWith(configFile: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      return command.includes(`--config=${configFile}`) ? Number(pid) : null;
    }),
  );
  return found.filter((pid) => pid !== null).sort((left, right) => left - right);
}

/** What a program with another certificate is told by the server of the repository. */
async function asked(by: { caPem: string; certPem: string; keyPem: string; port: number }): Promise<string> {
  const directory = join(shared().directory, `stranger-${by.port}`);
  const osUser = await osUserNamed(process.getuid?.() === 0 ? 'postgres' : null);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const files = { ca: by.caPem, crt: by.certPem, key: by.keyPem };
  const host = Object.entries({ 'ca-file': 'ca', 'cert-file': 'crt', 'key-file': 'key' });
  const lines = [
    ...['[global]', `lock-path=${directory}`, `log-path=${directory}`, 'log-level-file=off'],
    ...['repo1-host=127.0.0.1', 'repo1-host-type=tls', `repo1-host-port=${by.port}`],
    ...host.map(([option, name]) => `repo1-host-${option}=${directory}/${name}`),
    '[demo]',
  ];
  const written = Object.entries({ ...files, conf: `${lines.join('\n')}\n` });
  for (const [name, text] of written) await writeFile(join(directory, name), text, { mode: 0o600 });
  for (const name of ['.', ...written.map(([each]) => each)])
    if (osUser) await chown(join(directory, name), osUser.uid, osUser.gid);
  const engine = new PgBackRestEngine({
    ...{ program: '/usr/bin/pgbackrest', configFile: join(directory, 'conf'), workDir: directory },
    ...{ stanza: 'demo', osUser },
  });
  const seen = await engine
    .inventory()
    .catch((error: Error) => ({ state: 'refused', detail: error.message }));
  return `${seen.state}: ${seen.detail}`;
}

/** On the disk of the witness; from the first test that needs it on. */
async function withRepository(): Promise<{ port: number }> {
  const cluster = shared();
  const known = (await overview(cluster, 'node-1')).config?.repository;
  if (known?.type === 'host') return known;
  const user = await osUserNamed(process.getuid?.() === 0 ? 'postgres' : null);
  const path = join(cluster.host('witness-1').directory, 'repository');
  await mkdir(path, { recursive: true });
  if (user) await chown(path, user.uid, user.gid);
  const port = await freePort();
  const repository = { type: 'host', host: 'witness-1', port, path, encrypted: true };
  const secrets = { cipherPass: 'a passphrase for tests' };
  await cluster.run('node-1', configure({ repository, secrets, impact: { compression: 'lz4' } }));
  return { port };
}

test('a repository on the witness: WAL and backups reach it, its lost server comes back, and what it gives is whole', async () => {
  const cluster = shared();
  await sql(
    cluster,
    'CREATE TABLE ledger AS SELECT i, md5(i::text) AS filler FROM generate_series(1, 20000) i',
  );
  const { port } = await withRepository();
  const backup = await run(cluster, { kind: 'backup', type: 'full' }, 'node-1');
  const atOnce = { state: 'done', attempt: 1, warnings: [] };
  expect(backup).toMatchObject({ ...atOnce, node: 'witness-1', fromStandby: true });

  const configFile = join(cluster.host('witness-1').directory, `state/postgres/backup/server-${port}.conf`);
  const [server = 0] = await serversWith(configFile);
  // Nobody starts it again for as long as its daemon stands still.
  cluster.host('witness-1').daemon?.kill('SIGSTOP');
  process.kill(server, 'SIGKILL');
  const down = await untilTold(cluster, 'backup-server-down', { via: 'node-1' });
  expect(down).toMatch(/^The server by which witness-1 gives the repository of demo does not run/);
  cluster.host('witness-1').daemon?.kill('SIGCONT');
  const isBack = async () => {
    const [first] = (await overview(cluster, 'node-1')).servers;
    const [now] = await serversWith(configFile);
    return first?.server?.state === 'running' && now !== server ? first : undefined;
  };
  const limits = { what: 'the server is back', timeoutMs: 20_000, intervalMs: 250 };
  expect(await pollUntil(isBack, limits)).toMatchObject({ node: 'witness-1', gives: 'repository' });
  await untilOver(cluster, 'backup-server-down', { via: 'node-1' });

  await sql(cluster, "UPDATE ledger SET filler = 'changed' WHERE i % 7 = 0");
  await cluster.run('node-1', { kind: 'create-restore-point', name: 'after the change' });
  const good = await ledger(cluster);
  await sql(cluster, 'DELETE FROM ledger');
  const target = { kind: 'name', name: 'after the change' } as const;
  const reached = async () =>
    (await cluster.host('node-1').client.planRestore({ source: null, target })).ok ? true : undefined;
  await pollUntil(reached, { what: 'the point is in the repository', timeoutMs: 60_000, intervalMs: 500 });
  expect(await run(cluster, { kind: 'drill' }, 'node-1')).toMatchObject(atOnce);
  expect(await run(cluster, { kind: 'verify' }, 'node-1')).toMatchObject({ ...atOnce, node: 'witness-1' });
  expect((await overview(cluster, 'node-1')).repository?.gaps).toEqual([]);

  // A host of no cluster is let in by the member that is asked to restore onto it.
  const { addresses } = cluster.host('spare-1').config;
  const wanted = { host: { name: 'spare-1', addresses }, cluster: 'copy', target };
  const { client } = cluster.host('node-2');
  const { plan } = await client.planRestoreInto(wanted);
  const start = { ...wanted, planHash: plan?.hash ?? '', requestedBy: 'test', reason: '' };
  const { operationId } = await client.startRestoreInto(start);
  await cluster.endOf('spare-1', operationId, 'restore-cluster');
  expect(await ledger(cluster, 'spare-1')).toEqual(good);
  await expectNothingLost();
});

test('I-REPOSITORY-1: neither a certificate of another authority nor a name that is not served is answered', async () => {
  const cluster = shared();
  const { port } = await withRepository();
  const foreign = await createAuthority({ name: 'foreign' });
  const stranger = await issueHostCertificate(foreign, { host: 'node-1', addresses: ['127.0.0.1'] });
  const { tls } = cluster.host('node-1').config;
  const caPem = await readFile(tls.ca, 'utf8');
  expect(await asked({ caPem, ...stranger, port })).toMatch(/certificate|TLS|expected noop/i);
  const own = { certPem: await readFile(tls.cert, 'utf8'), keyPem: await readFile(tls.key, 'utf8') };
  expect(await asked({ caPem, ...own, port })).toMatch(/^(ok|empty): /);
  // The data of a node is for the host of the repository alone.
  const data = (await overview(cluster, 'node-1')).servers.find(({ node }) => node === 'node-2');
  expect(await asked({ caPem, ...own, port: data?.server?.port ?? 0 })).toMatch(/access denied/);
});
