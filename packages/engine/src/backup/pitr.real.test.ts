import { chown, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type BackupJob, retentionSchema } from '../contract/backup.ts';
import type { RestoreTarget } from '../contract/restore-target.ts';
import { parseLsn, walFileName } from '../postgres/lsn.ts';
import { ensureOwnedDirectory } from '../postgres/owned-file.ts';
import { binDir, sql, TestCluster, type TestNode } from '../postgres/testing/test-cluster.ts';
import { sleep, systemClock } from '../shared/clock.ts';
import { BackupWorker } from './backup-worker.ts';
import { restoreToScratch } from './drill.ts';
import type { Verification } from './engine.ts';
import type { PgBackRestEngine } from './engines/pgbackrest/pgbackrest-engine.ts';
import { foundBy } from './findings.ts';
import type { JobReport } from './job-runner.ts';
import { planRecovery } from './recovery-plan.ts';
import { RepositoryReader } from './repository-reader.ts';
import { withFlippedBits } from './testing/flipped-bits.ts';
import { TestRepository } from './testing/test-repository.ts';
import { WalMoments } from './wal-moments.ts';

const segmentBytes = 16 * 1024 * 1024;
let cluster: TestCluster;
let primary: TestNode;
let engine: PgBackRestEngine;
let reader: RepositoryReader;
let archivePath = '';
/** What the last verification found. */
let verified: Verification | null = null;
/** Commits, in order: when each was made, and what the table held from then on. */
const commits: { atMs: number; rows: string; timeline: number }[] = [];
/** How many rows, and a digest of all of them. */
const rowsSql =
  "count(*) || ' ' || md5(string_agg(id || ':' || extract(epoch FROM written), ',' ORDER BY id))";
let timeline = 2;

beforeAll(async () => {
  cluster = await TestCluster.create();
  const repository = await TestRepository.create(cluster);
  archivePath = join(repository.path, 'archive/demo/15-1');
  primary = await cluster.primary('node-1', async (node) => {
    engine = await repository.use(node);
  });
  await engine.createStanza();
  await sql(primary, 'CHECKPOINT');
  const workDir = join(primary.place.stateDir, 'postgres/backup');
  reader = new RepositoryReader(engine, new WalMoments(engine, { binDir, workDir, osUser: cluster.osUser }));
  await sql(
    primary,
    'CREATE TABLE ledger (id bigserial PRIMARY KEY, written timestamptz DEFAULT clock_timestamp())',
  );
  await commit();
  await backUp();
  await write(6);
  await failOver();
  await write(6);
  await failOver();
  await write(6);
  await backUp();
  await write(3);
  await sql(primary, 'SELECT pg_switch_wal()');
  await engine.proveArchiving();
});
afterAll(() => cluster.cleanUp());

async function backUp(): Promise<void> {
  const outcome = await engine.backup({
    ...{ type: 'full', notes: {}, fromStandby: false, processes: 1, onProgress: () => undefined },
    ...{ timeoutMs: 60_000, signal: AbortSignal.timeout(60_000) },
  });
  if (!outcome.ok) throw new Error(outcome.failure.detail);
  // Moments are promised from the second after a backup on.
  await sleep(systemClock, 1100);
}

async function commit(): Promise<void> {
  await sql(primary, 'INSERT INTO ledger DEFAULT VALUES');
  const [row] = await sql<{ at: Date; rows: string }>(
    primary,
    `SELECT (SELECT timestamp FROM pg_last_committed_xact()) AS at, ${rowsSql} AS rows FROM ledger`,
  );
  commits.push({ atMs: row?.at.getTime() ?? 0, rows: row?.rows ?? '', timeline });
}

async function write(times: number): Promise<void> {
  for (let time = 0; time < times; time += 1) {
    await commit();
    await sleep(systemClock, 60);
  }
}

