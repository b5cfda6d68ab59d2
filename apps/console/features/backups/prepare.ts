import type { AppRouter } from '@quantadb/api/client-types';
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

const staleMs = 5 * 60_000;
const oldDrillMs = 35 * 86_400_000;

export function factsOf(overview: Overview, nowMs: number): Fact[] {
  return [
    newest(overview, nowMs),
    archiving(overview, nowMs),
    drill(overview, nowMs),
    verification(overview, nowMs),
  ];
}

function newest({ repository, problem }: Overview, nowMs: number): Fact {
  const title = 'Restorable up to';
  if (!repository) return { title, tone: 'critical', text: problem ?? 'unknown' };
  const atMs = repository.newest?.atMs ?? null;
  if (!repository.newest) return { title, tone: 'critical', text: 'nothing: no backup is complete' };
  if (atMs === null) return { title, tone: 'warning', text: `position ${repository.newest.lsn}` };
  const ageMs = nowMs - atMs;
  return { title, tone: ageMs > staleMs ? 'warning' : 'good', text: `${ageText(ageMs)} ago` };
}

function archiving({ archiving: seen }: Overview, nowMs: number): Fact {
  const title = 'Archiving';
  if (!seen) return { title, tone: 'warning', text: 'the primary does not say' };
  const waiting = seen.waitingSegments > 0 ? `, ${seen.waitingSegments} segments wait` : '';
  if (seen.failingSinceMs !== null)
    return { title, tone: 'critical', text: `fails for ${ageText(nowMs - seen.failingSinceMs)}${waiting}` };
  const last = seen.lastAtMs === null ? 'nothing yet' : `last segment ${ageText(nowMs - seen.lastAtMs)} ago`;
  return { title, tone: 'good', text: `${last}${waiting}` };
}

function drill({ lastDrill }: Overview, nowMs: number): Fact {
  const title = 'Last proven restore';
  const result = lastDrill?.result;
  if (!lastDrill || result?.kind !== 'drill') return { title, tone: 'warning', text: 'never' };
  const ageMs = nowMs - (lastDrill.endedAtMs ?? nowMs);
  const failed = result.drill.findings.filter((finding) => !finding.ok).length;
  const seconds = Math.round((result.drill.restoreMs + result.drill.recoveryMs) / 1000);
  if (failed > 0)
    return { title, tone: 'critical', text: `${ageText(ageMs)} ago: ${failed} of its checks failed` };
  return {
    title,
    tone: ageMs > oldDrillMs ? 'warning' : 'good',
    text: `${ageText(ageMs)} ago, in ${seconds} s`,
  };
}

function verification({ lastVerification }: Overview, nowMs: number): Fact {
  const title = 'Last verification';
  const result = lastVerification?.result;
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

export interface Band {
  key: string;
  tone: 'good' | 'muted';
  leftPercent: number;
  widthPercent: number;
  fromMs: number;
  toMs: number;
}

export interface TimeLine {
  fromMs: number;
  toMs: number;
  bands: Band[];
  marks: { key: string; label: string; leftPercent: number }[];
}

/** The stretches one can restore to on one line; null while there is none. */
export function timeLineOf(overview: Overview): TimeLine | null {
  const stretches = (overview.repository?.intervals ?? []).flatMap((each) =>
    each.isAbandoned || each.toMs === null ? [] : [{ ...each, toMs: each.toMs }],
  );
  const [first] = stretches;
  const last = stretches.at(-1);
  if (!first || !last) return null;
  const fromMs = first.fromMs;
  const toMs = Math.max(last.toMs, fromMs + 1000);
  const percent = (atMs: number) => (100 * (atMs - fromMs)) / (toMs - fromMs);
  return {
    fromMs,
    toMs,
    bands: stretches.map((each) => ({
      ...{ key: `${each.timeline}-${each.fromLsn}`, tone: 'good', fromMs: each.fromMs, toMs: each.toMs },
      ...{
        leftPercent: percent(each.fromMs),
        widthPercent: Math.max(0.5, percent(each.toMs) - percent(each.fromMs)),
      },
    })),
    marks: overview.points
      .filter((point) => point.atMs >= fromMs && point.atMs <= toMs)
      .map((point) => ({
        key: `${point.name}-${point.lsn}`,
        label: point.name,
        leftPercent: percent(point.atMs),
      })),
  };
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
