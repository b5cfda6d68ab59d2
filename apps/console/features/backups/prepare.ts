import type { AppRouter } from '@quantadb/api/client-types';
import { durationText } from '@quantadb/ui/charts/units';
import type { Tone } from '@quantadb/ui/patterns/status';
import type { inferRouterInputs, inferRouterOutputs } from '@trpc/server';

/** What the page draws, worked out from what a node told (pure). */

export type Overview = inferRouterOutputs<AppRouter>['backups']['get'];
export type Repository = NonNullable<Overview['repository']>;
export type StoredBackup = Repository['backups'][number];
export type Job = Overview['pastJobs'][number];
export type Planning = inferRouterOutputs<AppRouter>['backups']['planRestore'];
export type Target = inferRouterInputs<AppRouter>['backups']['planRestore']['target'];

export interface Fact {
  title: string;
  tone: Tone;
  text: string;
}

/** Reading a repository takes a while, so it is asked less often than a status. */
export const staleAfterMs = 30_000;
export const holdNote = 'quantadb-hold';
export const personNote = 'quantadb-note';
/** What an archive timeout is exceeded by until the segment has been copied. */
const copyingMs = 30_000;
const oldDrillMs = 35 * 86_400_000;

export function factsOf(overview: Overview, nowMs: number): Fact[] {
  return [
    ...held(overview),
    ...[drill(overview, nowMs), verification(overview, nowMs), stored(overview), nextOf(overview, nowMs)],
  ];
}

/** With a repository on a host: whether it is served, and whether the data of the nodes can be read for it. */
function held({ config, servers }: Overview): Fact[] {
  const repository = config?.repository;
  if (repository?.type !== 'host') return [];
  const facts = servers.filter(({ gives, server }) => gives === 'repository' || server?.state !== 'running');
  return facts.map(({ node, gives, server }) => {
    const title = gives === 'repository' ? `Repository on ${node}` : `Backup server of ${node}`;
    if (!server) return { title, tone: 'critical', text: 'does not answer' };
    const at = gives === 'repository' ? `${repository.path}, ` : '';
    if (server.state === 'running')
      return { title, tone: 'good', text: `${at}served on port ${server.port}` };
    const text =
      server.state === 'failed' ? `does not run: ${server.detail || 'it has ended'}` : 'is starting';
    return { title, tone: server.state === 'failed' ? 'critical' : 'working', text: `${at}${text}` };
  });
}

export interface RecoveryPoint {
  tone: Tone;
  /** Since the repository was last known to be whole: its newest commit, or the arrival of its newest WAL; null: unknown. */
  ageMs: number | null;
  /** How old it may be while everything goes as agreed. */
  limitMs: number;
  words: string;
}

/**
 * What losing every host now would cost. A database that nobody writes to has no newer commit: then it is the arrival of WAL
 * that tells that all is well.
 */
export function recoveryPointOf(
  { repository, archiving, config, problem }: Overview,
  nowMs: number,
): RecoveryPoint {
  const limitMs = (config?.archiveTimeoutSeconds ?? 60) * 1000 + copyingMs;
  const base = { ageMs: null, limitMs };
  if (!repository) return { ...base, tone: 'critical', words: problem ?? 'The repository cannot be read.' };
  if (!repository.newest)
    return { ...base, tone: 'critical', words: 'Nothing could be restored: no backup is whole.' };
  // What arrives behind a gap is of no use until a backup follows it.
  const isCut = repository.gaps.some(({ kind, resumesWith }) => kind === 'missing' && resumesWith === null);
  const arrivedMs = !isCut && archiving?.failingSinceMs === null ? archiving.lastAtMs : null;
  const known = [repository.newest.atMs, arrivedMs];
  const ages = known.filter((each) => each !== null).map((each) => Math.max(0, nowMs - each));
  if (ages.length === 0)
    return {
      ...base,
      tone: 'warning',
      words: `Restorable up to ${repository.newest.lsn}; of when that is nobody knows.`,
    };
  const ageMs = Math.min(...ages);
  if (isCut) {
    const words = `WAL is missing or damaged: what was committed in the last ${ageText(ageMs)} would be lost with the hosts.`;
    return { tone: 'critical', ageMs, limitMs, words };
  }
  if (ageMs <= limitMs)
    return { tone: 'good', ageMs, limitMs, words: 'WAL reaches the repository as agreed.' };
  const words = `What was committed in the last ${ageText(ageMs)} would be lost with the hosts.`;
  return { tone: ageMs <= 3 * limitMs ? 'warning' : 'critical', ageMs, limitMs, words };
}

export function archivingOf({ archiving: seen }: Overview, nowMs: number): Fact {
  const title = 'Archiving';
  if (!seen) return { title, tone: 'warning', text: 'the primary does not say' };
  const count = seen.waitingSegments === 1 ? '1 segment waits' : `${seen.waitingSegments} segments wait`;
  const waiting = seen.waitingSegments > 0 ? `, ${count}` : '';
  if (seen.failingSinceMs !== null)
    return { title, tone: 'critical', text: `fails for ${ageText(nowMs - seen.failingSinceMs)}${waiting}` };
  const last = seen.lastAtMs === null ? 'nothing yet' : `last segment ${ageText(nowMs - seen.lastAtMs)} ago`;
  return { title, tone: 'good', text: `${last}${waiting}` };
}

