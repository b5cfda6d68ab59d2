import { chown, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { backupRequestSchemas } from '@quantadb/engine/contract/backup';
import type { RestoreTarget } from '@quantadb/engine/contract/restore-target';
import { pollUntil } from '@quantadb/engine/shared/deadline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { osUserNamed } from './preflight/os-user.ts';
import { RealCluster } from './testing/real-cluster.ts';

const passphrase = 'a passphrase for tests';
const hashSql =
  "SELECT md5(string_agg(id || ':' || filler, ',' ORDER BY id)) AS hash, count(*)::int AS rows FROM ledger";

let cluster: RealCluster;
let repository: { type: 'posix'; path: string; encrypted: true };
interface Content {
  hash: string;
  rows: number;
}
const at: Record<string, Content & { atMs: number }> = {};

beforeAll(async () => {
  // A machine that stands still for a while must not begin a reign that no test here is about.
  const names = ['node-1', 'node-2', 'spare-1', 'spare-2', 'spare-3'];
  cluster = await RealCluster.create(names, { timing: 'wan' });
  await cluster.startAll();
  await cluster.form('node-1', ['node-2']);
  const path = join(cluster.directory, 'repository');
  await mkdir(path);
  const user = await osUserNamed(process.getuid?.() === 0 ? 'postgres' : null);
  if (user) await chown(path, user.uid, user.gid);
  repository = { type: 'posix', path, encrypted: true };
  const settings = { repository, secrets: { cipherPass: passphrase }, impact: { compression: 'lz4' } };
  await cluster.run('node-1', backupRequestSchemas[0].parse({ kind: 'configure-backup', ...settings }));
  await cluster.run('node-1', { kind: 'set-parameters', parameters: { work_mem: '5MB' } });
  await query('CREATE TABLE ledger (id bigserial PRIMARY KEY, filler text)');
  at.before = await write();
  const { id } = await cluster.run('node-1', {
    kind: 'start-backup',
    work: { kind: 'backup', type: 'full' },
  });
  const ended = async () =>
    (await cluster.host('node-1').client.state()).state?.backup?.pastJobs.find((job) => job.id === id);
  const job = await pollUntil(ended, { what: 'the backup', timeoutMs: 90_000, intervalMs: 200 });
  expect(job.state).toBe('done');
  // pgBackRest tells the end of a backup in whole seconds; no moment of that second is promised.
  const second = () => Math.floor(Date.now() / 1000);
  const last = second();
  await pollUntil(async () => second() > last || undefined, {
    what: 'the next second',
    timeoutMs: 5000,
    intervalMs: 20,
  });
  at.first = await write();
  await cluster.run('node-1', { kind: 'create-restore-point', name: 'before the release' });
  at.second = await write();
  await cluster.run('node-1', { kind: 'create-restore-point', name: 'the end' });
});
afterAll(() => cluster?.cleanUp());

async function query<Row extends Record<string, unknown>>(text: string): Promise<Row[]> {
  const client = await cluster.connect((await cluster.primary()).name);
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}

async function write(): Promise<Content & { atMs: number }> {
  await query('INSERT INTO ledger (filler) SELECT md5(random()::text) FROM generate_series(1, 500)');
  const [found] = await query<{ hash: string; rows: number }>(hashSql);
  return { hash: found?.hash ?? '', rows: found?.rows ?? 0, atMs: Date.now() };
}

function restore(via: string, name: string, target: RestoreTarget, cipherPass = passphrase) {
  const source = { stanza: 'demo', repository, secrets: { cipherPass, s3Key: null, s3KeySecret: null } };
  return cluster.run(via, { kind: 'restore-cluster', cluster: name, source, target });
}

/** By a member that is asked: it knows the secrets, and the host is told them by it alone. */
async function copyOnto(name: string, newName: string, target: RestoreTarget) {
  const host = { name, addresses: cluster.host(name).config.addresses };
  const { client } = cluster.host('node-2');
  const wanted = { host, cluster: newName, target };
  const { planning, plan } = await client.planRestoreInto(wanted);
  expect(planning.ok).toBe(true);
  expect(plan?.summary).toContain(`Found cluster ${newName} on ${name}`);
  const start = { ...wanted, planHash: plan?.hash ?? '', requestedBy: 'test', reason: '' };
  const { operationId } = await client.startRestoreInto(start);
  return cluster.endOf(name, operationId, 'restore-cluster');
}

async function contentOf(name: string): Promise<Content> {
  const client = await cluster.connect(name);
  try {
    const { rows } = await client.query<Content>(hashSql);
    if (!rows[0]) throw new Error('there is no table');
    return rows[0];
  } finally {
    await client.end();
  }
}

test('a restore to a moment that is not possible is refused before anything is done, with the nearest ones', async () => {
  const early = { kind: 'time', atMs: (at.before?.atMs ?? 0) - 600_000, inclusive: true } as const;
  await expect(restore('spare-1', 'early', early)).rejects.toThrow(/before the first backup/);
  const planned = await cluster.host('node-2').client.planRestore({ source: null, target: early });
  expect(planned).toMatchObject({ ok: false, refusal: { reason: 'before_first_backup' } });
  expect(planned.ok ? [] : planned.refusal.nearest).toHaveLength(1);
  await expect(restore('spare-1', 'wrong', { kind: 'latest' }, 'another one')).rejects.toThrow(
    /cannot be used/,
  );
  expect((await cluster.host('spare-1').client.host()).state).toBe('available');
});

test('the plan says which backup, which timeline and what is lost', async () => {
  const impossible = { kind: 'lsn', lsn: 'FFFF/0', inclusive: true, timeline: null } as const;
  const host = { name: 'spare-1', addresses: cluster.host('spare-1').config.addresses };
  const asked = { host, cluster: 'copy', target: impossible };
  expect(await cluster.host('node-1').client.planRestoreInto(asked)).toMatchObject({
    ...{ planning: { ok: false }, plan: null },
  });
  const planned = await cluster
    .host('node-1')
    .client.planRestore({ source: null, target: { kind: 'name', name: 'before the release' } });
  expect(planned).toMatchObject({ ok: true, plan: { recovery: { kind: 'lsn' } } });
  expect(planned.ok && planned.plan.lost).toContain('everything that was committed after');
});

test('a restore is started as its plan was shown, or refused with what is different', async () => {
  const host = { name: 'spare-1', addresses: cluster.host('spare-1').config.addresses };
  const { client } = cluster.host('node-2');
  const wanted = { host, cluster: 'copy', target: { kind: 'latest' } as const };
  const { planning, plan } = await client.planRestoreInto(wanted);
  if (!planning.ok) throw new Error(planning.refusal.message);
  const { label, timeline } = planning.plan;
  const start = { ...wanted, planHash: plan?.hash ?? '', requestedBy: 'test', reason: '' };
  const another = { label: '20200101-000000F', timeline };
  await expect(client.startRestoreInto({ ...start, way: another })).rejects.toThrow(
    `the plan was to restore 20200101-000000F along timeline ${timeline}; by now it would be ${label}`,
  );
  await expect(client.startRestoreInto({ ...start, planHash: 'of something else' })).rejects.toThrow(
    /has changed since the plan was made/,
  );
  expect((await cluster.host('spare-1').client.host()).state).toBe('available');
});

test('a copy as of a moment is a cluster of its own, beside the one it came from', async () => {
  const target = { kind: 'time', atMs: (at.first?.atMs ?? 0) + 1, inclusive: true } as const;
  const operation = await copyOnto('spare-1', 'copy', target);
  expect(operation.steps.map((step) => step.state)).toEqual(['done', 'done', 'done']);
  const { hash, rows } = at.first ?? { hash: '', rows: 0 };
  expect(await contentOf('spare-1')).toEqual({ hash, rows });
  const status = await cluster.host('spare-1').client.status();
  expect(status).toMatchObject({ name: 'copy', primary: 'spare-1', epoch: 1 });
  const state = (await cluster.host('spare-1').client.state()).state;
  expect(state?.parameters).toMatchObject({ work_mem: '5MB' });
  // It writes, and the cluster it came from does not notice.
  const client = await cluster.connect('spare-1');
  await client.query("INSERT INTO ledger (filler) VALUES ('only here')");
  await client.end();
  expect((await contentOf('node-1')).hash).toBe(at.second?.hash);
  // Whoever asks why the backup stays is told so, by any member.
  const { repository: seen } = (await cluster.host('node-1').client.backups()) ?? {};
  expect(seen?.backups[0]?.keptBecause.join()).toMatch(/spare-1 restores from it, until .* UTC/);
});

test('a copy of the same name cannot archive over the backups of the cluster it came from', async () => {
  await restore('spare-2', 'demo', { kind: 'latest' });
  const settings = { repository, secrets: { cipherPass: passphrase } };
  const configure = backupRequestSchemas[0].parse({ kind: 'configure-backup', ...settings });
  await expect(cluster.run('spare-2', configure)).rejects.toThrow(/choose another place/);
});

test('with every node lost, a new host and the repository give back all but the last seconds', async () => {
  await cluster.run(
    'node-1',
    backupRequestSchemas[0].parse({ kind: 'configure-backup', archiveTimeoutSeconds: 10 }),
  );
  const writing = { isOn: true };
  const acknowledged: number[] = [];
  const writer = (async () => {
    const client = await cluster.connect((await cluster.primary()).name);
    while (writing.isOn) {
      const { rows } = await client.query<{ at: number }>(
        "INSERT INTO ledger (filler) VALUES ('counted') RETURNING extract(epoch FROM clock_timestamp())::float8 * 1000 AS at",
      );
      acknowledged.push(rows[0]?.at ?? 0);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })().catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 18_000));
  for (const name of ['node-1', 'node-2', 'spare-1', 'spare-2']) await cluster.killNode(name);
  writing.isOn = false;
  await writer;
  await restore('spare-3', 'reborn', { kind: 'latest' });
  const client = await cluster.connect('spare-3');
  const { rows } = await client.query<{ n: number }>(
    "SELECT count(*)::int AS n FROM ledger WHERE filler = 'counted'",
  );
  const before = await client.query<{ n: number }>(
    "SELECT count(*)::int AS n FROM ledger WHERE filler <> 'counted'",
  );
  await client.end();
  expect(before.rows[0]?.n).toBe(at.second?.rows);
  const restored = rows[0]?.n ?? 0;
  const lostMs = (acknowledged.at(-1) ?? 0) - (acknowledged[restored - 1] ?? 0);
  process.stdout.write(
    `lost ${acknowledged.length - restored} of ${acknowledged.length} rows, ${Math.round(lostMs)} ms\n`,
  );
  // The limit: one archive timeout, and the time a segment takes to arrive.
  expect(restored).toBeGreaterThan(0);
  expect(lostMs).toBeLessThan(15_000);
});
