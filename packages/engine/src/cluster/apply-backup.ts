import { configFor, numbersOf, repositoryOfWork, schedulesOf } from '../backup/repositories.ts';
import { isServedAhead } from '../backup/schedule.ts';
import { type BackupJob, type BackupState, noBackups } from '../contract/backup.ts';
import { momentWords } from '../shared/words.ts';
import type { Command, CommandOf, CommandResult } from './commands.ts';
import type { Draft } from './draft.ts';

/** Backup commands (pure): what is agreed on, and the one piece of work on the repository at a time. */

const pastJobsMax = 40;
/** Of each of these kinds, however many others came after them: what they found and measured is compared over months. */
const provingJobsMax = { drill: 26, verify: 10 } as const;
const pointsMax = 200;
/** Each keeps WAL that would have gone. */
const guestRestoresMax = 20;
/** From this level on a slot that was served by a clock far ahead does not count. */
export const aheadLevel = 9;
/** From this level on each repository has drills and verifications of its own that are remembered. */
const eachLevel = 12;
/** Drills have a slot of their own beside the schedules. */
export const drillSlot = 'drills';

const refused = (reason: string): CommandResult => ({ ok: false, reason });

const kinds = [
  ...(['set-backup', 'begin-backup-job', 'assign-backup-job', 'delay-backup-job', 'end-backup-job'] as const),
  ...(['note-restore-point', 'note-guest-restore'] as const),
];
export type BackupCommand = CommandOf<(typeof kinds)[number]>;

export function isAboutBackup(command: Command): command is BackupCommand {
  return kinds.some((kind) => kind === command.kind);
}

export function applyBackup(draft: Draft, command: BackupCommand): CommandResult {
  switch (command.kind) {
    case 'set-backup':
      return setBackup(draft, command);
    case 'begin-backup-job':
      return beginBackupJob(draft, command);
    case 'assign-backup-job':
      return assignBackupJob(draft, command);
    case 'delay-backup-job':
      return delayBackupJob(draft, command);
    case 'end-backup-job':
      return endBackupJob(draft, command);
    case 'note-restore-point':
      return noteRestorePoint(draft, command);
    case 'note-guest-restore':
      return noteGuestRestore(draft, command);
  }
}

function setBackup(draft: Draft, { config, by }: CommandOf<'set-backup'>): CommandResult {
  const backup = backupOf(draft);
  const known = backup.config?.revision ?? 0;
  if (config.revision !== known + 1) return refused('the backup settings were changed meanwhile');
  backup.config = config;
  if (backup.furtherWalKeptFrom) {
    const numbers = numbersOf(config).map(String);
    const kept = Object.entries(backup.furtherWalKeptFrom).filter(([number]) => numbers.includes(number));
    backup.furtherWalKeptFrom = Object.fromEntries(kept);
  }
  const ids = [...schedulesOf(config).map((schedule) => schedule.id), ...(config.drills ? [drillSlot] : [])];
  // A schedule begins when it is made: slots before that are not made up for.
  backup.servedMs = Object.fromEntries(ids.map((id) => [id, backup.servedMs[id] ?? draft.atMs]));
  draft.event('info', 'backup-settings', `The backup settings were changed by ${by}.`);
  return { ok: true };
}

function beginBackupJob(draft: Draft, { job, serves }: CommandOf<'begin-backup-job'>): CommandResult {
  const backup = backupOf(draft);
  if (!backup.config) return refused('this cluster has no backup repository');
  const number = repositoryOfWork(job.work);
  if (!configFor(backup.config, number)) return refused(`this cluster has no repository ${number}`);
  if (backup.job?.id === job.id) return { ok: true };
  if (backup.job) return refused(`${jobWords(backup.job)} runs already`);
  // The backup that it restores must not be removed meanwhile.
  if (draft.state.restoring) return refused('the cluster is being restored in place');
  for (const { scheduleId, slotMs } of serves) {
    const servedMs = backup.servedMs[scheduleId] ?? 0;
    // Every daemon has to judge the same.
    const isAhead = (draft.state.level ?? 1) >= aheadLevel && isServedAhead(servedMs, draft.atMs);
    if (slotMs <= servedMs && !isAhead) return refused('that slot was served already');
  }
  for (const { scheduleId, slotMs } of serves) backup.servedMs[scheduleId] = slotMs;
  backup.job = {
    ...job,
    ...{ state: 'waiting', node: null, fromStandby: false, attempt: 0, notBeforeMs: 0 },
    ...{ startedAtMs: draft.atMs, endedAtMs: null, detail: '', percent: null, bytesDone: null },
    ...{ warnings: [], result: null },
  };
  return { ok: true };
}

