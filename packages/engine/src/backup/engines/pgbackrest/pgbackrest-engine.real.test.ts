import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sql, TestCluster, type TestNode } from '../../../postgres/testing/test-cluster.ts';
import { pollUntil } from '../../../shared/deadline.ts';
import { damageOf, noDamage } from '../../damage.ts';
import type { BackupProgress, BackupRequest } from '../../engine.ts';
import { withFlippedBits } from '../../testing/flipped-bits.ts';
import { testBucket } from '../../testing/test-bucket.ts';
import { TestRepository } from '../../testing/test-repository.ts';
import type { PgBackRestEngine } from './pgbackrest-engine.ts';
import { probeRepository } from './probe.ts';

const command = promisify(execFile);

let cluster: TestCluster;
let primary: TestNode;
let repository: TestRepository;
let engine: PgBackRestEngine;

beforeAll(async () => {
  cluster = await TestCluster.create();
  repository = await TestRepository.create(cluster, 'a passphrase of the test');
  primary = await cluster.primary('node-1', async (node) => {
    engine = await repository.use(node);
  });
  await sql(primary, 'CHECKPOINT');
});
afterAll(() => cluster.cleanUp());

function request(type: BackupRequest['type'], change: Partial<BackupRequest> = {}): BackupRequest {
  return {
    type,
    notes: { 'quantadb-run': `test-${type}` },
    fromStandby: false,
    processes: 1,
    onProgress: () => undefined,
    timeoutMs: 120_000,
    signal: AbortSignal.timeout(120_000),
    ...change,
  };
}

async function backUp(type: BackupRequest['type'], change: Partial<BackupRequest> = {}): Promise<string> {
  const outcome = await engine.backup(request(type, change));
  if (!outcome.ok) throw new Error(`${outcome.failure.reason}: ${outcome.failure.detail}`);
  return outcome.label;
}

