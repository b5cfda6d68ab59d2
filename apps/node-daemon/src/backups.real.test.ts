import { chown, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pollUntil } from '@quantadb/engine/shared/deadline';
import { beforeAll, describe, expect, test } from 'vitest';
import { osUserNamed } from './preflight/os-user.ts';
import {
  begin,
  configure,
  ended,
  expectAlertsAfterTheFirst,
  expectAlertsBeforeTheFirst,
  ledger,
  opened,
  operationEnded,
  overview,
  planned,
  repositoryOf,
  run,
  sql,
  superuser,
  untilPlacing,
  untilReached,
} from './testing/backup-scene.ts';
import { keepInBucket } from './testing/in-a-bucket.ts';
import type { RealCluster } from './testing/real-cluster.ts';
import { sharedCluster } from './testing/shared-cluster.ts';
import { untilOver, untilTold } from './testing/told-alerts.ts';
import { loseOneOfTwo } from './testing/two-repositories.ts';

const names = ['node-1', 'node-2', 'node-3'];
const shared = sharedCluster(names);

let isConfigured = false;
beforeAll(() => {
  isConfigured = false;
});

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

describe('a cluster with a backup repository', () => {
  test('archives from its primary, and backs up from a standby', async () => {
    expect(await untilTold(shared(), 'no-backups')).toBe('demo has no backups and archives no WAL.');
    const cluster = await backedUp();
    expect(isConfigured).toBe(true);
    await expectAlertsBeforeTheFirst(cluster);
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
    await expectAlertsAfterTheFirst(cluster);
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
    const atOnce = { limits: { minutes: 0 } };
    expect(await untilTold(cluster, 'archiving-fails', atOnce)).toMatch(
      /^Archiving of demo fails for .*segments wait/,
    );
    expect(await untilTold(cluster, 'recovery-point-old', atOnce)).toMatch(/is in no repository/);
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
    expect(await untilTold(cluster, 'drill-not-whole')).toContain('SELECT false');
    await untilOver(cluster, 'backup-failed');
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
    await untilReached(cluster, { kind: 'name', name });
    const job = await run(cluster, { kind: 'look', target: { kind: 'name', name } });
    expect(job).toMatchObject({ state: 'done', result: { kind: 'look' } });
    const { look, ask } = await opened(cluster);
    expect(await ask<{ n: number }>('SELECT count(*)::int AS n FROM rows')).toEqual([before]);
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

  test('goes back to a moment where it runs, and from there to what it had given up (I-RESTORE-1, I-RESTORE-2)', async () => {
    const cluster = await withBackup();
    await sql(
      cluster,
      'CREATE TABLE ledger AS SELECT i, md5(i::text) AS filler FROM generate_series(1, 500) i',
    );
    const good = await ledger(cluster);
    const before = await cluster.untilHealthy();
    await cluster.run('node-1', { kind: 'create-restore-point', name: 'before the mistake' });
    await sql(cluster, "UPDATE ledger SET filler = 'a mistake' WHERE i % 3 = 0");
    await sql(cluster, "INSERT INTO ledger SELECT i, 'later' FROM generate_series(501, 700) i");
    const bad = await ledger(cluster);
    const target = { kind: 'name', name: 'before the mistake' } as const;
    const request = { kind: 'restore-in-place', target, insist: false } as const;
    const plan = await planned(cluster, { ...request, confirm: null });
    expect(plan.refusal).toBeNull();
    expect(plan.warnings.join(' ')).toMatch(/is given up.*of WAL.*is kept as/s);
    await expect(cluster.run('node-1', { ...request, confirm: 'another' })).rejects.toThrow(/give the name/);
    await expect(cluster.run('node-1', { ...request, confirm: null })).rejects.toThrow(
      /confirmed by the name/,
    );
    const operation = await cluster.run('node-1', { ...request, confirm: 'demo' });
    expect(operation.steps.map((step) => step.state)).toEqual(Array.from({ length: 7 }, () => 'done'));
    expect(await ledger(cluster)).toEqual(good);
    await cluster.run('node-1', { kind: 'set-parameters', parameters: { work_mem: '6MB' } });
    const automatic = (await overview(cluster)).points.map(({ name }) => name.replace(/ \S+$/, ''));
    expect(automatic.slice(-2)).toEqual(['before restore', 'before set-parameters']);
    const healthy = await cluster.untilHealthy();
    expect(healthy.primary).toBe(before.primary);
    expect(healthy.timeline).toBe((before.timeline ?? 0) + 2);
    for (const name of names) expect(await ledger(cluster, name)).toEqual(good);
    const beside = await readdir(join(cluster.host(before.primary ?? '').directory, 'pg'));
    expect(beside.filter((name) => name.startsWith('data.before-restore-'))).toHaveLength(1);
    expect(beside).not.toContain('data.restored');
    expect(await ended(cluster, operation.id)).toMatchObject({ state: 'done', work: { type: 'full' } });
    expect((await overview(cluster)).repository?.gaps).toEqual([]);
    // What was given up is on a timeline of its own in the repository, and has a name.
    const point =
      (await overview(cluster)).points.find(({ name }) => name.startsWith('before restore'))?.name ?? '';
    const back = { ...request, target: { kind: 'name', name: point }, confirm: 'demo' } as const;
    await cluster.run('node-2', back);
    expect(await ledger(cluster)).toEqual(bad);
    await cluster.untilHealthy();
    for (const name of names) expect(await ledger(cluster, name)).toEqual(bad);
    // What the first one kept is of no use once the second one is recorded.
    const kept = async () => {
      const all = await readdir(join(cluster.host(before.primary ?? '').directory, 'pg'));
      return all.filter((name) => name.startsWith('data.before-restore-')).length === 1 ? true : undefined;
    };
    await pollUntil(kept, { what: 'only the newest is kept', timeoutMs: 30_000, intervalMs: 200 });
    await sql(cluster, 'DROP TABLE ledger');
  });

  test('gives a restore that lost its primary half-way back what it had, and goes on with one whose decider died (I-RESTORE-3)', async () => {
    const cluster = await withBackup();
    await sql(
      cluster,
      'CREATE TABLE ledger AS SELECT i, md5(i::text) AS filler FROM generate_series(1, 500) i',
    );
    const good = await ledger(cluster);
    await cluster.run('node-1', { kind: 'create-restore-point', name: 'the good state' });
    await sql(cluster, "UPDATE ledger SET filler = 'a mistake' WHERE i % 3 = 0");
    const bad = await ledger(cluster);
    const target = { kind: 'name', name: 'the good state' } as const;
    const request = { kind: 'restore-in-place', target, insist: false, confirm: 'demo' } as const;
    const { primary, raft } = await cluster.untilHealthy();
    const lost = primary ?? '';
    const pg = join(cluster.host(lost).directory, 'pg');
    const before = (await readdir(pg)).sort();
    const via = names.find((name) => name !== lost && name !== raft.leader) ?? '';
    const first = await begin(cluster, via, request);
    await untilPlacing(cluster, via);
    await cluster.killNode(lost);
    const failed = await operationEnded(cluster, via, first);
    expect(failed.state).toBe('failed');
    expect(await untilTold(cluster, 'operation-failed', { via })).toMatch(/^demo: restore-in-place failed: /);
    await cluster.until('another primary', (status) => status.primary !== null && status.primary !== lost);
    expect(await ledger(cluster)).toEqual(bad);
    await cluster.startDaemon(lost);
    await cluster.untilHealthy();
    expect(await ledger(cluster, lost)).toEqual(bad);
    // What an earlier restore has kept is not the price of one that came to nothing (I-RESTORE-1).
    expect((await readdir(pg)).sort()).toEqual(before);
    await expect(cluster.run(via, { kind: 'retry-operation', operation: first })).rejects.toThrow(
      /plan it anew/,
    );

    const now = await cluster.untilHealthy();
    const decider = now.raft.leader ?? '';
    expect(decider).not.toBe(now.primary);
    const witness = names.find((name) => name !== decider && name !== now.primary) ?? '';
    const second = await begin(cluster, witness, request);
    await untilPlacing(cluster, witness);
    cluster.host(decider).daemon?.kill('SIGKILL');
    const done = await operationEnded(cluster, witness, second);
    expect(done.state).toBe('done');
    await untilOver(cluster, 'operation-failed', { via: witness });
    await cluster.startDaemon(decider);
    await cluster.untilHealthy();
    for (const name of names) expect(await ledger(cluster, name)).toEqual(good);
    await sql(cluster, 'DROP TABLE ledger');
  });

  test('has two repositories: one that is away stops nothing, is owed, and is paid after a failover; the second restores alone (I-REPOSITORY-4, I-REPOSITORY-5, I-REPOSITORY-6)', async () => {
    await loseOneOfTwo(await withBackup());
  });

  test('runs what is due by its schedule: a backup, and a drill whose result is shown', async () => {
    const cluster = await withBackup();
    const often = { cron: '* * * * *', timeZone: 'Europe/Berlin' };
    const drills = { ...often, checks: [{ database: 'app', sql: 'SELECT count(*) > 0 FROM rows' }] };
    await cluster.run('node-1', configure({ schedules: [{ id: 'often', type: 'incr', ...often }], drills }));
    const scheduled = async () => {
      const { pastJobs, lastDrill } = await overview(cluster);
      const job = pastJobs.find((each) => each.trigger === 'schedule' && each.scheduleId === 'often');
      return job && lastDrill?.trigger === 'schedule' ? { job, lastDrill } : undefined;
    };
    const limits = { what: 'a scheduled backup and drill', timeoutMs: 100_000, intervalMs: 500 };
    const { job, lastDrill } = await pollUntil(scheduled, limits);
    expect(job).toMatchObject({ state: 'done', requestedBy: 'the schedule' });
    expect(lastDrill).toMatchObject({ state: 'done', scheduleId: 'drills', requestedBy: 'the schedule' });
    const drill = lastDrill.result?.kind === 'drill' ? lastDrill.result.drill : null;
    expect(drill?.findings.map(({ ok }) => ok)).toEqual([true, true]);
    expect((drill?.restoreMs ?? 0) * (drill?.recoveryMs ?? 0)).toBeGreaterThan(0);
    const { repository, nextRuns } = await overview(cluster);
    expect(repository?.backups.map(({ label }) => label)).toContain(drill?.label);
    expect(nextRuns.find(({ what }) => what === 'drill')?.atMs).toHaveLength(5);
    await cluster.run('node-1', configure({ schedules: [], drills: 'off' }));
    // A minute may have passed meanwhile, and what is due by then has begun.
    await expect.poll(async () => (await overview(cluster)).job, { timeout: 60_000 }).toBeNull();
    expect((await stat(repositoryOf(cluster))).isDirectory()).toBe(true);
  });

  test('keeps WAL and backups in an S3 bucket, gives them back from there, and refuses a bucket that it cannot use', async () => {
    await keepInBucket(await withBackup());
  });
});