function assignBackupJob(draft: Draft, command: CommandOf<'assign-backup-job'>): CommandResult {
  const { job } = backupOf(draft);
  if (job?.id !== command.id) return refused('that work does not run');
  if (job.state !== 'waiting' || job.attempt !== command.attempt - 1)
    return refused('that attempt has begun already');
  if (!draft.state.members[command.node]) return refused(`${command.node} is no member`);
  Object.assign(job, {
    ...{ state: 'running', attempt: command.attempt, node: command.node, fromStandby: command.fromStandby },
    detail: '',
  });
  // On the host of a repository it reads another one.
  const { config } = backupOf(draft);
  const repository = config && configFor(config, repositoryOfWork(job.work))?.repository;
  const isThere = draft.state.reign.primary === command.node || repository?.type !== 'host';
  const isRead = job.work.kind === 'backup' && !command.fromStandby;
  const source = isRead ? (isThere ? ', which is the primary' : ', and reads the primary') : '';
  draft.event(
    'info',
    'backup-started',
    `${capital(jobWords(job))} runs on ${command.node}${source}.`,
    command.node,
  );
  return { ok: true };
}

function delayBackupJob(draft: Draft, command: CommandOf<'delay-backup-job'>): CommandResult {
  const { job } = backupOf(draft);
  if (job?.id !== command.id) return refused('that work does not run');
  if (job.attempt !== command.attempt) return refused('another attempt stands');
  const { notBeforeMs, detail } = command;
  const isNews = job.state === 'running' || job.detail !== detail;
  Object.assign(job, { state: 'waiting', notBeforeMs, detail });
  if (isNews)
    draft.event(
      'warning',
      'backup-delayed',
      `${capital(jobWords(job))} waits: ${detail}`,
      job.node ?? undefined,
    );
  return { ok: true };
}

function endBackupJob(draft: Draft, command: CommandOf<'end-backup-job'>): CommandResult {
  const backup = backupOf(draft);
  const { job } = backup;
  if (job?.id !== command.id) {
    return backup.pastJobs.some((past) => past.id === command.id)
      ? { ok: true }
      : refused('that work does not run');
  }
  const { state, detail, warnings, result } = command;
  const ended: BackupJob = { ...job, state, detail, warnings, result, endedAtMs: draft.atMs };
  backup.job = null;
  backup.pastJobs = remembered([...backup.pastJobs, ended], draft.state.level ?? 1);
  if (result && 'walKeptFrom' in result && result.walKeptFrom !== null) {
    const number = repositoryOfWork(job.work);
    if (number === 1) backup.walKeptFrom = result.walKeptFrom;
    else backup.furtherWalKeptFrom = { ...backup.furtherWalKeptFrom, [number]: result.walKeptFrom };
  }
  const { severity, words } = endWords(ended);
  draft.event(severity, 'backup-ended', words, ended.node ?? undefined);
  return { ok: true };
}

/** Every daemon of a cluster has to forget the same, so the level says how much. */
function remembered(jobs: BackupJob[], level: number): BackupJob[] {
  const newest = jobs.slice(-pastJobsMax);
  if (level < 5) return newest;
  const proving = (['drill', 'verify'] as const).flatMap((kind) => {
    const all = jobs.filter(({ work }) => work.kind === kind);
    return level < eachLevel ? all.slice(-provingJobsMax[kind]) : provingEach(all, provingJobsMax[kind]);
  });
  const kept = new Set([...newest, ...proving]);
  return jobs.filter((job) => kept.has(job));
}

