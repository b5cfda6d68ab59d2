import { aheadLevel, drillSlot, jobWords } from '../cluster/apply-backup.ts';
import type { Commander } from '../cluster/commander.ts';
import { isMarking } from '../cluster/marking.ts';
import { dataMembers } from '../cluster/membership.ts';
import type { Peers } from '../cluster/peer-protocol.ts';
import type { Leadership } from '../cluster/store.ts';
import type { BackupConfig, BackupJob, BackupState, BackupWork } from '../contract/backup.ts';
import type { RepositoryView } from '../contract/backup-view.ts';
import type { ClusterState } from '../contract/cluster-state.ts';
import type { ClusterMonitor } from '../monitor/cluster-monitor.ts';
import { type Clock, systemClock } from '../shared/clock.ts';
import { messageOf } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import { NowAndThen } from '../shared/now-and-then.ts';
import { type NewId, systemNewId } from '../shared/random.ts';
import { owedAfterRestore } from './after-restore.ts';
import { ArchiveWatch } from './archive-watch.ts';
import { JobAssigner } from './job-assigner.ts';
import { type JobLook, runNote } from './job-order.ts';
import { afterFailure, decideJob, delayAfter, type JobDecision, whyGivesWay } from './job-policy.ts';
import { configFor, repositoryOfWork, schedulesOf } from './repositories.ts';
import { dueBackup, dueDrill, isInWindow, type ScheduleMemory, servedByNow } from './schedule.ts';

export interface ClusterBackupManagerOptions {
  commander: Commander;
  peers: Peers;
  monitor: ClusterMonitor;
  logger: Logger;
  clock?: Clock;
  newId?: NewId;
  state(): ClusterState | null;
  leadership(): Leadership;
}

const everyMs = 1000;
/** Somebody may be waiting for work that runs. */
const jobEveryMs = 250;
/** Its node answers at its end: nobody waits for the next round then, and few rounds are needed. */
const lookWaitMs = 1000;
const commandDeadlineMs = 5000;
const askDeadlineMs = 10_000;
const checkpointDeadlineMs = 30 * 60_000;
const repositoryDeadlineMs = 120_000;
/** Retention's reports and the like may be long; what is kept of them in the log is not. */
const problemsMax = 20;
/** By them the moments are left out that need a damaged segment, so more of them are kept. */
const walProblemsMax = 200;
const backupsMax = 100;

/**
 * The decider's part in backups: begins what is due, gives it to a node, asks how it goes, and sees to it that it ends.
 * All it knows of a run is in the log, so the next decider goes on where this one stood.
 */
export class ClusterBackupManager {
  private readonly options: ClusterBackupManagerOptions;
  private readonly clock: Clock;
  private readonly archive: ArchiveWatch;
  private readonly assigner: JobAssigner;
  private readonly beat: NowAndThen;
  /** Since when the node of the running job has been silent, by this node's clock. */
  private silence: { jobId: string; sinceMs: number } | null = null;

