import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type BackupConfig,
  backupImpactSchema,
  repositorySecretsSchema,
  retentionSchema,
} from '../contract/backup.ts';
import type { ClusterState } from '../contract/cluster-state.ts';
import { copyCertificates } from '../postgres/host-certificates.ts';
import { filesOf } from '../postgres/layout.ts';
import { ensureOwnedDirectory } from '../postgres/owned-file.ts';
import { renewCertificate, sql, TestCluster, type TestNode } from '../postgres/testing/test-cluster.ts';
import { systemClock } from '../shared/clock.ts';
import { pollUntil } from '../shared/deadline.ts';
import { silentLogger } from '../shared/logger.ts';
import { demoMember, demoState } from '../testing/demo-state.ts';
import { freePort } from '../testing/free-port.ts';
import { BackupWay } from './backup-way.ts';
import type { RemoteServer } from './engines/pgbackrest/configuration.ts';
import { PgBackRestEngine } from './engines/pgbackrest/pgbackrest-engine.ts';
import { TestRepository } from './testing/test-repository.ts';

let cluster: TestCluster;
let node: TestNode;
let way: BackupWay;
let port: number;

beforeAll(async () => {
  cluster = await TestCluster.create();
  node = await cluster.node('witness-1');
  port = await freePort();
  way = wayOf();
});
afterAll(async () => {
  way.stop();
  await cluster.cleanUp();
});

const place = { type: 'host', host: 'witness-1' } as const;
const noSecrets = repositorySecretsSchema.parse({});
const wayOf = () => new BackupWay({ place: node.place, logger: silentLogger, clock: systemClock });

function config(change: Partial<BackupConfig> = {}): BackupConfig {
  return {
    ...{ stanza: 'demo', revision: 1, schedules: [], drills: null, archiveTimeoutSeconds: 60 },
    repository: { ...place, port, path: '/nowhere', encrypted: false },
    secrets: repositorySecretsSchema.parse({}),
    impact: backupImpactSchema.parse({}),
    retention: retentionSchema.parse({}),
    ...change,
  };
}

function state(agreed: BackupConfig | null): ClusterState {
  const before = demoState();
  const witness = { ...demoMember(4), name: 'witness-1', kind: 'witness' as const };
  const backup = { config: agreed, servedMs: {}, job: null, pastJobs: [], points: [], walKeptFrom: null };
  return { ...before, members: { ...before.members, 'witness-1': witness }, backup };
}

/** The fingerprint of the certificate that is shown; undefined while nobody answers. */
function shown(): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
    socket.once('secureConnect', () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.destroy();
    });
    socket.once('error', () => resolve(undefined));
  });
}

const until = <T>(what: string, look: () => Promise<T | undefined>) =>
  pollUntil(look, { what, timeoutMs: 15_000, intervalMs: 100 });
const settings = () => readFile(`${filesOf(node.place).backupWorkDir}/server-${port}.conf`, 'utf8');

async function serverPid(): Promise<number | undefined> {
  const marked = `--config=${filesOf(node.place).backupWorkDir}/server-${port}.conf`;
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  for (const pid of pids) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (command.startsWith('/usr/bin/pgbackrest') && command.includes(marked)) return Number(pid);
  }
  return undefined;
}

test('the server of a repository runs while that is agreed on, and shows a renewed certificate', async () => {
  way.follow(state(config()));
  const first = await until('the server', shown);
  await renewCertificate(cluster.directory, 'witness-1');
  await way.useCertificate();
  const renewed = async () => {
    const now = await shown();
    return now === first ? undefined : now;
  };
  expect(await until('the renewed certificate', renewed)).toBeTruthy();
});

test('I-REPOSITORY-7: WAL goes on to be pushed and read while the certificates of both sides are renewed', async () => {
  const path = join(cluster.directory, 'repository');
  await ensureOwnedDirectory(path, { osUser: cluster.osUser, mode: 0o750 });
  way.follow(state(config({ revision: 2, repository: { ...place, port, path, encrypted: false } })));
  const holder = TestRepository.of(cluster, { type: 'posix', path, encrypted: false }, noSecrets);
  const primary = await cluster.primary('node-1', async (data) => {
    await holder.use(data);
  });
  await copyCertificates(primary.place);
  await sql(primary, 'CHECKPOINT');
  // Where the repository is its place in there is made; the node itself only ever goes through the server.
  expect(await new PgBackRestEngine(holder.placeOn(primary)).createStanza()).toEqual({ ok: true });
  await until('the server', shown);
  const engine = await holder.through(primary, remoteOf(primary));
  await engine.proveArchiving();
  for (const { place: renewed } of [node, primary]) {
    const before = await shown();
    await renewCertificate(cluster.directory, renewed.nodeName);
    if (renewed === node.place) {
      await way.useCertificate();
      await until('the renewed certificate', async () => ((await shown()) === before ? undefined : true));
    } else await copyCertificates(renewed);
    await engine.proveArchiving();
  }
  const { segments } = await engine.archive();
  expect(segments.length).toBeGreaterThanOrEqual(3);
});

/** How a node reaches the repository over its own certificate. */
function remoteOf(data: TestNode): RemoteServer {
  const { tlsDir } = filesOf(data.place);
  const at = (name: string) => `${tlsDir}/${name}`;
  const files = { caFile: at('ca.crt'), certFile: at('host.crt'), keyFile: at('host.key') };
  // Of the test's certificates pgBackRest 2.45 finds names only.
  return { host: 'localhost', port, ...files };
}

test('one that was killed is started again', async () => {
  const pid = await serverPid();
  process.kill(pid ?? 0, 'SIGKILL');
  const another = async () => {
    const now = await serverPid();
    return now !== undefined && now !== pid && (await shown()) ? now : undefined;
  };
  await until('another server', another);
  expect(await way.describe()).toMatchObject({ state: 'running', port });
});

test('I-REPOSITORY-1: it answers the members with data, and a host that was let in, also after a restart of the daemon', async () => {
  const clients = async () => (await settings()).match(/(?<=tls-server-auth=).*/g);
  expect(await clients()).toEqual(['node-1=demo', 'node-2=demo', 'node-3=demo']);
  expect(await way.admit('spare-1')).toEqual({ ok: true });
  expect(await clients()).toContain('spare-1=demo');
  way.stop();
  way = wayOf();
  const { 'node-3': _removed, ...members } = state(null).members;
  way.follow({ ...state(config()), members });
  await until('the server', async () => ((await clients())?.includes('node-3=demo') ? undefined : true));
  expect(await clients()).toEqual(['node-1=demo', 'node-2=demo', 'spare-1=demo']);
});

test('settings that are not agreed on yet are tried; a port that is taken is told, and nothing is served without settings', async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const address = taken.address();
  const other = typeof address === 'object' && address ? address.port : 0;
  const repository = { type: 'host', host: 'witness-1', path: '/nowhere', encrypted: false } as const;
  const refused = await way.offer(config({ revision: 2, repository: { ...repository, port: other } }));
  taken.close();
  expect(refused).toMatchObject({ ok: false, reason: expect.stringContaining('another program') });
  way.follow(state(null));
  await until('the end of the server', async () => ((await shown()) ? undefined : true));
  expect(await way.offer(config({ revision: 1 }))).toEqual({ ok: true });
  expect(await until('the server', shown)).toBeTruthy();
  // It is nobody's business until it is agreed on.
  expect(await way.describe()).toBeNull();
  way.follow(state(config({ revision: 1 })));
  expect(await way.describe()).toMatchObject({ state: 'running' });
});