/** The server ends, comes back as a standby of nobody and takes the next timeline, as after an election of the same node. */
async function failOver(): Promise<void> {
  await primary.host.kill('the test');
  const started = await primary.supervisor.startStandby({ upstream: null, deadlineMs: 30_000 });
  if (!started.ok) throw new Error(started.detail);
  timeline += 1;
  await primary.supervisor.promote({ timeline, deadlineMs: 30_000 });
  await sql(primary, 'CHECKPOINT');
}

function view() {
  return reader.view({
    config: { retention: retentionSchema.parse({}) },
    ...{ currentTimeline: timeline, walKeptFrom: null, segmentBytes, nowMs: Date.now(), verified },
  });
}

async function plan(target: RestoreTarget) {
  const repository = await view();
  return planRecovery({
    ...{ target, repository, points: [], commitMs: null, nowMs: Date.now(), lastDrill: null, segmentBytes },
  });
}

async function rowsAt(target: RestoreTarget): Promise<string> {
  const planned = await plan(target);
  if (!planned.ok) throw new Error(planned.refusal.message);
  const backup = (await engine.inventory()).backups.find(({ label }) => label === planned.plan.label);
  if (!backup) throw new Error('the planned backup is not there');
  const base = join(cluster.directory, 'restored');
  await mkdir(base, { recursive: true });
  await ensureOwnedDirectory(base, { osUser: cluster.osUser, mode: 0o755 });
  const { server } = await restoreToScratch(
    engine,
    {
      ...{ binDir, osUser: cluster.osUser, dataDir: join(base, 'data'), runDir: join(base, 'run') },
      logFile: join(base, 'postgres.log'),
    },
    {
      ...{ backup, timeline: planned.plan.timeline, target: planned.plan.recovery, processes: 1 },
      ...{ signal: AbortSignal.timeout(90_000), onProgress: () => undefined, onStep: () => undefined },
    },
  );
  try {
    return await server.ask('the rows', async (client) => {
      const { rows } = await client.query<{ rows: string }>(`SELECT ${rowsSql} AS rows FROM ledger`);
      return rows[0]?.rows ?? 'none';
    });
  } finally {
    await server.stop();
    await rm(base, { recursive: true, force: true });
  }
}

it('I-BACKUP-3: offers one stretch across two failovers, and no gap', async () => {
  const repository = await view();
  expect(repository.gaps).toEqual([]);
  const own = repository.intervals.filter((interval) => !interval.isAbandoned);
  expect(own).toHaveLength(1);
  expect(own[0]?.labels).toHaveLength(2);
  expect(own[0]?.toMs).toBeGreaterThanOrEqual(commits.at(-1)?.atMs ?? Number.POSITIVE_INFINITY);
  expect(repository.timelines.map((each) => each.status)).toContain('ancestor');
  // PostgreSQL begins a timeline with a file of its own for the segment of the fork: what the catalogue goes by.
  const forks = repository.timelines.filter(({ parentId }) => parentId !== null);
  expect(forks.map(({ timeline: each }) => each)).toContain(4);
  for (const { beginLsn, timeline: each, ranges } of forks)
    expect(ranges[0]?.fromWal).toBe(walFileName(each, parseLsn(beginLsn), segmentBytes));
});

it.each([
  ['before the first failover', 2],
  ['between the two', 3],
  ['after the second', 4],
])('restores to a moment %s, to exactly its rows', async (_, wanted) => {
  const on = commits.filter((each) => each.timeline === wanted);
  const chosen = on[Math.floor(on.length / 2)];
  if (!chosen) throw new Error('nothing was committed there');
  // Commits are kept to the microsecond, and a target to the millisecond.
  expect(await rowsAt({ kind: 'time', atMs: chosen.atMs + 1, inclusive: true })).toBe(chosen.rows);
});

