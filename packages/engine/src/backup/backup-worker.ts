import { cpus, loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import type { BackupConfig, GuestRestore, JobResult, Look } from '../contract/backup.ts';
import type { RestorePlanning } from '../contract/restore.ts';
import type { RestoreTarget } from '../contract/restore-target.ts';
import type { NodePlace } from '../postgres/layout.ts';
import { filesOf } from '../postgres/layout.ts';
import type { Cancel, Clock } from '../shared/clock.ts';
import { messageOf, QuantaError } from '../shared/errors.ts';
import * as server from './archiving-server.ts';
import { removeScratch, restoreToScratch, runDrill } from './drill.ts';
import type { BackupEngine, BackupProgress, BackupType, StoredBackup } from './engine.ts';
import { readByGuests } from './guest-restores.ts';
import { type Hold, nextHold, whyHeld } from './hold-back.ts';
import { type JobOrder, nodeNote, runNote, type Strain, triggerNote } from './job-order.ts';
import type { JobReport } from './job-runner.ts';
import { endOf } from './recovery-plan.ts';
import { repositoryOfWork } from './repositories.ts';
import type { ReadingContext, RepositoryReader, RepositoryReading } from './repository-reader.ts';
import { heldLabels, walFromNote } from './retention.ts';
import type { ScratchPlace, ScratchServer } from './scratch-server.ts';
import { lastSegmentLsn } from './wal-lines.ts';

export interface BackupWorkerOptions {
  place: NodePlace;
  clock: Clock;
  /** Of one of the repositories, as if there was no other. */
  config(repository: number): BackupConfig;
  reader(repository: number): RepositoryReader;
  context(repository: number): Promise<ReadingContext>;
  /** Restores from it into new clusters, as they are known right now. */
  guests(repository: number): readonly GuestRestore[];
  engine(order: JobOrder, repository: number): Promise<BackupEngine>;
  planRestore(target: RestoreTarget): Promise<RestorePlanning>;
  hasSeveral(): boolean;
}

/** Nobody remembers to close it: it goes at the end of a working day. */
const lookMs = 8 * 3_600_000;
const lagEveryMs = 12_000;
const backupDeadlineMs = 7 * 24 * 3_600_000;

interface Expired {
  expired: string[];
  walKeptFrom: string | null;
}

/** What the repository held when a backup began. */
interface Before {
  context: ReadingContext;
  reading: RepositoryReading;
}

interface Task {
  order: JobOrder;
  report: JobReport;
  signal: AbortSignal;
  repository: number;
}

/** The work itself: a backup with the retention that follows it, a verification, a drill. */
export class BackupWorker {
  private readonly options: BackupWorkerOptions;

  private strain: Strain | null = null;
  private looking: { server: ScratchServer; look: Look; cancelTimer: Cancel } | null = null;

  constructor(options: BackupWorkerOptions) {
    this.options = options;
  }

  async work(order: JobOrder, report: JobReport, signal: AbortSignal): Promise<JobResult> {
    const repository = repositoryOfWork(order.work);
    const task = { order, report, signal, repository };
    if (order.work.kind === 'look')
      return { kind: 'look', look: await this.openScratch(order.work.target, task) };
    const engine = await this.options.engine(order, repository);
    switch (order.work.kind) {
      case 'backup':
        return this.backUp(engine, order.work.type, task);
      case 'verify':
        return this.verify(engine, task);
      case 'drill':
        return this.drill(engine, task);
      case 'expire':
        return { kind: 'expire', ...(await this.expire(engine, task)) };
    }
  }

  private async backUp(engine: BackupEngine, asked: BackupType, task: Task): Promise<JobResult> {
    const { order, report, signal, repository } = task;
    report.step('starting');
    const before = asked === 'full' ? null : this.readBeside(task);
    const type = (await this.endsInGap(before)) ? 'full' : asked;
    if (type !== asked) report.warn('WAL is missing behind its last backup: a full backup was made instead');
    const outcome = await engine.backup({
      type,
      notes: {
        [runNote]: order.id,
        [nodeNote]: this.options.place.nodeName,
        [triggerNote]: order.scheduleId ?? order.requestedBy,
      },
      fromStandby: order.primary !== null || (order.servers?.length ?? 0) > 1,
      processes: this.options.config(repository).impact.processes,
      onProgress: ({ phase, percent, bytesDone }) => {
        report.step(phase);
        report.progress({ percent, bytesDone });
      },
      isHeld: this.holdBack(report, order.servers !== undefined),
      timeoutMs: backupDeadlineMs,
      signal,
    });
    if (!outcome.ok) {
      const { detail, hint, retry, reason } = outcome.failure;
      throw new QuantaError('BACKUP_FAILED', detail, { hint, details: { retry, reason } });
    }
    for (const warning of outcome.warnings) report.warn(warning);
    if (outcome.type !== type)
      report.warn(`there was nothing to build on: a ${outcome.type} backup was made instead`);
    const { label } = outcome;
    const nothing = outcome.type === 'full' ? null : await nothingToRemove(before);
    return {
      kind: 'backup',
      label,
      type: outcome.type,
      ...(nothing ?? (await this.expireAfter(engine, task))),
    };
  }

  /**
   * What the repository holds, while the backup is being made: nobody has to wait for it afterwards. One that is built on
   * another lets nothing go by itself; whatever a failed run has left is removed with the next full one.
   */
  private readBeside({ repository, signal }: Task): Promise<Before> {
    const read = async () => {
      const context = await this.options.context(repository);
      return { context, reading: await this.options.reader(repository).read(context, signal) };
    };
    const reading = read();
    // Whoever needs it hears of its failure; a backup that fails first waits for nobody.
    reading.catch(() => undefined);
    return reading;
  }

  /** One of several repositories may have been away for longer than the others kept its WAL: it begins anew then. */
  private async endsInGap(before: Promise<Before> | null): Promise<boolean> {
    if (before === null || !this.options.hasSeveral()) return false;
    const { catalogue } = (await before).reading;
    return catalogue.gaps.some((gap) => gap.kind === 'missing' && gap.resumesWith === null);
  }

  /** How the node is that is read from another host. */
  told(strain: Strain | null): void {
    this.strain = strain;
  }

  /** Looked at once a second; how far the standby is behind, five times a minute, or told by the decider when it is another host. */
  private holdBack(
    report: JobReport,
    isElsewhere: boolean,
  ): (phase: BackupProgress['phase']) => Promise<boolean> {
    const { place, clock } = this.options;
    let hold: Hold = { isHeld: false, sinceMs: clock.monotonicMs() };
    let lag = { bytes: null as number | null, atMs: Number.NEGATIVE_INFINITY };
    return async (phase) => {
      const nowMs = clock.monotonicMs();
      if (!isElsewhere && nowMs - lag.atMs >= lagEveryMs)
        lag = { bytes: await server.lagBytesOf(place), atMs: nowMs };
      const { impact } = this.options.config(1);
      const seen = isElsewhere
        ? { load: this.strain?.load ?? null, lagBytes: this.strain?.lagBytes ?? null }
        : { load: loadPerProcessor(), lagBytes: lag.bytes };
      const before = hold;
      hold = nextHold(hold, impact, { ...seen, nowMs, isCopying: phase === 'copying' });
      if (hold.isHeld) report.step(`held back: ${whyHeld(impact, seen) ?? 'for a moment longer'}`);
      else if (before.isHeld) report.step(phase);
      if (hold.isHeld && !before.isHeld) report.warn(`held back for a while: ${whyHeld(impact, seen)}`);
      return hold.isHeld;
    };
  }

  /** The backup is made whatever becomes of the old ones. */
  private async expireAfter(engine: BackupEngine, task: Task): Promise<Expired> {
    try {
      return await this.expire(engine, task);
    } catch (error) {
      task.report.warn(`old backups were not removed: ${messageOf(error)}`);
      return { expired: [], walKeptFrom: null };
    }
  }

  private async expire(engine: BackupEngine, { report, signal, repository }: Task): Promise<Expired> {
    report.step('removing what retention lets go');
    const { reader, context } = this.options;
    const { inventory, retention } = await reader(repository).read(await context(repository), signal);
    const labels = retention.expire.map(({ label }) => label);
    const { backups } = inventory;
    const { fullsWithWal, walKeptFrom } = retention;
    const first = backups.find(({ label }) => label === walKeptFrom);
    if (first && !first.notes[walFromNote]) await engine.annotate(first.label, { [walFromNote]: 'yes' });
    // Somebody may begin to restore meanwhile: what is read, and the WAL behind it, stays after all.
    const read = (held: readonly StoredBackup[]) => readByGuests(this.options.guests(repository), held);
    const spared = (held: readonly StoredBackup[]) => new Set([...heldLabels(held), ...read(held)]);
    const asked = { labels, backups, fullsWithWal, spared, withWal: read, signal };
    const stayed = await engine.expire(asked);
    return { expired: labels.filter((label) => !stayed.includes(label)), walKeptFrom };
  }

  private async verify(engine: BackupEngine, { report, signal, repository }: Task): Promise<JobResult> {
    report.step('reading every file of the repository');
    const verification = await engine.verify(signal);
    // What is damaged has just been named: here only what is not there at all.
    const context = { ...(await this.options.context(repository)), verified: null };
    const { catalogue } = await this.options.reader(repository).read(context, signal);
    const gaps = catalogue.gaps
      .filter((gap) => gap.kind === 'missing')
      .map(({ segments, fromWal, toWal }) =>
        segments === 1
          ? `segment ${fromWal} is missing`
          : `${segments} segments are missing from ${fromWal} to ${toWal}`,
      );
    return { kind: 'verify', verification, gaps: [...gaps, ...catalogue.conflicts] };
  }

  private async drill(engine: BackupEngine, { report, signal, repository }: Task): Promise<JobResult> {
    const { reader, context } = this.options;
    const reading = await context(repository);
    const { inventory, catalogue } = await reader(repository).read(reading, signal);
    const interval = catalogue.intervals.findLast((each) => !each.isAbandoned);
    const label = interval?.labels.at(-1);
    const backup = inventory.backups.find((each) => each.label === label);
    if (!interval || !backup)
      throw new QuantaError('REFUSED', 'there is no backup that could be restored', {
        hint: 'Make one: quantadb backup now.',
        details: { retry: false },
      });
    const config = this.options.config(repository);
    const drill = await runDrill(engine, scratchPlaceOf(this.options.place), {
      backup,
      timeline: interval.timeline,
      target: endOf(interval),
      leastLsn: lastSegmentLsn(interval.toLsn, reading.segmentBytes),
      processes: config.impact.processes,
      signal,
      clock: this.options.clock,
      checks: config.drills?.checks ?? [],
      onProgress: (progress) => report.progress(progress),
      onStep: (words) => report.step(words),
    });
    return { kind: 'drill', drill };
  }

  /** The copy that is open now; null when there is none, or it has ended by itself. */
  openLook(): Look | null {
    return this.looking && this.looking.server.endedWith === null ? this.looking.look : null;
  }

  async closeLook(): Promise<void> {
    const { looking } = this;
    this.looking = null;
    if (!looking) return;
    looking.cancelTimer();
    await looking.server.stop(this.options.clock);
    await removeScratch(lookPlaceOf(this.options.place));
  }

  private async openScratch(target: RestoreTarget, task: Task): Promise<Look> {
    const { order, report, signal } = task;
    const planned = await this.options.planRestore(target);
    if (!planned.ok) throw new QuantaError('REFUSED', planned.refusal.message, { details: { retry: false } });
    const { plan } = planned;
    const { repository = 1 } = plan;
    const { reader, context } = this.options;
    const { inventory } = await reader(repository).read(await context(repository), signal);
    const engine = await this.options.engine(order, repository);
    const backup = inventory.backups.find(({ label }) => label === plan.label);
    if (!backup) throw new QuantaError('NOT_FOUND', `there is no backup ${plan.label} any more`);
    await this.closeLook();
    const { server, recovered, shortOf } = await restoreToScratch(engine, lookPlaceOf(this.options.place), {
      ...{ backup, timeline: plan.timeline, target: plan.recovery, signal, clock: this.options.clock },
      ...(plan.leastLsn === undefined ? {} : { leastLsn: plan.leastLsn }),
      processes: this.options.config(1).impact.processes,
      onProgress: (progress) => report.progress(progress),
      onStep: (words) => report.step(words),
    });
    if (shortOf !== null) report.warn(shortOf);
    const { host: socketDir, port, user } = server.socket;
    const look: Look = {
      ...{ node: this.options.place.nodeName, socketDir, port, user, label: plan.label },
      ...{ timeline: recovered.timeline, recoveredToMs: recovered.lastCommitMs },
      untilMs: this.options.clock.wallMs() + lookMs,
    };
    const cancelTimer = this.options.clock.after(lookMs, () => void this.closeLook());
    this.looking = { server, look, cancelTimer };
    return look;
  }
}

/** Null when retention has something to do, or nobody knows. */
async function nothingToRemove(before: Promise<Before> | null): Promise<Expired | null> {
  const known = await before?.catch(() => null);
  if (!known) return null;
  const { walKeptFrom, expire } = known.reading.retention;
  const isNothing = expire.length === 0 && walKeptFrom !== null && walKeptFrom === known.context.walKeptFrom;
  return isNothing ? { expired: [], walKeptFrom } : null;
}

/** Of the last minute. */
export function loadPerProcessor(): number {
  return (loadavg()[0] ?? 0) / Math.max(1, cpus().length);
}

/** Copies that nobody has removed. */
export async function removeLeftovers(place: NodePlace): Promise<void> {
  for (const scratch of [scratchPlaceOf(place), lookPlaceOf(place)]) await removeScratch(scratch);
}

/** Apart from the drills', which come and go meanwhile. */
function lookPlaceOf(place: NodePlace): ScratchPlace {
  return {
    ...scratchPlaceOf(place),
    dataDir: `${place.dataDir}.look`,
    tablespaceDir: `${place.dataDir}.look-tablespaces`,
    runDir: join(dirname(place.runDir), 'look'),
    logFile: join(filesOf(place).serverStateDir, 'look.log'),
  };
}

/** Beside the node's own data, on the same volume; its socket beside the node's own. */
function scratchPlaceOf(place: NodePlace): ScratchPlace {
  return {
    binDir: place.binDir,
    dataDir: `${place.dataDir}.scratch`,
    tablespaceDir: `${place.dataDir}.scratch-tablespaces`,
    livesBeside: place.dataDir,
    runDir: join(dirname(place.runDir), 'scratch'),
    logFile: join(filesOf(place).serverStateDir, 'scratch.log'),
    osUser: place.osUser,
  };
}