function stored({ repository }: Overview): Fact {
  const title = 'Stored';
  if (!repository) return { title, tone: 'muted', text: 'not known' };
  const bad = repository.backups.filter(({ unusable }) => unusable !== null).length;
  const count = repository.backups.length;
  const text = `${count} ${count === 1 ? 'backup' : 'backups'}${bad > 0 ? `, ${bad} cannot be restored` : ''}`;
  return { title, tone: count === 0 ? 'warning' : bad > 0 ? 'critical' : 'good', text };
}

function nextOf({ nextRuns }: Overview, nowMs: number): Fact {
  const title = 'Next backup';
  const next = nextRuns
    .filter(({ what }) => what !== 'drill')
    .flatMap(({ what, atMs }) => atMs.slice(0, 1).map((at) => ({ what, at })))
    .sort((left, right) => left.at - right.at)[0];
  if (!next) return { title, tone: 'warning', text: 'none: by hand only' };
  return { title, tone: 'good', text: `${next.what} in ${ageText(Math.max(0, next.at - nowMs))}` };
}

/** One that has failed since the last that came to its end. */
function failedSince({ pastJobs }: Overview, kind: 'drill' | 'verify'): Job | null {
  const last = pastJobs.findLast(({ work, state }) => work.kind === kind && state !== 'cancelled');
  return last?.state === 'failed' ? last : null;
}

function drill(overview: Overview, nowMs: number): Fact {
  const { lastDrill } = overview;
  const title = 'Last proven restore';
  const result = lastDrill?.result;
  const failure = failedSince(overview, 'drill');
  if (failure) {
    const before = lastDrill ? ageText(nowMs - (lastDrill.endedAtMs ?? nowMs)) : null;
    const proven = before === null ? 'never' : `${before} ago`;
    return {
      title,
      tone: 'critical',
      text: `${proven}; the last drill failed: ${failure.detail.slice(0, 160)}`,
    };
  }
  if (!lastDrill || result?.kind !== 'drill') return { title, tone: 'warning', text: 'never' };
  const ageMs = nowMs - (lastDrill.endedAtMs ?? nowMs);
  const failed = result.drill.findings.filter((finding) => !finding.ok).length;
  const took = durationText(result.drill.restoreMs + result.drill.recoveryMs);
  if (failed > 0)
    return { title, tone: 'critical', text: `${ageText(ageMs)} ago: ${failed} of its checks failed` };
  return {
    title,
    tone: ageMs > oldDrillMs ? 'warning' : 'good',
    text: `${ageText(ageMs)} ago, in ${took}`,
  };
}

function verification(overview: Overview, nowMs: number): Fact {
  const { lastVerification } = overview;
  const title = 'Last verification';
  const result = lastVerification?.result;
  const failure = failedSince(overview, 'verify');
  if (failure) return { title, tone: 'critical', text: `failed: ${failure.detail.slice(0, 160)}` };
  if (!lastVerification || result?.kind !== 'verify') return { title, tone: 'warning', text: 'never' };
  const ageMs = nowMs - (lastVerification.endedAtMs ?? nowMs);
  const isGood = result.verification.ok && result.gaps.length === 0;
  return {
    title,
    tone: isGood ? 'good' : 'critical',
    text: `${ageText(ageMs)} ago${isGood ? '' : ': damage found'}`,
  };
}

/** What a verification or a drill has found, one line each; empty when all is well. */
export function findingsOf(job: Job | null): string[] {
  const result = job?.result;
  if (result?.kind === 'drill')
    return result.drill.findings.filter(({ ok }) => !ok).map(({ what, detail }) => `${what}: ${detail}`);
  if (result?.kind !== 'verify') return [];
  const { verification: found, gaps } = result;
  const backups = found.backups.flatMap(({ label, problems }) =>
    problems.map((problem) => `${label}: ${problem}`),
  );
  return [...gaps, ...found.wal.problems, ...backups, ...found.other];
}

export function problemsText(count: number): string {
  return count === 1 ? '1 problem' : `${count} problems`;
}

export function jobTitle(job: Pick<Job, 'work'>): string {
  const { work } = job;
  if (work.kind === 'backup')
    return { full: 'Full backup', diff: 'Differential backup', incr: 'Incremental backup' }[work.type];
  return {
    verify: 'Verification',
    drill: 'Restore drill',
    expire: 'Removal of old backups',
    look: 'Restore for a look',
  }[work.kind];
}

export function jobTone(job: Job): Tone {
  if (job.state === 'failed') return 'critical';
  if (job.state === 'cancelled') return 'muted';
  if (job.state !== 'done') return 'working';
  if (findingsOf(job).length > 0) return 'critical';
  return job.warnings.length > 0 ? 'warning' : 'good';
}