/** What was found in one repository stands until it is looked at again, however often another is, or an attempt fails. */
function provingEach(jobs: readonly BackupJob[], max: number): BackupJob[] {
  const numbers = new Set(jobs.map(({ work }) => repositoryOfWork(work)));
  return [...numbers].flatMap((number) => {
    const own = jobs.filter(({ work }) => repositoryOfWork(work) === number);
    return [...own.slice(-max), ...own.filter(({ state }) => state === 'done').slice(-1)];
  });
}

function noteRestorePoint(draft: Draft, { point }: CommandOf<'note-restore-point'>): CommandResult {
  const backup = backupOf(draft);
  if (backup.points.some((known) => known.name === point.name && known.lsn === point.lsn))
    return { ok: true };
  backup.points.push(point);
  if (backup.points.length > pointsMax) backup.points.shift();
  draft.event('info', 'restore-point', `Restore point "${point.name}" was set by ${point.by}.`);
  return { ok: true };
}

/** Another host, or another backup, is told apart: what begins anew must not take anything from what runs. */
function noteGuestRestore(draft: Draft, { guest }: CommandOf<'note-guest-restore'>): CommandResult {
  const backup = backupOf(draft);
  const { host, label, repository } = guest;
  if (!backup.config || !configFor(backup.config, repository))
    return refused(`this cluster has no repository ${repository}`);
  const others = (backup.guestRestores ?? []).filter(
    (each) =>
      each.untilMs > draft.atMs &&
      (each.host !== host || each.label !== label || each.repository !== repository),
  );
  if (others.length >= guestRestoresMax)
    return refused(`${guestRestoresMax} restores into new clusters were begun within a day already`);
  backup.guestRestores = [...others, guest];
  const until = momentWords(guest.untilMs);
  draft.event('info', 'guest-restore', `${host} restores ${label}: what it needs stays until ${until}.`);
  return { ok: true };
}

function backupOf(draft: Draft): BackupState {
  draft.state.backup ??= structuredClone(noBackups);
  return draft.state.backup;
}

export function jobWords(job: Pick<BackupJob, 'work'>): string {
  const number = repositoryOfWork(job.work);
  return number === 1 ? workWords(job) : `${workWords(job)} (repository ${number})`;
}

function workWords(job: Pick<BackupJob, 'work'>): string {
  switch (job.work.kind) {
    case 'backup':
      return { full: 'a full backup', diff: 'a differential backup', incr: 'an incremental backup' }[
        job.work.type
      ];
    case 'verify':
      return 'a verification of the repository';
    case 'drill':
      return 'a restore drill';
    case 'expire':
      return 'the removal of old backups';
    case 'look':
      return 'a restore for a look';
  }
}

function endWords(job: BackupJob): { severity: 'info' | 'warning' | 'critical'; words: string } {
  const what = capital(jobWords(job));
  if (job.state === 'cancelled') return { severity: 'warning', words: `${what} was cancelled.` };
  if (job.state === 'failed') return { severity: 'critical', words: `${what} failed: ${job.detail}` };
  const problem = problemOf(job);
  if (problem) return { severity: 'critical', words: `${what} found: ${problem}` };
  const label = job.result?.kind === 'backup' ? `: ${job.result.label}` : '';
  const warnings = job.warnings.length > 0 ? ` Warnings: ${job.warnings.join('; ')}` : '';
  return {
    severity: warnings ? 'warning' : 'info',
    words: `${what} is done${label}.${warnings}`.slice(0, 1000),
  };
}

/** What work that came to its end found to be wrong; null when nothing. */
export function problemOf({ result }: Pick<BackupJob, 'result'>): string | null {
  if (result?.kind === 'verify') {
    const { verification, gaps } = result;
    if (verification.ok && gaps.length === 0) return null;
    const backups = verification.backups.flatMap(({ label, problems }) =>
      problems.map((each) => `${label}: ${each}`),
    );
    return [...gaps, ...verification.wal.problems, ...backups, ...verification.other].slice(0, 5).join('; ');
  }
  if (result?.kind === 'drill') {
    const failed = result.drill.findings.filter((finding) => !finding.ok);
    return failed.length === 0
      ? null
      : failed
          .map(({ what, detail }) => `${what}: ${detail}`)
          .join('; ')
          .slice(0, 800);
  }
  return null;
}

function capital(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}