  constructor(options: ClusterBackupManagerOptions) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
    const words = 'the work on backups failed and will be tried again';
    const onError = (error: unknown) => options.logger.warn({ error: messageOf(error) }, words);
    this.beat = new NowAndThen({ everyMs, clock: this.clock, onError });
    this.archive = new ArchiveWatch({ ...options, clock: this.clock });
    this.assigner = new JobAssigner({ ...options, clock: this.clock });
  }

  tick(): void {
    const { isLeader, leaderSinceMs } = this.options.leadership();
    const state = this.options.state();
    const { backup } = state ?? {};
    if (!isLeader || leaderSinceMs === null || !state || !backup?.config) return;
    const { config } = backup;
    this.beat.run(() => this.work(state, backup, config), backup.job ? jobEveryMs : everyMs);
    this.archive.tick(state);
  }

  private async work(state: ClusterState, backup: BackupState, config: BackupConfig): Promise<void> {
    if (backup.job) await this.drive(state, config, { job: backup.job, servedMs: backup.servedMs });
    else if (!state.failover && !state.restoring) await this.beginDue(state, backup, config);
  }

  private async beginDue(state: ClusterState, backup: BackupState, config: BackupConfig): Promise<void> {
    const at = { nowMs: this.clock.wallMs(), clusterId: state.clusterId };
    const memory = (state.level ?? 1) >= aheadLevel ? servedByNow(backup, at.nowMs) : backup;
    if (await this.beginAfterRestore(state, backup, at.nowMs)) return;
    const due = dueBackup(schedulesOf(config), memory, at);
    const drill = due ? null : dueDrill(config.drills, memory, { ...at, slot: drillSlot });
    const work: BackupWork | null = due
      ? { kind: 'backup', type: due.type, ...(due.repository === 1 ? {} : { repository: due.repository }) }
      : drill
        ? { kind: 'drill' }
        : null;
    const serves = due?.serves ?? drill?.serves;
    if (!work || !serves) return;
    const scheduleId = due?.scheduleId ?? drillSlot;
    await this.begin({ work, scheduleId, requestedBy: 'the schedule', reason: '' }, serves);
  }

  private async beginAfterRestore(state: ClusterState, backup: BackupState, nowMs: number): Promise<boolean> {
    const repository = owedAfterRestore(state, backup, nowMs);
    if (repository === null) return false;
    const reason = 'the first one there after a restore in place';
    const work = { kind: 'backup' as const, type: 'full' as const, repository };
    await this.begin({ work, scheduleId: null, requestedBy: 'the cluster', reason }, []);
    return true;
  }

  private async begin(
    own: Pick<BackupJob, 'work' | 'scheduleId' | 'requestedBy' | 'reason'>,
    serves: { scheduleId: string; slotMs: number }[],
  ): Promise<void> {
    const job = { id: (this.options.newId ?? systemNewId)(), trigger: 'schedule' as const, ...own };
    const command = { kind: 'begin-backup-job' as const, job, serves };
    const begun = await this.options.commander.submit(command, commandDeadlineMs);
    if (!begun.ok) this.options.logger.debug({ reason: begun.reason }, 'a due backup was not begun');
  }

  private async drive(
    state: ClusterState,
    config: BackupConfig,
    { job, servedMs }: { job: BackupJob } & ScheduleMemory,
  ): Promise<void> {
    const nowMs = this.clock.wallMs();
    const at = { nowMs, clusterId: state.clusterId };
    const why = whyGivesWay(job, { ...waitingFor(config, { job, servedMs }, at), nowMs });
    if (why !== null) return this.end(job, { state: 'failed', detail: why, look: null });
    const look = job.state === 'running' ? await this.look(state, job) : null;
    const silentForMs = this.silentFor(job, look);
    const decision = decideJob(job, { look, silentForMs, nowMs });
    await this.carryOut(state, { config, job, look, decision });
  }

  private async carryOut(
    state: ClusterState,
    known: { config: BackupConfig; job: BackupJob; look: JobLook | null; decision: JobDecision },
  ): Promise<void> {
    const { config, job, look, decision } = known;
    switch (decision.kind) {
      case 'wait':
        return;
      case 'assign':
        return this.assign(state, config, job);
      case 'search':
        return this.search(state, job);
      case 'retry':
        return this.delay(job, decision.afterMs, decision.detail);
      case 'end':
        return this.end(job, {
          state: decision.state,
          detail: decision.detail || (look?.detail ?? ''),
          look,
        });
    }
  }

  private async look(state: ClusterState, job: BackupJob): Promise<JobLook | null> {
    const node = state.members[job.node ?? ''];
    if (!node) return null;
    try {
      const strain = await this.assigner.strainOf(state, job);
      const input = { clusterId: state.clusterId, id: job.id, strain, waitMs: lookWaitMs };
      return await this.options.peers.call(node, 'look-at-backup-job', { input, deadlineMs: askDeadlineMs });
    } catch (error) {
      this.options.logger.debug(
        { node: node.name, error: messageOf(error) },
        'a node does not say how its work goes',
      );
      return null;
    }
  }

  private silentFor(job: BackupJob, look: JobLook | null): number {
    const nowMs = this.clock.monotonicMs();
    if (look !== null || job.state !== 'running') {
      this.silence = null;
      return 0;
    }
    if (this.silence?.jobId !== job.id) this.silence = { jobId: job.id, sinceMs: nowMs };
    return nowMs - this.silence.sinceMs;
  }

  private async assign(state: ClusterState, config: BackupConfig, job: BackupJob): Promise<void> {
    const own = configFor(config, repositoryOfWork(job.work)) ?? config;
    const assignment = await this.assigner.assign(state, own, job);
    if (!assignment.ok) return this.delay(job, delayAfter(1), assignment.reason);
    const { node, fromStandby, others } = assignment;
    if (job.work.kind === 'backup') await this.checkpoint(state, state.reign.primary ?? '');
    const now = this.options.state();
    // It is over in a moment, and this is decided anew then.
    if (now && isMarking(now)) return;
    const attempt = job.attempt + 1;
    const assigned = await this.options.commander.submit(
      { kind: 'assign-backup-job', id: job.id, attempt, node: node.name, fromStandby },
      commandDeadlineMs,
    );
    if (!assigned.ok) return;
    const order = {
      ...{ id: job.id, attempt, work: job.work, requestedBy: job.requestedBy, scheduleId: job.scheduleId },
      ...others,
    };
    const input = { clusterId: state.clusterId, order };
    const started = await this.options.peers.call(node, 'start-backup-job', {
      input,
      deadlineMs: askDeadlineMs,
    });
    if (started.ok) return;
    await this.carryOut(state, {
      ...{ config, job: { ...job, attempt }, look: null },
      decision: afterFailure({ ...job, attempt }, started.reason, true),
    });
  }

  /** The first backup after a promotion fails without one. */
  private async checkpoint(state: ClusterState, primary: string): Promise<void> {
    const member = state.members[primary];
    if (!member) return;
    const input = { clusterId: state.clusterId };
    await this.options.peers.call(member, 'checkpoint-for-backup', {
      input,
      deadlineMs: checkpointDeadlineMs,
    });
  }

  /** Whether a backup was made although nobody could be told: it carries the name of its run. */
  private async search(state: ClusterState, job: BackupJob): Promise<void> {
    const node = job.node ?? 'its node';
    if (job.work.kind !== 'backup') return this.tryAgain(job, `${node} has forgotten it`);
    const repository = await this.repository(state, repositoryOfWork(job.work));
    if (!repository) return this.tryAgain(job, `${node} was lost, and the repository cannot be read`);
    const made = repository.backups.find((backup) => backup.notes[runNote] === job.id);
    if (!made) return this.tryAgain(job, `${node} was lost before it was done`);
    await this.options.commander.submit(
      {
        ...{ kind: 'end-backup-job', id: job.id, state: 'done', detail: '', warnings: [] },
        result: { kind: 'backup', label: made.label, type: made.type, expired: [], walKeptFrom: null },
      },
      commandDeadlineMs,
    );
  }

  private tryAgain(job: BackupJob, detail: string): Promise<void> {
    const decision = afterFailure(job, detail, true);
    if (decision.kind === 'retry') return this.delay(job, decision.afterMs, detail);
    return this.end(job, { state: 'failed', detail, look: null });
  }

  private async repository(state: ClusterState, number: number): Promise<RepositoryView | null> {
    const input = { clusterId: state.clusterId, repository: number };
    for (const member of dataMembers(state)) {
      try {
        return await this.options.peers.call(member, 'backup-repository', {
          input,
          deadlineMs: repositoryDeadlineMs,
        });
      } catch (error) {
        this.options.logger.debug(
          { node: member.name, error: messageOf(error) },
          'the repository could not be read',
        );
      }
    }
    return null;
  }

  private async delay(job: BackupJob, afterMs: number, detail: string): Promise<void> {
    const notBeforeMs = this.clock.wallMs() + afterMs;
    await this.options.commander.submit(
      {
        kind: 'delay-backup-job',
        id: job.id,
        attempt: job.attempt,
        notBeforeMs,
        detail: detail.slice(0, 1000),
      },
      commandDeadlineMs,
    );
  }

  private async end(
    job: BackupJob,
    end: { state: 'done' | 'failed'; detail: string; look: JobLook | null },
  ): Promise<void> {
    const { state, look } = end;
    this.options.logger.info({ job: job.id, state, detail: end.detail }, `${jobWords(job)} has ended`);
    await this.options.commander.submit(
      {
        ...{
          kind: 'end-backup-job',
          id: job.id,
          state,
          detail: state === 'done' ? '' : end.detail.slice(0, 1000),
        },
        ...{ warnings: look?.warnings ?? [], result: shortened(look?.result ?? null) },
      },
      commandDeadlineMs,
    );
  }
}