describe('an encrypted repository in a directory', () => {
  it('is missing until its stanza is made, and then proves that WAL arrives', async () => {
    expect(await engine.preflight(15)).toMatchObject({ problem: null });
    expect((await engine.inventory()).state).toBe('missing');
    expect(await engine.createStanza()).toEqual({ ok: true });
    expect(await engine.createStanza()).toEqual({ ok: true });
    await engine.proveArchiving();
    const listing = await engine.archive();
    expect(listing.segments.length).toBeGreaterThan(0);
    expect(listing.duplicates).toEqual([]);
  });

  it('takes a full, a differential and an incremental backup, and says how far each one is', async () => {
    await sql(
      primary,
      "CREATE TABLE rows AS SELECT i, repeat('x', 500) AS filler FROM generate_series(1, 60000) i",
    );
    const seen: BackupProgress[] = [];
    const full = await backUp('full', { onProgress: (progress) => seen.push(progress) });
    await sql(primary, 'DELETE FROM rows WHERE i % 50 = 0');
    const diff = await backUp('diff');
    const incr = await backUp('incr');
    expect(seen.some((progress) => progress.percent !== null || progress.phase === 'starting')).toBe(true);
    const inventory = await engine.inventory();
    expect(inventory).toMatchObject({ state: 'ok', isLocked: false });
    expect(inventory.backups.map((backup) => [backup.label, backup.type, backup.prior])).toEqual([
      [full, 'full', null],
      [diff, 'diff', full],
      [incr, 'incr', diff],
    ]);
    expect(inventory.backups[0]).toMatchObject({
      notes: { 'quantadb-run': 'test-full' },
      hasPageErrors: false,
    });
    const [system] = await sql<{ id: string }>(
      primary,
      'SELECT system_identifier::text AS id FROM pg_control_system()',
    );
    expect(inventory.systems[0]?.systemIdentifier).toBe(system?.id);
  });

  it('stands still while it is held back, and is completed afterwards', async () => {
    let asked = 0;
    const isHeld = async () => {
      asked += 1;
      return asked <= 3;
    };
    const beganMs = Date.now();
    const label = await backUp('incr', { isHeld });
    expect(Date.now() - beganMs).toBeGreaterThan(3000);
    expect(asked).toBeGreaterThan(3);
    expect((await engine.inventory()).backups.at(-1)?.label).toBe(label);
    // One that is ended while it stands still leaves neither a process nor its lock.
    const controller = new AbortController();
    const ended = engine.backup(request('full', { isHeld: async () => true, signal: controller.signal }));
    setTimeout(() => controller.abort(new Error('enough')), 2500);
    await expect(ended).rejects.toThrow('enough');
    const isFree = async () => ((await engine.inventory()).isLocked ? undefined : true);
    await pollUntil(isFree, { what: 'the lock is gone', timeoutMs: 15_000, intervalMs: 200 });
  });

  it('keeps notes, which can be added and taken away later', async () => {
    const [full] = (await engine.inventory()).backups;
    await engine.annotate(full?.label ?? '', { 'quantadb-hold': 'audit 2026, do not = remove' });
    expect((await engine.inventory()).backups[0]?.notes['quantadb-hold']).toBe('audit 2026, do not = remove');
    await engine.annotate(full?.label ?? '', { 'quantadb-hold': '' });
    expect((await engine.inventory()).backups[0]?.notes).not.toHaveProperty('quantadb-hold');
  });

  it('gives an archived segment back readable, and says when there is none', async () => {
    const { segments } = await engine.archive();
    const place = join(cluster.directory, 'node-1', 'run', 'fetched');
    expect(await engine.fetchWal(segments[0]?.name ?? '', place)).toBe(true);
    expect((await readFile(place)).length).toBe(16 * 1024 * 1024);
    expect(await engine.fetchWal('0000000900000000000000AA', place)).toBe(false);
  });

  it('is found sound by a verification', async () => {
    const verified = await engine.verify();
    expect(verified).toMatchObject({ ok: true, other: [] });
    expect(verified.backups.every((backup) => backup.ok && backup.checked > 0)).toBe(true);
  });

  it('turns red when a manifest is damaged, although its copy still serves', async () => {
    const [first] = (await engine.inventory()).backups;
    const manifest = join(repository.path, 'backup/demo', first?.label ?? '', 'backup.manifest');
    const before = await readFile(manifest);
    const damaged = Buffer.from(before);
    damaged[damaged.length - 100] = (damaged[damaged.length - 100] ?? 0) ^ 1;
    await writeFile(manifest, damaged);
    const verified = await engine.verify();
    await writeFile(manifest, before);
    expect(verified.ok).toBe(false);
    expect(verified.backups.find((backup) => !backup.ok)?.problems.join()).toContain('backup.manifest');
    expect(damageOf(verified, (await engine.inventory()).backups)).toEqual(noDamage);
  });

  it('turns red when a manifest and its copy are damaged, and offers that backup no more', async () => {
    const last = (await engine.inventory()).backups.at(-1)?.label ?? '';
    const manifest = join(repository.path, 'backup/demo', last, 'backup.manifest');
    for (const file of [manifest, `${manifest}.copy`]) await flipBits(file);
    const verified = await engine.verify();
    for (const file of [manifest, `${manifest}.copy`]) await flipBits(file);
    expect(verified.ok).toBe(false);
    const damage = damageOf(verified, (await engine.inventory()).backups);
    expect([...damage.backups.keys()]).toEqual([last]);
    expect(damage.backups.get(last)).toContain('its manifest cannot be read, and neither can the copy');
  });

  it('turns red when bits of a data file or of a WAL file have flipped, and names it', async () => {
    const label = (await engine.inventory()).backups[0]?.label ?? '';
    const bundles = join(repository.path, 'backup/demo', label, 'bundle');
    const [bundle = ''] = await readdir(bundles);
    const wal = join(repository.path, 'archive/demo/15-1/0000000200000000');
    const [segment = ''] = (await readdir(wal)).filter((name) => name.endsWith('.lz4'));
    await flipBits(join(bundles, bundle));
    await flipBits(join(wal, segment));
    const verified = await engine.verify();
    await flipBits(join(bundles, bundle));
    await flipBits(join(wal, segment));
    expect(verified.ok).toBe(false);
    expect(verified.wal.problems.join()).toContain(segment);
    expect(verified.backups.find((backup) => backup.label === label)?.problems).toHaveLength(1);
    const damage = damageOf(verified, (await engine.inventory()).backups);
    expect(damage.backups.get(label)).toContain('damaged');
    expect([...damage.segments]).toEqual([segment.slice(0, 24)]);
    expect((await engine.verify()).ok).toBe(true);
  });

  it('finds no damage in what is left of a backup that was broken off', async () => {
    const stored = join(repository.path, 'backup/demo');
    const [{ label } = { label: '' }] = (await engine.inventory()).backups;
    const broken = join(stored, '20991231-235959F');
    await cp(join(stored, label, 'backup.manifest.copy'), join(broken, 'backup.manifest.copy'));
    try {
      const verified = await engine.verify();
      const problems = [verified.wal, ...verified.backups].flatMap((each) => each.problems);
      expect(problems).toEqual([]);
      expect(verified).toMatchObject({ ok: true, other: [] });
      expect(verified.backups.map((backup) => backup.label)).not.toContain('20991231-235959F');
    } finally {
      await rm(broken, { recursive: true });
    }
  });

  it('I-BACKUP-4: removes no backup that another one was made upon which is to stay', async () => {
    const [, diff] = (await engine.inventory()).backups;
    const before = (await engine.inventory()).backups.map(({ label }) => label);
    const expiring = engine.expire({ labels: [diff?.label ?? ''], fullsWithWal: null });
    await expect(expiring).rejects.toThrow('was made upon it');
    expect((await engine.inventory()).backups.map(({ label }) => label)).toEqual(before);
  });

  it('removes a backup with what was built on it, and the WAL that nothing needs any more', async () => {
    const second = await backUp('full');
    const going = (await engine.inventory()).backups.map(({ label }) => label);
    await engine.expire({ labels: going.filter((label) => label !== second), fullsWithWal: null });
    const inventory = await engine.inventory();
    expect(inventory.backups.map((backup) => backup.label)).toEqual([second]);
    const { segments } = await engine.archive();
    expect(segments[0]?.name).toBe(inventory.backups[0]?.startWal);
  });
});