export function ageText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`;
}

/** As far as percent and bytes tell: pgBackRest does not say how much it will copy. */
export function totalBytesOf({ percent, bytesDone }: Pick<Job, 'percent' | 'bytesDone'>): number | null {
  if (percent === null || bytesDone === null || percent < 1) return null;
  return Math.round((100 * bytesDone) / percent);
}

export function timelineOf({ stopWal }: Pick<StoredBackup, 'stopWal'>): number {
  return Number.parseInt(stopWal.slice(0, 8), 16);
}

export interface Proof {
  tone: Tone;
  text: string;
  atMs: number | null;
}

/** Whether a backup can be restored, as far as anybody has found out. */
export function stateOf(overview: Overview, backup: StoredBackup): Pick<Fact, 'tone' | 'text'> {
  if (backup.unusable !== null) return { tone: 'critical', text: `cannot be restored: ${backup.unusable}` };
  const found = verificationOf(overview, backup.label);
  // Hosts of an earlier release offer what a verification has found damaged.
  if (found && found.checked !== found.valid)
    return { tone: 'critical', text: `damaged: ${found.problems.join('; ')}` };
  if (found && !found.ok)
    return { tone: 'warning', text: `restorable, but ${found.problems.join('; ') || 'not whole'}` };
  if (backup.hasPageErrors) return { tone: 'warning', text: 'holds damaged pages' };
  return { tone: 'good', text: 'restorable' };
}

/** What is left when something was found damaged or missing: the stretches of moments, and from which backups. */
export function stillRestorable(
  { repository }: Pick<Overview, 'repository'>,
  moment: (atMs: number) => string,
): string[] {
  if (!repository) return [];
  const own = repository.intervals.filter(({ isAbandoned }) => !isAbandoned);
  if (own.length === 0) return ['Nothing: make a full backup now.'];
  return own.map(({ fromMs, toMs, toLsn, labels }) => {
    const to = toMs === null ? `position ${toLsn}` : moment(toMs);
    const stretch = toMs === fromMs ? moment(fromMs) : `any moment from ${moment(fromMs)} to ${to}`;
    return `${stretch}, from ${labels.slice(-3).join(', ')}${labels.length > 3 ? ` or ${labels.length - 3} older` : ''}`;
  });
}

type Gap = Repository['gaps'][number];

export function gapWords({ timeline, segments, fromWal, toWal, damaged, resumesWith }: Gap): string {
  const isOne = segments === 1;
  const what = `${segments} ${isOne ? 'segment' : 'segments'}, ${fromWal}${isOne ? '' : ` to ${toWal}`}`;
  const bad =
    damaged.length === 0
      ? ''
      : damaged.length === segments
        ? `, ${isOne ? 'is' : 'are'} there but damaged`
        : `, of which ${damaged.join(', ')} ${damaged.length === 1 ? 'is' : 'are'} there but damaged`;
  const then =
    resumesWith === null
      ? 'Nothing after it can be restored: make a backup now.'
      : `Restores are possible again from the end of ${resumesWith} on.`;
  return `Gap on timeline ${timeline}: ${what}${bad}. ${then}`;
}

function verificationOf({ lastVerification: seen }: Overview, label: string) {
  if (seen?.result?.kind !== 'verify') return null;
  return seen.result.verification.backups.find((each) => each.label === label) ?? null;
}

/** Whether the files of a backup were read and compared since it was made. */
export function verifiedOf(overview: Overview, label: string): Proof {
  const found = verificationOf(overview, label);
  if (!found) return { tone: 'muted', text: 'not yet', atMs: null };
  const atMs = overview.lastVerification?.endedAtMs ?? null;
  if (found.ok)
    return { tone: 'good', text: `${found.valid} of ${found.checked} files are as they were written`, atMs };
  return { tone: 'critical', text: found.problems.join('; ') || 'damaged', atMs };
}

/** The last drill that restored this very backup. */
export function provenOf({ pastJobs }: Overview, label: string): Proof {
  const job = pastJobs.findLast(({ result }) => result?.kind === 'drill' && result.drill.label === label);
  if (job?.result?.kind !== 'drill') return { tone: 'muted', text: 'not yet', atMs: null };
  const failed = findingsOf(job);
  if (failed.length > 0) return { tone: 'critical', text: failed.join('; '), atMs: job.endedAtMs };
  const took = durationText(job.result.drill.restoreMs + job.result.drill.recoveryMs);
  return { tone: 'good', text: `restored and checked, in ${took}`, atMs: job.endedAtMs };
}

/** What a backup needs, and what needs it. */
export function relativesOf({ backups }: Repository, { label, references }: StoredBackup) {
  const children = backups.filter((each) => each.label !== label && each.references.includes(label));
  return {
    parents: references.filter((each) => each !== label),
    children: children.map((each) => each.label),
  };
}
