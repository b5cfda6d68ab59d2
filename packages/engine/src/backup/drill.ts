import { readdir, rm, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DrillPolicy, DrillResult } from '../contract/backup.ts';
import { runCommand } from '../postgres/command.ts';
import { parseLsn } from '../postgres/lsn.ts';
import { ensureOwnedDirectory } from '../postgres/owned-file.ts';
import { type Clock, systemClock } from '../shared/clock.ts';
import { messageOf, QuantaError } from '../shared/errors.ts';
import { momentWords, sizeWords } from '../shared/words.ts';
import type { BackupEngine, BackupProgress, RecoveryTarget, StoredBackup } from './engine.ts';
import { type Recovered, type ScratchPlace, ScratchServer } from './scratch-server.ts';

export interface ScratchRestore {
  backup: StoredBackup;
  timeline: number;
  target: RecoveryTarget;
  /** Recovery that ends before this has missed a part of what is archived; absent: the target itself says so. */
  leastLsn?: string;
}

export interface ScratchLimits {
  processes: number;
  signal: AbortSignal;
  clock?: Clock;
  onProgress(progress: BackupProgress): void;
  onStep(words: string): void;
  /** When the files are there, and before they are recovered. */
  beforeRecovery?(): Promise<void>;
}

const restoreDeadlineMs = 24 * 3_600_000;
const checkDeadlineMs = 3_600_000;
/** A restore needs what the backup holds, and room for the WAL that is replayed. */
const spareBytes = 1024 ** 3;

/** A restored copy that is open for a look, and how long it took to get there. */
export interface OpenScratch {
  server: ScratchServer;
  recovered: Recovered;
  restoreMs: number;
  /** What of the archived WAL recovery did not get through; null: nothing. */
  shortOf: string | null;
}

/**
 * Restores into the scratch directory, which is emptied first, and opens the copy. One that does not open is removed: it would
 * take room on the volume of the server beside it until somebody restores again.
 *
 * @throws QuantaError REFUSED without room, BACKUP_FAILED when the target was not reached
 */
export async function restoreToScratch(
  engine: BackupEngine,
  place: ScratchPlace,
  request: ScratchRestore & ScratchLimits,
): Promise<OpenScratch> {
  await removeScratch(place);
  await requireRoom(place, request.backup.databaseBytes);
  try {
    return await fillAndOpen(engine, place, request);
  } catch (error) {
    await removeScratch(place);
    throw error;
  }
}

async function fillAndOpen(
  engine: BackupEngine,
  place: ScratchPlace,
  request: ScratchRestore & ScratchLimits,
): Promise<OpenScratch> {
  const clock = request.clock ?? systemClock;
  const own = { osUser: place.osUser, mode: 0o700 };
  await ensureOwnedDirectory(place.dataDir, own);
  if (place.tablespaceDir) await ensureOwnedDirectory(place.tablespaceDir, own);
  const begunMs = clock.monotonicMs();
  request.onStep(`restoring ${request.backup.label}`);
  await engine.restore({
    label: request.backup.label,
    timeline: request.timeline,
    target: request.target,
    dataDir: place.dataDir,
    delta: false,
    processes: request.processes,
    tablespaceDir: place.tablespaceDir ?? null,
    onProgress: (progress) => request.onProgress(progress),
    timeoutMs: restoreDeadlineMs,
    signal: request.signal,
  });
  const restoreMs = clock.monotonicMs() - begunMs;
  await refuseNewTablespaces(place);
  await request.beforeRecovery?.();
  request.onStep('replaying WAL');
  const { server, recovered } = await ScratchServer.recover(place, {
    timeoutMs: restoreDeadlineMs,
    signal: request.signal,
    clock,
  });
  return { server, recovered, restoreMs, shortOf: shortWords(request, recovered) };
}

/** PostgreSQL takes WAL that it cannot read for the end of it, opens there and calls that a success. */
export function shortWords(
  { leastLsn }: Pick<ScratchRestore, 'leastLsn'>,
  { lsn, lastCommitMs }: Pick<Recovered, 'lsn' | 'lastCommitMs'>,
): string | null {
  if (leastLsn === undefined || parseLsn(lsn) >= parseLsn(leastLsn)) return null;
  const upTo = lastCommitMs === null ? '' : `, the last commit in it of ${momentWords(lastCommitMs)}`;
  return `recovery ended at ${lsn}${upTo}, and WAL is archived up to ${leastLsn} at least: a segment between them cannot be read (quantadb backup verify names it)`;
}