it('restores to the edges of what it offers', async () => {
  const [interval] = (await view()).intervals;
  const first = interval?.fromMs ?? 0;
  const last = (interval?.toMs ?? 0) - 1;
  const rowsBy = (atMs: number) => commits.findLast((each) => each.atMs <= atMs)?.rows;
  expect(await rowsAt({ kind: 'time', atMs: first, inclusive: true })).toBe(rowsBy(first));
  expect(await rowsAt({ kind: 'time', atMs: last, inclusive: true })).toBe(rowsBy(last));
  expect(await plan({ kind: 'time', atMs: first - 1, inclusive: true })).toMatchObject({ ok: false });
  expect(await plan({ kind: 'time', atMs: last + 1, inclusive: true })).toMatchObject({ ok: false });
});

it('I-BACKUP-6: a damaged segment ends what is offered, and the backup after it begins it again', async () => {
  const before = (await view()).intervals.find((interval) => !interval.isAbandoned);
  const [first = '', second = ''] = before?.labels ?? [];
  const next = (await engine.inventory()).backups.find(({ label }) => label === second);
  const directory = join(archivePath, '0000000400000000');
  // Of the newest timeline, the last that is written before the second backup begins.
  const names = (await readdir(directory)).filter((name) => /^[0-9A-F]{24}-/.test(name)).sort();
  const damaged = names.findLast((name) => name.slice(0, 24) < (next?.startWal ?? '')) ?? '';
  const whole = await readFile(join(directory, damaged));
  await writeFile(join(directory, damaged), withFlippedBits(whole, 100));
  verified = await engine.verify();
  expect(verified).toMatchObject({ ok: false });
  const repository = await view();
  const own = repository.intervals.filter((interval) => !interval.isAbandoned);
  expect(own.map(({ labels }) => labels)).toEqual([[first], [second]]);
  expect(repository.gaps).toMatchObject([
    { kind: 'missing', segments: 1, damaged: [damaged.slice(0, 24)], resumesWith: second },
  ]);
  const lost = commits.findLast((each) => each.atMs < (next?.startMs ?? 0));
  expect(await plan({ kind: 'time', atMs: (lost?.atMs ?? 0) + 1, inclusive: true })).toMatchObject({
    ...{ ok: false, refusal: { reason: 'in_gap' } },
  });
  expect(await rowsAt({ kind: 'latest' })).toBe(commits.at(-1)?.rows);
  await writeFile(join(directory, damaged), whole);
  verified = await engine.verify();
  expect((await view()).gaps).toEqual([]);
});

it('a backup whose timeline was given up, and its history removed, still leads to its own end', async () => {
  const names = (await readdir(archivePath)).filter((name) => name.endsWith('.history'));
  expect(names).toHaveLength(3);
  const undo = await Promise.all(names.map((name) => damage(join(archivePath, name), 'gone')));
  timeline += 1;
  try {
    const newest = (await engine.inventory()).backups.at(-1);
    const label = newest?.label ?? '';
    // Three commits were made after it.
    expect(await rowsAt({ kind: 'backup', label })).toBe(commits.at(-4)?.rows);
    expect(await plan({ kind: 'latest' })).toMatchObject({ ok: false });
    const position = { kind: 'lsn', inclusive: true, timeline: timeline - 1 } as const;
    expect(await plan({ ...position, lsn: newest?.stopLsn ?? '' })).toMatchObject({ ok: false });
  } finally {
    timeline -= 1;
    for (const put of undo) await put();
  }
});

/** What a verification by the cluster says, one line for everything that is wrong. */
async function verify(): Promise<string[]> {
  const context = async () => ({
    config: { retention: retentionSchema.parse({}) },
    ...{ currentTimeline: timeline, walKeptFrom: null, segmentBytes, nowMs: Date.now(), verified: null },
  });
  const never = () => Promise.reject(new Error('a verification plans nothing'));
  const worker = new BackupWorker({
    ...{ place: primary.place, clock: systemClock, config: never as never, planRestore: never },
    guests: () => [],
    ...{ reader: () => reader, context, engine: async () => engine, hasSeveral: () => false },
  });
  const report: JobReport = { step: () => undefined, progress: () => undefined, warn: () => undefined };
  const result = await worker.work(
    { id: 'v', attempt: 1, work: { kind: 'verify' }, primary: null, requestedBy: 'test', scheduleId: null },
    report,
    AbortSignal.timeout(60_000),
  );
  if (result.kind !== 'verify') throw new Error(`it answered as ${result.kind}`);
  verified = result.verification;
  return foundBy({ result } as BackupJob);
}

