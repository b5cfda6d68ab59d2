import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ensureOwnedDirectory } from '../postgres/owned-file.ts';
import { binDir, sql, TestCluster, type TestNode } from '../postgres/testing/test-cluster.ts';
import { sleep, systemClock } from '../shared/clock.ts';
import { runDrill } from './drill.ts';
import type { RecoveryTarget } from './engine.ts';
import type { PgBackRestEngine } from './engines/pgbackrest/pgbackrest-engine.ts';
import { ScratchServer } from './scratch-server.ts';
import { TestRepository } from './testing/test-repository.ts';

let cluster: TestCluster;
let repository: TestRepository;
let primary: TestNode;
let engine: PgBackRestEngine;
let running: ScratchServer | null = null;
const labels: Record<string, string> = {};
/** After each of these the table holds so many rows more. */
const moments: { atMs: number; lsn: string; xid: string; hash: string }[] = [];
/** Of the second record of one name. */
let writtenAgainAt = '';

beforeAll(async () => {
  cluster = await TestCluster.create();
  repository = await TestRepository.create(cluster);
  primary = await cluster.primary('node-1', async (node) => {
    engine = await repository.use(node);
  });
  await engine.createStanza();
  await sql(primary, 'CHECKPOINT');
  await makeTablespace('apart');
  await sql(primary, 'CREATE TABLE ledger (id bigserial PRIMARY KEY, filler text)');
  await sql(primary, 'CREATE TABLE elsewhere TABLESPACE apart AS SELECT generate_series(1, 100) AS id');
  for (const type of ['full', 'diff', 'incr'] as const) {
    await write();
    labels[type] = await backUp(type);
  }
  for (let round = 0; round < 3; round += 1) moments.push(await write());
  await sql(primary, "SELECT pg_create_restore_point('before the release')");
  moments.push(await write());
  const again = "SELECT pg_create_restore_point('before the release')::text AS lsn";
  writtenAgainAt = (await sql<{ lsn: string }>(primary, again))[0]?.lsn ?? '';
  await sql(primary, 'SELECT pg_switch_wal()');
  await engine.proveArchiving();
});
afterEach(async () => {
  await running?.stop();
  running = null;
  await rm(join(cluster.directory, 'restored'), { recursive: true, force: true });
});
afterAll(() => cluster.cleanUp());

async function makeTablespace(name: string): Promise<void> {
  const directory = join(cluster.directory, name);
  await ensureOwnedDirectory(directory, { osUser: cluster.osUser, mode: 0o700 });
  await sql(primary, `CREATE TABLESPACE ${name} LOCATION '${directory}'`);
}

async function backUp(type: 'full' | 'diff' | 'incr'): Promise<string> {
  const outcome = await engine.backup({
    ...{ type, notes: {}, fromStandby: false, processes: 1, onProgress: () => undefined },
    ...{ timeoutMs: 60_000, signal: AbortSignal.timeout(60_000) },
  });
  if (!outcome.ok) throw new Error(outcome.failure.detail);
  return outcome.label;
}

/** Commits a hundred rows, and says what the table holds from then on. */
async function write(): Promise<(typeof moments)[number]> {
  const [wrote] = await sql<{ xid: string }>(
    primary,
    `WITH written AS (INSERT INTO ledger (filler) SELECT md5(random()::text) FROM generate_series(1, 100) RETURNING id)
     SELECT pg_current_xact_id()::text AS xid FROM written LIMIT 1`,
  );
  const [found] = await sql<{ lsn: string; at: Date; hash: string }>(
    primary,
    `SELECT pg_current_wal_insert_lsn()::text AS lsn, clock_timestamp() AS at, ${hashSql} AS hash FROM ledger`,
  );
  await sleep(systemClock, 30);
  return {
    atMs: found?.at.getTime() ?? 0,
    lsn: found?.lsn ?? '',
    xid: wrote?.xid ?? '',
    hash: found?.hash ?? '',
  };
}

const hashSql = "md5(string_agg(id || ':' || filler, ',' ORDER BY id))";

async function restore(label: string, target: RecoveryTarget) {
  const dataDir = join(cluster.directory, 'restored/data');
  const tablespaceDir = join(cluster.directory, 'restored/tablespaces');
  await mkdir(join(cluster.directory, 'restored'), { recursive: true });
  await ensureOwnedDirectory(join(cluster.directory, 'restored'), { osUser: cluster.osUser, mode: 0o755 });
  await ensureOwnedDirectory(tablespaceDir, { osUser: cluster.osUser, mode: 0o700 });
  await ensureOwnedDirectory(dataDir, { osUser: cluster.osUser, mode: 0o700 });
  await engine.restore({
    ...{ label, timeline: 2, target, dataDir, delta: false, processes: 1, tablespaceDir },
    ...{ onProgress: () => undefined, timeoutMs: 60_000, signal: AbortSignal.timeout(60_000) },
  });
  const { server, recovered } = await ScratchServer.recover(
    {
      ...{ binDir, dataDir, runDir: join(cluster.directory, 'restored/run'), osUser: cluster.osUser },
      logFile: join(cluster.directory, 'restored/postgres.log'),
    },
    { timeoutMs: 60_000, signal: AbortSignal.timeout(60_000) },
  );
  running = server;
  const hash = await server.ask('the hash', async (client) => {
    const { rows } = await client.query<{ hash: string }>(`SELECT ${hashSql} AS hash FROM ledger`);
    return rows[0]?.hash;
  });
  return { recovered, hash };
}

function moment(index: number): (typeof moments)[number] {
  const found = moments[index];
  if (!found) throw new Error(`there is no moment ${index}`);
  return found;
}

