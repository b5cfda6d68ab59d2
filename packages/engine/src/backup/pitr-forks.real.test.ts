import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { retentionSchema } from '../contract/backup.ts';
import type { RestoreTarget } from '../contract/restore-target.ts';
import { readHistories } from '../postgres/history-files.ts';
import { ensureOwnedDirectory } from '../postgres/owned-file.ts';
import { binDir, sql, TestCluster, type TestNode, untilReceived } from '../postgres/testing/test-cluster.ts';
import { pollUntil } from '../shared/deadline.ts';
import { restoreToScratch } from './drill.ts';
import type { PgBackRestEngine } from './engines/pgbackrest/pgbackrest-engine.ts';
import { planRecovery } from './recovery-plan.ts';
import { RepositoryReader } from './repository-reader.ts';
import { TestRepository } from './testing/test-repository.ts';
import type { HistoryLine } from './wal-lines.ts';
import { WalMoments } from './wal-moments.ts';

/** A primary archives a segment whose end its successor never received: the file is there, and belongs to no line any more. */

const segmentBytes = 16 * 1024 * 1024;
let cluster: TestCluster;
let repository: TestRepository;
let successor: TestNode;
let engine: PgBackRestEngine;
let reader: RepositoryReader;
let givenUpLsn = '';

beforeAll(async () => {
  cluster = await TestCluster.create();
  repository = await TestRepository.create(cluster);
  const primary = await cluster.primary('node-1', async (node) => {
    engine = await repository.use(node);
  });
  await engine.createStanza();
  await sql(primary, 'CHECKPOINT');
  await sql(primary, 'CREATE TABLE ledger (what text)');
  await backUp(engine);
  await write(primary, 'archived');
  await engine.proveArchiving();
  successor = await cluster.standby('node-2', primary);
  await write(primary, 'received');
  await untilReceived(successor, primary);
  await successor.host.kill('the test');
  await write(primary, 'given up');
  const [row] = await sql<{ lsn: string }>(primary, 'SELECT pg_current_wal_insert_lsn() AS lsn');
  givenUpLsn = row?.lsn ?? '';
  await engine.proveArchiving();
  await primary.host.kill('the test');
  engine = await repository.use(successor);
  const started = await successor.supervisor.startStandby({ upstream: null, deadlineMs: 30_000 });
  if (!started.ok) throw new Error(started.detail);
  await successor.supervisor.promote({ timeline: 3, deadlineMs: 30_000 });
  const isThere = async () => (await engine.archive()).histories.length === 2 || undefined;
  await pollUntil(isThere, { what: 'the history of timeline 3', timeoutMs: 30_000, intervalMs: 100 });
  const workDir = join(successor.place.stateDir, 'postgres/backup');
  reader = new RepositoryReader(engine, new WalMoments(engine, { binDir, workDir, osUser: cluster.osUser }));
});
afterAll(() => cluster.cleanUp());

async function backUp(by: PgBackRestEngine): Promise<void> {
  const outcome = await by.backup({
    ...{ type: 'full', notes: {}, fromStandby: false, processes: 1, onProgress: () => undefined },
    ...{ timeoutMs: 60_000, signal: AbortSignal.timeout(60_000) },
  });
  if (!outcome.ok) throw new Error(outcome.failure.detail);
}

async function write(node: TestNode, what: string): Promise<void> {
  await sql(node, `INSERT INTO ledger VALUES ('${what}')`);
}

/** What the cluster itself knows of timeline 3. */
let agreed: HistoryLine[] = [];

function view() {
  return reader.view({
    agreed,
    config: { retention: retentionSchema.parse({}) },
    ...{ currentTimeline: 3, walKeptFrom: null, segmentBytes, nowMs: Date.now(), verified: null },
  });
}

async function rowsAt(target: RestoreTarget): Promise<string[]> {
  const planned = planRecovery({
    ...{ target, repository: await view(), points: [], commitMs: null, nowMs: Date.now(), lastDrill: null },
    segmentBytes,
  });
  if (!planned.ok) throw new Error(planned.refusal.message);
  const { label, timeline, recovery } = planned.plan;
  const backup = (await engine.inventory()).backups.find((each) => each.label === label);
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
      ...{ backup, timeline, target: recovery, processes: 1, signal: AbortSignal.timeout(90_000) },
      ...{ onProgress: () => undefined, onStep: () => undefined },
    },
  );
  try {
    return await server.ask('the rows', async (client) => {
      const { rows } = await client.query<{ what: string }>('SELECT what FROM ledger');
      return rows.map(({ what }) => what);
    });
  } finally {
    await server.stop();
    await rm(base, { recursive: true, force: true });
  }
}

it('I-BACKUP-3: what a lost primary archived beyond the fork is in no restore to the latest moment', async () => {
  const { intervals, gaps } = await view();
  expect(gaps).toEqual([]);
  expect(intervals.map(({ timeline, isAbandoned }) => [timeline, isAbandoned])).toEqual([
    [3, false],
    [2, true],
  ]);
  expect(await rowsAt({ kind: 'latest' })).toEqual(['archived']);
});

it('what was given up can be had by its position and timeline', async () => {
  const target = { kind: 'lsn', lsn: givenUpLsn, inclusive: true, timeline: 2 } as const;
  expect(await rowsAt(target)).toEqual(['archived', 'received', 'given up']);
});

it('the latest moment can be restored while the history of the new timeline is on its way', async () => {
  const file = join(repository.path, 'archive/demo/15-1/00000003.history');
  const away = join(cluster.directory, 'history');
  agreed = (await readHistories(successor.place.dataDir)).get(3) ?? [];
  expect(agreed.map(({ timeline }) => timeline)).toEqual([1, 2]);
  await rename(file, away);
  try {
    const { intervals, missingHistory } = await view();
    expect(missingHistory).toBe(3);
    expect(intervals).toMatchObject([
      { timeline: 2, isAbandoned: false, isCut: true },
      { timeline: 2, isAbandoned: true },
    ]);
    expect(await rowsAt({ kind: 'latest' })).toEqual(['archived']);
  } finally {
    await rename(away, file);
  }
});

it('what its successor had received follows with the first segment of the new timeline', async () => {
  await write(successor, 'of the successor');
  await engine.proveArchiving();
  expect(await rowsAt({ kind: 'latest' })).toEqual(['archived', 'received', 'of the successor']);
});
