import { chown, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { backupRequestSchemas } from '@quantadb/engine/contract/backup';
import type { BackupOverview } from '@quantadb/engine/contract/backup-view';
import type { OperationRequest } from '@quantadb/engine/contract/operations';
import { pollUntil } from '@quantadb/engine/shared/deadline';
import { beforeAll, describe, expect, test } from 'vitest';
import { osUserNamed } from './preflight/os-user.ts';
import type { RealCluster } from './testing/real-cluster.ts';
import { sharedCluster } from './testing/shared-cluster.ts';

const names = ['node-1', 'node-2', 'node-3'];
const shared = sharedCluster(names);

let isConfigured = false;
beforeAll(() => {
  isConfigured = false;
});

function configure(settings: Record<string, unknown>): OperationRequest {
  return backupRequestSchemas[0].parse({ kind: 'configure-backup', ...settings });
}

/** The cluster of the test, backing up to a directory beside its nodes. */
async function backedUp(): Promise<RealCluster> {
  const cluster = shared();
  const known = await overview(cluster);
  if (known.config) return cluster;
  const path = repositoryOf(cluster);
  await mkdir(path, { recursive: true });
  const user = await osUserNamed(process.getuid?.() === 0 ? 'postgres' : null);
  if (user) await chown(path, user.uid, user.gid);
  const repository = { type: 'posix', path, encrypted: true };
  const secrets = { cipherPass: 'a passphrase for tests' };
  await cluster.run('node-2', configure({ repository, secrets, impact: { compression: 'lz4' } }));
  isConfigured = true;
  return cluster;
}

/** With at least one backup in it. */
async function withBackup(): Promise<RealCluster> {
  const cluster = await backedUp();
  if ((await overview(cluster)).repository?.backups.length) return cluster;
  await sql(
    cluster,
    "CREATE TABLE IF NOT EXISTS rows AS SELECT i, repeat('x', 200) AS filler FROM generate_series(1, 20000) i",
  );
  expect(await run(cluster, { kind: 'backup', type: 'full' })).toMatchObject({ state: 'done' });
  return cluster;
}

const repositoryOf = (cluster: RealCluster) => join(cluster.directory, 'repository');

async function overview(cluster: RealCluster, via = 'node-3'): Promise<BackupOverview> {
  const seen = await cluster.host(via).client.backups();
  if (!seen) throw new Error('the node is in no cluster');
  return seen;
}

type Work = Extract<OperationRequest, { kind: 'start-backup' }>['work'];

async function run(cluster: RealCluster, work: Work, via = 'node-3') {
  const operation = await cluster.run(via, { kind: 'start-backup', work });
  return ended(cluster, operation.id, via);
}

async function ended(cluster: RealCluster, id: string, via = 'node-3') {
  const found = async () => {
    const state = (await cluster.host(via).client.state()).state;
    return state?.backup?.pastJobs.find((job) => job.id === id);
  };
  const job = await pollUntil(found, { what: `the end of ${id}`, timeoutMs: 120_000, intervalMs: 200 });
  return job;
}

async function sql<Row extends Record<string, unknown>>(cluster: RealCluster, text: string): Promise<Row[]> {
  const client = await cluster.connect((await cluster.primary()).name);
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}

describe('a cluster with a backup repository', () => {
  test('archives from its primary, and backs up from a standby', async () => {
    const cluster = await backedUp();
    expect(isConfigured).toBe(true);
    await sql(
      cluster,
      "CREATE TABLE rows AS SELECT i, repeat('x', 200) AS filler FROM generate_series(1, 20000) i",
    );
    const job = await run(cluster, { kind: 'backup', type: 'full' });
    expect(job).toMatchObject({ state: 'done', fromStandby: true, attempt: 1 });
    expect(job.node).not.toBe((await cluster.primary()).name);
    const seen = await overview(cluster);
    expect(seen.problem).toBeNull();
    expect(seen.repository?.backups).toHaveLength(1);
    expect(seen.repository?.gaps).toEqual([]);
    expect(seen.repository?.intervals).toHaveLength(1);
    expect(seen.archiving).toMatchObject({ failingSinceMs: null });
    expect(seen.config).not.toHaveProperty('secrets');
  });

  test('never shows the secrets of its repository', async () => {
    const cluster = await backedUp();
    const { client } = cluster.host('node-1');
    const told = JSON.stringify([
      await client.state(),
      await client.backups(),
      await client.operations(),
      await client.events(),
    ]);
    expect(told).toContain(repositoryOf(cluster));
    expect(told).not.toContain('a passphrase');
  });

  test('loses its primary with unarchived WAL: the archive has no gap, and the next backup succeeds', async () => {
    const cluster = await withBackup();
    const before = await cluster.primary();
    const place = join(cluster.host(before.name).directory, 'state/postgres/archive.closed');
    // Archiving stands still while whole segments are written and received: then the primary is lost.
    await mkdir(place);
    for (let round = 0; round < 3; round += 1) {
      await sql(cluster, `INSERT INTO rows SELECT i, repeat('y', 200) FROM generate_series(1, 100) i`);
      const client = await cluster.connect(before.name);
      await client.query('SELECT 1');
      await client.end();
      await superuser(cluster, before.name, 'SELECT pg_switch_wal()');
    }
    await cluster.killNode(before.name);
    await cluster.until(
      'another primary',
      (status) => status.primary !== null && status.primary !== before.name,
    );
    await rm(place, { recursive: true, force: true });
    await cluster.startDaemon(before.name);
    await cluster.untilHealthy();
    const via = (await cluster.primary()).name;
    const mended = async () => {
      const { events } = await cluster
        .host(via)
        .client.state()
        .then(({ state }) => ({ events: state?.events ?? [] }));
      return events.find((event) => event.kind === 'archiving' && event.message.includes('has archived'));
    };
    expect(
      (await pollUntil(mended, { what: 'the mending', timeoutMs: 60_000, intervalMs: 250 })).severity,
    ).toBe('info');
    const job = await run(cluster, { kind: 'backup', type: 'incr' }, via);
    expect(job).toMatchObject({ state: 'done', attempt: 1, warnings: [] });
    const seen = await overview(cluster, via);
    expect(seen.repository?.gaps).toEqual([]);
    expect(seen.repository?.intervals.filter((interval) => !interval.isAbandoned)).toHaveLength(1);
  });

  test('proves by a drill that the newest moment can be restored', async () => {
    const cluster = await withBackup();
    const checks = [
      { database: 'app', sql: 'SELECT count(*) >= 20000 FROM rows' },
      { database: 'app', sql: 'SELECT false' },
    ];
    await cluster.run('node-1', configure({ drills: { cron: '0 3 * * 0', timeZone: 'UTC', checks } }));
    const job = await run(cluster, { kind: 'drill' });
    expect(job).toMatchObject({ state: 'done', result: { kind: 'drill' } });
    const findings = job.result?.kind === 'drill' ? job.result.drill.findings : [];
    expect(findings.map((finding) => finding.ok)).toEqual([true, true, false]);
    const events = (await cluster.host('node-1').client.events()).filter(
      (event) => event.kind === 'backup-ended',
    );
    expect(events.at(-1)).toMatchObject({ severity: 'critical' });
    const left = await readdir(join(cluster.host(job.node ?? '').directory, 'pg'));
    expect(left).not.toContain('data.scratch');
  });

  test('opens a moment of before for a look on one of its nodes, and closes it again', async () => {
    const cluster = await withBackup();
    await cluster.run('node-1', { kind: 'create-restore-point', name: `before ${Date.now()}` });
    const name = (await overview(cluster)).points.at(-1)?.name ?? '';
    const [before] = await sql<{ n: number }>(cluster, 'SELECT count(*)::int AS n FROM rows');
    await sql(cluster, 'DELETE FROM rows WHERE i % 2 = 0');
    // The point's segment has to arrive; a segment more proves that WAL goes on behind it.
    await pollUntil(
      async () => {
        const seen = await cluster
          .host('node-1')
          .client.planRestore({ source: null, target: { kind: 'name', name } });
        return seen.ok ? true : undefined;
      },
      { what: 'the point is in the repository', timeoutMs: 30_000, intervalMs: 500 },
    );
    const job = await run(cluster, { kind: 'look', target: { kind: 'name', name } });
    expect(job).toMatchObject({ state: 'done', result: { kind: 'look' } });
    const { look } = await overview(cluster);
    if (!look) throw new Error('nothing is open');
    const { withFreshConnection } = await import('@quantadb/engine/postgres/connection');
    const place = { runDir: look.socketDir, port: look.port };
    const options = { what: 'a look', timeoutMs: 10_000, database: 'app' };
    const found = await withFreshConnection(place, options, async (client) => {
      return (await client.query<{ n: number }>('SELECT count(*)::int AS n FROM rows')).rows[0]?.n;
    });
    expect(found).toBe(before?.n);
    await cluster.run('node-2', { kind: 'close-look' });
    expect((await overview(cluster)).look).toBeNull();
    expect(await readdir(join(cluster.host(look.node).directory, 'pg'))).not.toContain('data.look');
  });

  test('goes on with a backup when its decider dies, and makes it once', async () => {
    const cluster = await withBackup();
    const status = await cluster.untilHealthy();
    const leader = status.raft.leader ?? '';
    const via = names.find((name) => name !== leader && name !== status.primary) ?? '';
    const before = (await overview(cluster, via)).repository?.backups.length ?? 0;
    const operation = await cluster.run(via, {
      kind: 'start-backup',
      work: { kind: 'backup', type: 'full' },
    });
    await pollUntil(
      async () => {
        const job = (await cluster.host(via).client.state()).state?.backup?.job;
        return job?.state === 'running' ? true : undefined;
      },
      { what: 'the backup runs', timeoutMs: 30_000, intervalMs: 20 },
    );
    const { daemon } = cluster.host(leader);
    daemon?.kill('SIGKILL');
    await pollUntil(async () => (cluster.host(leader).daemon === daemon ? undefined : true), {
      what: 'its daemon is gone',
      timeoutMs: 5000,
      intervalMs: 10,
    });
    // It may be the very node that makes the backup: then it has forgotten it, and the work begins anew.
    await cluster.startDaemon(leader);
    const job = await ended(cluster, operation.id, via);
    expect(job.state).toBe('done');
    await cluster.untilHealthy();
    const after = (await overview(cluster, via)).repository?.backups ?? [];
    expect(after.filter((backup) => backup.notes['quantadb-run'] === operation.id)).toHaveLength(1);
    expect(after.length).toBe(before + 1);
  });

  test('makes a backup anew whose node was lost in the middle of it', async () => {
    const cluster = await withBackup();
    await sql(
      cluster,
      'INSERT INTO rows SELECT i, repeat(md5(i::text), 12) FROM generate_series(1, 150000) i',
    );
    const status = await cluster.untilHealthy();
    const via = status.primary ?? '';
    const operation = await cluster.run(via, {
      kind: 'start-backup',
      work: { kind: 'backup', type: 'full' },
    });
    const runs = async () => {
      const job = (await cluster.host(via).client.state()).state?.backup?.job;
      return job?.state === 'running' && job.node !== null ? job.node : undefined;
    };
    const node = await pollUntil(runs, { what: 'the backup runs', timeoutMs: 30_000, intervalMs: 20 });
    expect(node).not.toBe(via);
    await cluster.killNode(node);
    await cluster.startDaemon(node);
    const job = await ended(cluster, operation.id, via);
    expect(job).toMatchObject({ state: 'done', attempt: 2 });
    const { repository } = await overview(cluster, via);
    const made = repository?.backups.filter((backup) => backup.notes['quantadb-run'] === operation.id);
    expect(made).toHaveLength(1);
    expect(made?.[0]?.unusable).toBeNull();
  });

  test('runs what is due by its schedule', async () => {
    const cluster = await withBackup();
    const schedules = [{ id: 'often', type: 'incr', cron: '* * * * *', timeZone: 'Europe/Berlin' }];
    await cluster.run('node-1', configure({ schedules }));
    const scheduled = async () =>
      (await overview(cluster)).pastJobs.find(
        (job) => job.trigger === 'schedule' && job.scheduleId === 'often',
      );
    const job = await pollUntil(scheduled, {
      what: 'a scheduled backup',
      timeoutMs: 100_000,
      intervalMs: 500,
    });
    expect(job).toMatchObject({ state: 'done', requestedBy: 'the schedule' });
    await cluster.run('node-1', configure({ schedules: [] }));
    expect((await stat(repositoryOf(cluster))).isDirectory()).toBe(true);
  });
});

async function superuser(cluster: RealCluster, name: string, text: string): Promise<void> {
  const { config } = cluster.host(name);
  const { withFreshConnection } = await import('@quantadb/engine/postgres/connection');
  const place = { runDir: join(config.runDir, 'pg'), port: cluster.portOf(name) };
  await withFreshConnection(place, { what: text, timeoutMs: 20_000 }, (client) => client.query(text));
}
