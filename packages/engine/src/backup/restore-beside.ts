import { readdir, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { BackupConfig, RestorePoint } from '../contract/backup.ts';
import type { RepositoryView } from '../contract/backup-view.ts';
import type { BesideOrder, BesideResult, InPlaceOutlook, RestorePlanning } from '../contract/restore.ts';
import type { RestoreTarget } from '../contract/restore-target.ts';
import { withFreshConnection } from '../postgres/connection.ts';
import { keptDirectory } from '../postgres/data-swap.ts';
import { keepTimelinesFree, pastOf } from '../postgres/history-files.ts';
import { filesOf, type NodePlace } from '../postgres/layout.ts';
import { QuantaError } from '../shared/errors.ts';
import { momentWords } from '../shared/words.ts';
import { restoreToScratch } from './drill.ts';
import type { BackupEngine } from './engine.ts';
import type { JobReport } from './job-runner.ts';
import type { ScratchPlace } from './scratch-server.ts';

const askDeadlineMs = 10_000;
const slotsMax = 1000;

export interface BesideWork {
  place: NodePlace;
  config: BackupConfig;
  engine: BackupEngine;
  planning: RestorePlanning;
}

/**
 * A moment is restored beside the running data, recovered, and opened once on the timeline that the cluster has kept free for
 * it: only a copy that has been open for writes is ever put in the place of anything.
 */
export async function restoreBeside(
  work: BesideWork,
  order: BesideOrder,
  { report, signal }: { report: JobReport; signal: AbortSignal },
): Promise<BesideResult> {
  const { place, engine, planning } = work;
  if (!planning.ok) throw new QuantaError('REFUSED', planning.refusal.message);
  const { plan } = planning;
  if (plan.timeline >= order.timeline)
    throw new QuantaError('REFUSED', `timeline ${order.timeline} is not above ${plan.timeline}`);
  const backup = (await engine.inventory(signal)).backups.find(({ label }) => label === plan.label);
  if (!backup) throw new QuantaError('NOT_FOUND', `there is no backup ${plan.label} any more`);
  const beside = { ...besidePlaceOf(place), followTimeline: plan.timeline };
  const { server, recovered, shortOf } = await restoreToScratch(engine, beside, {
    ...{ backup, timeline: plan.timeline, target: plan.recovery, signal },
    ...(plan.leastLsn === undefined ? {} : { leastLsn: plan.leastLsn }),
    processes: work.config.impact.processes,
    onProgress: (progress) => report.progress(progress),
    onStep: (words) => report.step(words),
    beforeRecovery: () => keepTimelinesFree(beside, { above: plan.timeline, target: order.timeline }),
  });
  await server.stop();
  if (shortOf !== null)
    throw new QuantaError('BACKUP_FAILED', shortOf, {
      hint: 'Nothing was changed. Choose a moment before that, by its time or its position.',
    });
  if (recovered.timeline !== order.timeline)
    throw new QuantaError(
      'BACKUP_FAILED',
      `the copy opened timeline ${recovered.timeline}, not ${order.timeline}`,
    );
  const upTo = recovered.lastCommitMs === null ? '' : `, up to ${momentWords(recovered.lastCommitMs)}`;
  return { words: `${plan.label}${upTo}`, history: await pastOf(beside.dataDir, order.timeline) };
}

/** What the primary finds before a restore in place. */
export async function lookAhead(
  place: NodePlace,
  known: { planning: RestorePlanning; repository: RepositoryView; points: readonly RestorePoint[] },
  target: RestoreTarget,
): Promise<Omit<InPlaceOutlook, 'archivingFailsSinceMs'>> {
  const { planning, repository } = known;
  const { bavail, bsize } = await statfs(dirname(place.dataDir));
  const tablespaces = await readdir(join(place.dataDir, 'pg_tblspc'));
  const what = 'what a restore in place would give up';
  const server = await withFreshConnection(place, { what, timeoutMs: askDeadlineMs }, async (client) => {
    const { rows } = await client.query<{ lsn: string; bytes: string; slots: string[] }>(
      `SELECT pg_current_wal_insert_lsn()::text AS lsn,
              (SELECT sum(pg_database_size(oid)) FROM pg_database)::text AS bytes,
              ARRAY(SELECT slot_name::text FROM pg_replication_slots WHERE slot_name NOT LIKE 'quantadb\\_%') AS slots`,
    );
    return rows[0];
  });
  if (!server) throw new QuantaError('POSTGRES_FAILED', 'the server does not say how large it is');
  return {
    planning,
    currentLsn: server.lsn,
    leastLsn: leastLsnOf(known, target),
    newestMs: repository.newest?.atMs ?? null,
    freeBytes: bavail * bsize,
    dataBytes: Number(server.bytes),
    keptBeside: keptDirectory(place.dataDir, '…'),
    tablespaces: tablespaces.length,
    slots: server.slots.slice(0, slotsMax),
  };
}

/** A position that the target certainly lies at or after (pure); null on another line than the cluster's, where it says nothing. */
export function leastLsnOf(
  known: {
    planning: RestorePlanning;
    repository: Pick<RepositoryView, 'backups' | 'intervals'>;
    points: readonly RestorePoint[];
  },
  target: RestoreTarget,
): string | null {
  const { planning, repository, points } = known;
  if (!planning.ok) return null;
  const { label, timeline } = planning.plan;
  const interval = repository.intervals.find(
    (each) => each.timeline === timeline && each.labels.includes(label),
  );
  if (!interval || interval.isAbandoned) return null;
  const ofBackup = repository.backups.find((each) => each.label === label)?.stopLsn ?? null;
  if (target.kind === 'lsn') return target.lsn;
  if (target.kind === 'latest') return interval.toLsn;
  if (target.kind === 'name') return points.find(({ name }) => name === target.name)?.lsn ?? ofBackup;
  return ofBackup;
}

function besidePlaceOf(place: NodePlace): ScratchPlace {
  return {
    ...{ binDir: place.binDir, osUser: place.osUser },
    dataDir: filesOf(place).restoredDir,
    livesBeside: place.dataDir,
    runDir: join(dirname(place.runDir), 'restored'),
    logFile: join(filesOf(place).serverStateDir, 'restored.log'),
  };
}