describe('a restore gives exactly the rows of its target', () => {
  it('the latest moment, from a full backup', async () => {
    const { recovered, hash } = await restore(labels.full ?? '', { kind: 'latest' });
    expect(hash).toBe(moment(3).hash);
    expect(recovered.timeline).toBe(3);
    expect(recovered.lastCommitMs).toBeLessThanOrEqual(moment(3).atMs);
  });

  it('the moment a backup ended', async () => {
    const { hash } = await restore(labels.incr ?? '', { kind: 'backup' });
    expect(hash).not.toBe(moment(0).hash);
    expect(hash).toBeDefined();
  });

  it('a position in WAL, from a differential one', async () => {
    const { hash } = await restore(labels.diff ?? '', { kind: 'lsn', lsn: moment(2).lsn, inclusive: true });
    expect(hash).toBe(moment(2).hash);
  });

  it('a transaction, with it, from an incremental one', async () => {
    const { hash } = await restore(labels.incr ?? '', { kind: 'xid', xid: moment(1).xid, inclusive: true });
    expect(hash).toBe(moment(1).hash);
  });

  it('a transaction, without it', async () => {
    const { hash } = await restore(labels.incr ?? '', { kind: 'xid', xid: moment(1).xid, inclusive: false });
    expect(hash).toBe(moment(0).hash);
  });

  it('a named point', async () => {
    const { hash } = await restore(labels.incr ?? '', { kind: 'name', name: 'before the release' });
    expect(hash).toBe(moment(2).hash);
  });

  it('a named point that was written twice: the one whose position is known, with what was committed before it', async () => {
    const { hash } = await restore(labels.incr ?? '', {
      ...{ kind: 'lsn', lsn: writtenAgainAt, inclusive: false },
    });
    expect(hash).toBe(moment(3).hash);
  });
});

describe('a restore that cannot reach its target', () => {
  it('fails instead of being taken for done, although the server had started', async () => {
    const target: RecoveryTarget = { kind: 'time', atMs: Date.now() + 3_600_000, inclusive: true };
    await expect(restore(labels.incr ?? '', target)).rejects.toMatchObject({
      code: 'BACKUP_FAILED',
      details: { reason: 'target_not_reached' },
    });
  });
});

describe('a restore drill', () => {
  const drill = async (checks: { database: string; sql: string }[], leastLsn?: string) => {
    const { backups } = await engine.inventory();
    const backup = backups.find((each) => each.label === labels.incr);
    if (!backup) throw new Error('there is no backup');
    const at = (name: string) => join(cluster.directory, 'restored', name);
    const place = {
      ...{ binDir, osUser: cluster.osUser, livesBeside: primary.place.dataDir },
      ...{ dataDir: at('data'), tablespaceDir: at('tablespaces') },
      ...{ runDir: at('run'), logFile: at('postgres.log') },
    };
    await mkdir(at(''), { recursive: true });
    await ensureOwnedDirectory(at(''), { osUser: cluster.osUser, mode: 0o755 });
    return runDrill(engine, place, {
      ...{ backup, timeline: 2, target: { kind: 'latest' }, processes: 1, checks },
      ...(leastLsn === undefined ? {} : { leastLsn }),
      ...{ onProgress: () => undefined, onStep: () => undefined, signal: AbortSignal.timeout(60_000) },
    });
  };

  it('restores, checks every table and index and asks the user’s questions, and leaves nothing behind', async () => {
    const result = await drill([
      { database: 'postgres', sql: 'SELECT count(*) = 700 FROM ledger' },
      { database: 'postgres', sql: 'SELECT false' },
      { database: 'nowhere', sql: 'SELECT true' },
      {
        database: 'postgres',
        sql: "SELECT count(*) = 100 AND bool_and(pg_tablespace_location(oid) LIKE '%/restored/tablespaces/apart') FROM elsewhere, pg_tablespace WHERE spcname = 'apart'",
      },
    ]);
    expect(result.findings.map(({ ok, detail }) => [ok, detail])).toEqual([
      [true, expect.anything()],
      [true, ''],
      [false, 'it answered false, not true'],
      [false, expect.stringContaining('does not exist')],
      [true, ''],
    ]);
    expect(result.recoveredToMs).toBeGreaterThan(Date.now() - 600_000);
    expect(await readdir(join(cluster.directory, 'restored'))).toEqual(['postgres.log']);
  });

  it('I-BACKUP-7: says that it is not whole when a segment of WAL cannot be read, although PostgreSQL opens without a word', async () => {
    const { segments } = await engine.archive();
    const [damaged, last] = segments.slice(-2).map(({ name }) => name);
    const directory = join(repository.path, 'archive/demo/15-1/0000000200000000');
    const file = join(
      directory,
      (await readdir(directory)).find((each) => each.startsWith(damaged ?? '')) ?? '',
    );
    const whole = await readFile(file);
    const broken = Buffer.from(whole);
    broken.fill(0, 100, 200);
    await writeFile(file, broken);
    const end = Number.parseInt(last?.slice(16) ?? '', 16);
    const result = await drill([], `0/${(end * 16 * 1024 * 1024).toString(16).toUpperCase()}`);
    await writeFile(file, whole);
    expect(result.findings.map(({ ok }) => ok)).toEqual([true, false]);
    expect(result.findings[1]?.detail).toContain('cannot be read');
  });

  it('is refused where replay would make a tablespace anew, over the files of the server beside it (I-BACKUP-5)', async () => {
    await makeTablespace('later');
    await sql(primary, 'CREATE TABLE precious TABLESPACE later AS SELECT 1 AS id');
    await expect(drill([])).rejects.toThrow(/not in the backup: replay would write into its files/);
    expect(await sql(primary, 'SELECT id FROM precious')).toEqual([{ id: 1 }]);
  });
});