/** What was found damaged is offered no more only as long as it is remembered: of the others the newest will do. */
export function remembered<Verified extends { ok: boolean }>(backups: readonly Verified[]): Verified[] {
  const newest = new Set(backups.slice(-backupsMax));
  return backups.filter((each) => !each.ok || newest.has(each));
}

/** What work that waits may be in the way of. */
function waitingFor(
  config: BackupConfig,
  { job, servedMs }: { job: BackupJob } & ScheduleMemory,
  at: { nowMs: number; clusterId: string },
): { isInWindow: boolean; isOtherDue: boolean } {
  const number = repositoryOfWork(job.work);
  const schedules = schedulesOf(config);
  const own = schedules.find(({ id }) => job.trigger === 'schedule' && id === job.scheduleId);
  const others = schedules.filter(({ repository }) => (repository ?? 1) !== number);
  return {
    isInWindow: own === undefined || isInWindow(own, at.nowMs),
    isOtherDue: dueBackup(others, { servedMs }, at) !== null,
  };
}

/** The log keeps the beginning of a long list of problems. */
function shortened(result: JobLook['result']): JobLook['result'] {
  if (result?.kind !== 'verify') return result;
  const short = (problems: string[], max = problemsMax) =>
    problems.slice(0, max).map((each) => each.slice(0, 400));
  const { verification, gaps } = result;
  return {
    kind: 'verify',
    gaps: short(gaps),
    verification: {
      ok: verification.ok,
      wal: { ...verification.wal, problems: short(verification.wal.problems, walProblemsMax) },
      backups: remembered(verification.backups).map((each) => ({ ...each, problems: short(each.problems) })),
      other: short(verification.other),
    },
  };
}