/**
 * A tablespace made after the backup would be made again by replay, and at its own place: the copy would write over the files
 * of the server it lies beside.
 */
async function refuseNewTablespaces({ dataDir, livesBeside }: ScratchPlace): Promise<void> {
  if (livesBeside === undefined) return;
  const mapped = new Set(await readdir(join(dataDir, 'pg_tblspc')));
  const unmapped = (await readdir(join(livesBeside, 'pg_tblspc'))).filter((oid) => !mapped.has(oid));
  if (unmapped.length === 0) return;
  throw new QuantaError(
    'REFUSED',
    `${unmapped.length} of the tablespaces here ${unmapped.length === 1 ? 'is' : 'are'} not in the backup: replay would write into its files`,
    { hint: 'Make a backup now (quantadb backup now): what is restored from it has all of them.' },
  );
}

export async function removeScratch(
  place: Pick<ScratchPlace, 'dataDir' | 'runDir' | 'tablespaceDir'>,
): Promise<void> {
  for (const directory of [place.dataDir, place.runDir, place.tablespaceDir])
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
}

/**
 * Proves that a backup can be used: restore, recovery, every index and page by pg_amcheck, and whatever the user asks of
 * the rows. The copy is gone afterwards.
 */
export async function runDrill(
  engine: BackupEngine,
  place: ScratchPlace,
  request: ScratchRestore & ScratchLimits & { checks: DrillPolicy['checks'] },
): Promise<DrillResult> {
  const clock = request.clock ?? systemClock;
  const open = await restoreToScratch(engine, place, request);
  try {
    const begunMs = clock.monotonicMs();
    request.onStep('checking');
    const findings = [await amcheck(place, open.server, request.signal)];
    if (open.shortOf !== null)
      findings.push({ what: 'all of the archived WAL', ok: false, detail: open.shortOf });
    for (const check of request.checks) findings.push(await userCheck(open.server, check));
    return {
      label: request.backup.label,
      recoveredToMs: open.recovered.lastCommitMs,
      databaseBytes: request.backup.databaseBytes,
      restoreMs: Math.round(open.restoreMs),
      recoveryMs: Math.round(open.recovered.tookMs),
      checksMs: Math.round(clock.monotonicMs() - begunMs),
      findings,
    };
  } finally {
    await open.server.stop(clock);
    await removeScratch(place);
  }
}

/** Every table and index of every database, its extension made in the copy only. */
async function amcheck(
  place: ScratchPlace,
  server: ScratchServer,
  signal: AbortSignal,
): Promise<DrillResult['findings'][number]> {
  const { host, port, user } = server.socket;
  const result = await runCommand({
    file: join(place.binDir, 'pg_amcheck'),
    args: [
      '--all',
      '--install-missing',
      '--heapallindexed',
      `--host=${host}`,
      `--port=${port}`,
      `--username=${user}`,
    ],
    osUser: place.osUser,
    env: { PGDATABASE: 'postgres' },
    timeoutMs: checkDeadlineMs,
    signal,
    diesWithUs: true,
  });
  const detail = `${result.stdout}\n${result.stderr}`.trim().slice(0, 1000);
  return { what: 'pg_amcheck of every table and index', ok: result.code === 0, detail };
}

async function userCheck(
  server: ScratchServer,
  check: DrillPolicy['checks'][number],
): Promise<DrillResult['findings'][number]> {
  const what = `${check.database}: ${check.sql}`.slice(0, 300);
  try {
    const answer = await server.ask(
      'a check of a restore drill',
      (client) => client.query({ text: check.sql, rowMode: 'array' }),
      { timeoutMs: checkDeadlineMs, database: check.database },
    );
    const [first] = (answer.rows as unknown[][])[0] ?? [];
    const isTrue = first === true;
    return {
      what,
      ok: isTrue,
      detail: isTrue ? '' : `it answered ${JSON.stringify(first ?? null)}, not true`.slice(0, 1000),
    };
  } catch (error) {
    return { what, ok: false, detail: messageOf(error).slice(0, 1000) };
  }
}

async function requireRoom(place: Pick<ScratchPlace, 'dataDir'>, databaseBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(place.dataDir));
  const free = bavail * bsize;
  const needed = databaseBytes + spareBytes;
  if (free >= needed) return;
  throw new QuantaError(
    'REFUSED',
    `${dirname(place.dataDir)} has ${sizeWords(free)} free, and the restored copy needs ${sizeWords(needed)}`,
    { hint: 'Make room there, or restore on another node.' },
  );
}