describe('a repository that is tried before it is set', () => {
  it('is written to, read and left as it was, or says what failed', async () => {
    const tried = await TestRepository.create(cluster, null, 'tried');
    await tried.use(primary);
    expect(await probeRepository(tried.placeOn(primary))).toEqual({ ok: true });
    expect(await readdir(tried.path)).toEqual([]);
    await rm(tried.path, { recursive: true });
    await writeFile(tried.path, 'in the way');
    const answer = await probeRepository(tried.placeOn(primary));
    expect(answer).toMatchObject({ ok: false, detail: expect.stringMatching(/^writing: /) });
    engine = await repository.use(primary);
  });
});

describe('an S3 bucket that is tried before it is set', () => {
  it('is written to and read, or says whether the key, its secret, the bucket or the certificate is wrong', async () => {
    const { repository: bucket, secrets, store } = await testBucket(cluster);
    const probe = async (change: object, other: Partial<typeof secrets> = {}) => {
      const tried = TestRepository.of(cluster, { ...bucket, ...change }, { ...secrets, ...other });
      await tried.use(primary);
      return probeRepository(tried.placeOn(primary));
    };
    try {
      expect(await probe({})).toEqual({ ok: true });
      expect(store.names()).toEqual([]);
      const hintOf = async (...given: Parameters<typeof probe>) => {
        const answer = await probe(...given);
        return answer.ok ? 'it works' : answer.hint;
      };
      expect(await hintOf({}, { s3Key: 'another' })).toContain('access key');
      expect(await hintOf({}, { s3KeySecret: 'another' })).toContain('secret');
      expect(await hintOf({ region: 'another' })).toContain('region');
      expect(await hintOf({ bucket: 'another' })).toContain('no bucket of that name');
      expect(await hintOf({ caFile: null })).toContain('authority');
    } finally {
      store.stop();
      engine = await repository.use(primary);
    }
  });
});