/** As it was once the returned function was called. */
async function damage(file: string, how: 'bits' | 'gone'): Promise<() => Promise<void>> {
  const whole = await readFile(file);
  const { mode, uid, gid } = await stat(file);
  if (how === 'gone') await rm(file);
  else await writeFile(file, withFlippedBits(whole));
  return async () => {
    await writeFile(file, whole, { mode });
    await chown(file, uid, gid);
  };
}

/** Files of the repository, by what they are: of the two backups, and of the WAL between them. */
async function fileOf(what: 'WAL' | 'data' | 'manifest' | 'copy', label: string): Promise<string> {
  const backup = join(archivePath, '../../../backup/demo', label);
  if (what === 'data') {
    const [bundle = ''] = await readdir(join(backup, 'bundle'));
    return join(backup, 'bundle', bundle);
  }
  if (what !== 'WAL') return join(backup, what === 'copy' ? 'backup.manifest.copy' : 'backup.manifest');
  const startWal = (await engine.inventory()).backups.find((each) => each.label === label)?.startWal ?? '';
  const directory = join(archivePath, '0000000400000000');
  const names = (await readdir(directory)).filter((name) => /^[0-9A-F]{24}-/.test(name)).sort();
  return join(directory, names.findLast((name) => name.slice(0, 24) < startWal) ?? '');
}

/** Which of the two backups each stretch that is offered begins with, or contains. */
const all = [[0, 1]];
const damages = [
  ['a missing segment of WAL', { of: 1, files: ['WAL'], how: 'gone', says: 'is missing', left: [[0], [1]] }],
  [
    'flipped bits in a file of WAL',
    { of: 1, files: ['WAL'], how: 'bits', says: 'invalid', left: [[0], [1]] },
  ],
  [
    'flipped bits in a data file',
    { of: 1, files: ['data'], how: 'bits', says: 'invalid checksum', left: [[0]] },
  ],
  ['a missing data file', { of: 0, files: ['data'], how: 'gone', says: 'missing or damaged', left: [[1]] }],
  ['flipped bits in a manifest', { of: 1, files: ['manifest'], how: 'bits', says: 'its copy', left: all }],
  [
    'flipped bits in a manifest and in its copy',
    { of: 0, files: ['manifest', 'copy'], how: 'bits', says: 'neither can the copy', left: [[1]] },
  ],
] as const;

it.each(damages)('I-BACKUP-6: %s is found by one verification, which says what is left', async (_, given) => {
  const labels = (await engine.inventory()).backups.map(({ label }) => label);
  const files = await Promise.all(given.files.map((what) => fileOf(what, labels[given.of] ?? '')));
  const mend = await Promise.all(files.map((file) => damage(file, given.how)));
  try {
    const found = await verify();
    expect(found.join('\n')).toContain(given.says);
    const offered = (await view()).intervals.filter((interval) => !interval.isAbandoned);
    const left = offered.map((interval) => interval.labels.map((label) => labels.indexOf(label)));
    expect(left).toEqual(given.left);
    // The newest moment can be restored whatever was damaged, and from a backup that is whole.
    const newest = await plan({ kind: 'latest' });
    const from = labels[given.left.at(-1)?.at(-1) ?? -1];
    expect(newest).toMatchObject({ ok: true, plan: { label: from } });
    // The end of the first backup needs that one, and none of the WAL behind it.
    const oldest = await plan({ kind: 'backup', label: labels[0] ?? '' });
    expect(oldest.ok).toBe(given.left[0][0] === 0);
  } finally {
    for (const undo of mend) await undo();
  }
  expect(await verify()).toEqual([]);
});