describe('a backup that cannot be made', () => {
  it('says that there is no primary', async () => {
    await primary.supervisor.stopFast(30_000);
    const outcome = await engine.backup(request('full'));
    expect(outcome).toMatchObject({ ok: false, failure: { reason: 'no_primary', retry: true } });
    await restart();
  });

  it('says that another one runs', async () => {
    const controller = new AbortController();
    const running = engine
      .backup(request('full', { signal: controller.signal }))
      .catch((error: unknown) => error);
    await pollUntil(async () => ((await engine.inventory()).isLocked ? true : undefined), {
      what: 'the lock',
      timeoutMs: 20_000,
      intervalMs: 50,
    });
    const second = await engine.backup(request('full'));
    expect(second).toMatchObject({ ok: false, failure: { reason: 'busy', retry: true } });
    controller.abort(new Error('enough'));
    expect(await running).toMatchObject({ message: 'enough' });
    // Nothing of it stays behind: its lock died with it.
    expect((await engine.inventory()).isLocked).toBe(false);
    await backUp('full');
  });

  it('says that the passphrase is wrong, without printing what it could not read', async () => {
    const other = await TestRepository.create(cluster, 'another passphrase');
    const wrong = await other.use(primary);
    const outcome = await wrong.backup(request('full'));
    expect(outcome).toMatchObject({ ok: false, failure: { reason: 'wrong_key', retry: false } });
    expect((await wrong.inventory()).state).toBe('broken');
    engine = await repository.use(primary);
  });

  it('says that the repository is gone', async () => {
    const stanza = join(repository.path, 'backup/demo/backup.info');
    const copy = await readFile(stanza);
    await rm(stanza);
    await rm(`${stanza}.copy`);
    const outcome = await engine.backup(request('full'));
    await writeFile(stanza, copy);
    await writeFile(`${stanza}.copy`, copy);
    expect(outcome).toMatchObject({ ok: false, failure: { reason: 'missing_file' } });
  });

  it.runIf(process.getuid?.() === 0)(
    'keeps its WAL while the repository is full, and loses none of it',
    async () => {
      const place = join(cluster.directory, 'small');
      await mkdir(place);
      await command('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', place]);
      try {
        const small = await (await TestRepository.create(cluster, null, 'small')).use(primary);
        expect(await small.createStanza()).toEqual({ ok: true });
        await small.proveArchiving();
        await untilArchiving('failed_count > 0', async () => {
          await sql(primary, 'CREATE TABLE IF NOT EXISTS noise (filler text)');
          await sql(primary, 'INSERT INTO noise SELECT md5(random()::text) FROM generate_series(1, 100000)');
          await sql(primary, 'SELECT pg_switch_wal()');
        });
        await command('mount', ['-o', 'remount,size=400m', place]);
        await untilArchiving(
          'archived_count > 2 AND coalesce(last_archived_time > last_failed_time, true)',
          // An archiver that has given up for a while looks again when a segment ends.
          () => sql(primary, "SELECT pg_logical_emit_message(false, 'test', 'x'), pg_switch_wal()"),
        );
        await small.proveArchiving();
        const names = (await small.archive()).segments.map(({ name }) => name).sort();
        const numbers = names.map((name) => Number.parseInt(name.slice(16), 16));
        expect(numbers).toEqual(numbers.map((_, at) => (numbers[0] ?? 0) + at));
        expect(numbers.length).toBeGreaterThan(2);
      } finally {
        engine = await repository.use(primary);
        await command('umount', ['-l', place]);
      }
    },
  );
});

async function untilArchiving(condition: string, meanwhile: () => Promise<unknown>): Promise<void> {
  await sql(primary, "SELECT pg_stat_reset_shared('archiver')");
  const look = async () => {
    await meanwhile();
    const [row] = await sql<{ is: boolean }>(primary, `SELECT ${condition} AS is FROM pg_stat_archiver`);
    return row?.is === true ? true : undefined;
  };
  await pollUntil(look, { what: condition, timeoutMs: 60_000, intervalMs: 500 });
}

async function restart(): Promise<void> {
  const started = await primary.supervisor.startStandby({ upstream: null, deadlineMs: 30_000 });
  if (!started.ok) throw new Error(started.detail);
  await primary.supervisor.promote({ timeline: 3, deadlineMs: 30_000 });
  await sql(primary, 'CHECKPOINT');
}

async function flipBits(path: string): Promise<void> {
  await writeFile(path, withFlippedBits(await readFile(path)));
}
