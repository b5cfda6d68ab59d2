import type { DrillResult, RestorePoint } from '../contract/backup.ts';
import type { RepositoryView, RestorableIntervalView } from '../contract/backup-view.ts';
import type { WalPosition } from '../contract/cluster-state.ts';
import type { RestorePlan, RestoreRefusal } from '../contract/restore.ts';
import type { RestoreTarget } from '../contract/restore-target.ts';
import { parseLsn } from '../postgres/lsn.ts';
import { momentWords, sizeWords } from '../shared/words.ts';
import type { RecoveryTarget, StoredBackup } from './engine.ts';
import { awaitedWords, givenUpAt } from './given-up.ts';
import { lastSegmentLsn } from './wal-lines.ts';

/**
 * What a restore to a moment would take (pure): which backup, which timeline, which WAL, how long, and what is lost; or why
 * it is impossible, with the nearest moments that are not. PostgreSQL finds most of this out only when it has recovered
 * for hours, and some of it never: a target inside a backup, or behind a gap, is taken and missed without a word.
 */

export interface RecoveryPlanInput {
  target: RestoreTarget;
  repository: Pick<RepositoryView, 'state' | 'backups' | 'intervals' | 'gaps' | 'missingHistory'>;
  /** Null when only the repository is asked, which does not list them. */
  points: readonly RestorePoint[] | null;
  /** Whether the cluster has given up what lies there, by a failover or a restore; absent: nobody knows. */
  isGivenUp?(position: WalPosition): boolean;
  /** When the transaction of an `xid` target was committed, if the cluster still knows. */
  commitMs: number | null;
  nowMs: number;
  lastDrill: DrillResult | null;
  segmentBytes: number;
}

export type RecoveryPlanning = { ok: true; plan: RestorePlan } | { ok: false; refusal: RestoreRefusal };

interface Found {
  interval: RestorableIntervalView;
  backup: StoredBackup;
  recovery: RecoveryTarget;
  /** Where recovery ends, as far as it is known before. */
  endLsn: string | null;
  endMs: number | null;
  warnings: string[];
}

export function planRecovery(input: RecoveryPlanInput): RecoveryPlanning {
  const own = input.repository.intervals.filter((interval) => !interval.isAbandoned);
  if (own.length === 0 && input.target.kind !== 'backup') {
    const awaited = input.repository.backups.length > 0 ? awaitedWords(input.repository) : null;
    return refuse('no_backup', awaited ?? 'No backup can be restored.', []);
  }
  switch (input.target.kind) {
    case 'latest':
      return finish(input, latest(input, own));
    case 'time':
      return timeTarget(input, own, input.target);
    case 'lsn':
      return lsnTarget(input, input.target);
    case 'name':
      return input.points === null
        ? blindTarget(input, own, { kind: 'name', name: input.target.name })
        : nameTarget(input, input.points, input.target.name);
    case 'xid':
      return xidTarget(input, own, input.target);
    case 'backup':
      return backupTarget(input, input.target.label);
  }
}

function latest(input: RecoveryPlanInput, own: RestorableIntervalView[]): Found {
  const interval = own.at(-1) as RestorableIntervalView;
  const backup = newestBackup(input, interval, null) as StoredBackup;
  const awaited = awaitedWords(input.repository);
  const warnings = [...lastGapWarnings(input, interval), ...(awaited === null ? [] : [awaited])];
  return {
    interval,
    backup,
    recovery: endOf(interval),
    endLsn: interval.toLsn,
    endMs: interval.toMs,
    warnings,
  };
}

/** What leads to the end of a stretch. Left to itself a recovery would read on, through commits that the cluster has given up. */
export function endOf({ toLsn, isCut }: Pick<RestorableIntervalView, 'toLsn' | 'isCut'>): RecoveryTarget {
  return isCut ? { kind: 'lsn', lsn: toLsn, inclusive: false } : { kind: 'latest' };
}

type TargetOf<Kind extends RestoreTarget['kind']> = Extract<RestoreTarget, { kind: Kind }>;

function timeTarget(
  input: RecoveryPlanInput,
  own: RestorableIntervalView[],
  target: TargetOf<'time'>,
): RecoveryPlanning {
  const { atMs } = target;
  if (atMs > input.nowMs)
    return refuse('in_future', 'That moment has not come yet.', nearestTimes(own, atMs));
  // PostgreSQL stops at the first commit after the target; without one it ends in an error.
  const interval = own.findLast((each) => each.fromMs <= atMs && each.toMs !== null && atMs < each.toMs);
  if (!interval) return refuse(...whyNoTime(input, own, atMs), nearestTimes(own, atMs));
  const backup = newestBackup(input, interval, { atMs });
  if (!backup) return refuse('before_first_backup', 'No backup had ended by then.', nearestTimes(own, atMs));
  return finish(input, {
    ...{ interval, backup, recovery: target, endLsn: null, endMs: atMs },
    warnings: givenUpAt(input, atMs),
  });
}

function whyNoTime(
  input: RecoveryPlanInput,
  own: RestorableIntervalView[],
  atMs: number,
): [RestoreRefusal['reason'], string] {
  const first = own[0];
  const last = own.at(-1);
  const running = input.repository.backups.find((each) => each.startMs <= atMs && atMs < each.stopMs + 1000);
  const isBefore = first !== undefined && atMs < first.fromMs;
  if (running && (isBefore || !own.some((each) => each.fromMs <= atMs && atMs <= (each.toMs ?? 0))))
    return [
      'inside_backup',
      `Backup ${running.label} was being made then: it can be restored from its end on.`,
    ];
  if (isBefore) return ['before_first_backup', 'That is before the first backup that can be restored.'];
  if (last && atMs >= (last.toMs ?? last.fromMs))
    return [
      'after_newest',
      awaitedWords(input.repository) ?? 'Nothing that was committed after that is in the repository.',
    ];
  return ['in_gap', 'WAL of that time is missing.'];
}

function lsnTarget(input: RecoveryPlanInput, target: TargetOf<'lsn'>): RecoveryPlanning {
  const lsn = parseLsn(target.lsn);
  const candidates = input.repository.intervals.filter((each) =>
    target.timeline === null ? !each.isAbandoned : each.timeline === target.timeline,
  );
  // A position is reached only when WAL goes on behind it.
  const interval = candidates.findLast((each) => parseLsn(each.fromLsn) <= lsn && lsn < parseLsn(each.toLsn));
  const backup = interval && newestBackup(input, interval, { lsn });
  if (interval && backup) {
    const recovery = { kind: 'lsn', lsn: target.lsn, inclusive: target.inclusive } as const;
    return finish(input, { interval, backup, recovery, endLsn: target.lsn, endMs: null, warnings: [] });
  }
  const nearest = candidates.map((each) => ({
    words: `from ${each.fromLsn} to ${each.toLsn} on timeline ${each.timeline}`,
    target: { kind: 'lsn', lsn: each.fromLsn, inclusive: true, timeline: target.timeline } as const,
  }));
  const elsewhere = input.repository.intervals.find(
    (each) => each.isAbandoned && parseLsn(each.fromLsn) <= lsn && lsn < parseLsn(each.toLsn),
  );
  if (elsewhere && target.timeline === null)
    return refuse(
      'abandoned_timeline',
      `${target.lsn} lies on timeline ${elsewhere.timeline} only, which the cluster has given up: name the timeline to go there.`,
      nearest,
    );
  return refuse('not_archived', `${target.lsn} is not within what can be restored.`, nearest);
}

function nameTarget(
  input: RecoveryPlanInput,
  points: readonly RestorePoint[],
  name: string,
): RecoveryPlanning {
  const point = points.find((each) => each.name === name);
  if (!point) {
    const nearest = points.slice(-5).map((each) => ({
      words: `"${each.name}"`,
      target: { kind: 'name', name: each.name } as const,
    }));
    return refuse('unknown_point', `No restore point is named "${name}".`, nearest);
  }
  const lsn = parseLsn(point.lsn);
  const isGivenUp = input.isGivenUp?.(point) ?? isOnGivenUp(input, point);
  const interval = input.repository.intervals.findLast(
    (each) =>
      (isGivenUp ? each.timeline === point.timeline : !each.isAbandoned) &&
      parseLsn(each.fromLsn) <= lsn &&
      lsn <= parseLsn(each.toLsn),
  );
  const backup = interval && newestBackup(input, interval, { lsn });
  if (!interval || !backup) {
    const isLater = input.repository.intervals.every((each) => parseLsn(each.toLsn) < lsn);
    const own = input.repository.intervals.filter(({ isAbandoned }) => !isAbandoned);
    const nearest = nearestTimes(own, point.atMs);
    const message = `"${name}" lies before every backup that could lead to it, or WAL before it is missing.`;
    return isLater
      ? refuse('not_archived', `The WAL of "${name}" has not reached the repository.`, nearest)
      : refuse('in_gap', message, nearest);
  }
  // Not by its name: of two records that bear it recovery stops at the first, and one may have been written that nobody noted. What
  // is known of a point is where its record ends.
  const recovery = { kind: 'lsn', lsn: point.lsn, inclusive: false } as const;
  const warnings = isGivenUp
    ? [`"${name}" lies on timeline ${point.timeline}, which the cluster has given up since.`]
    : [];
  return finish(input, { interval, backup, recovery, endLsn: point.lsn, endMs: point.atMs, warnings });
}

/** By what the repository shows, for a host that knows of the cluster only what it was told. */
function isOnGivenUp({ repository }: RecoveryPlanInput, { timeline, lsn }: RestorePoint): boolean {
  const at = parseLsn(lsn);
  return repository.intervals.some(
    (each) =>
      each.isAbandoned &&
      each.timeline === timeline &&
      parseLsn(each.fromLsn) < at &&
      at <= parseLsn(each.toLsn),
  );
}

function xidTarget(
  input: RecoveryPlanInput,
  own: RestorableIntervalView[],
  target: TargetOf<'xid'>,
): RecoveryPlanning {
  const { commitMs } = input;
  const recovery = { kind: 'xid', xid: target.xid, inclusive: target.inclusive } as const;
  if (commitMs !== null) {
    const at = timeTarget(input, own, { kind: 'time', atMs: commitMs - 1, inclusive: true });
    if (!at.ok) return at;
    const interval =
      own.findLast((each) => each.fromMs <= commitMs && commitMs <= (each.toMs ?? 0)) ?? own.at(-1);
    const backup = interval && newestBackup(input, interval, { atMs: commitMs - 1 });
    if (interval && backup)
      return finish(input, { interval, backup, recovery, endLsn: null, endMs: commitMs, warnings: [] });
  }
  return blindTarget(input, own, recovery);
}

/** Where the target lies nobody can tell: from the oldest backup that leads to the newest moment it is passed, if it is there. */
function blindTarget(
  input: RecoveryPlanInput,
  own: RestorableIntervalView[],
  recovery: Extract<RecoveryTarget, { kind: 'xid' | 'name' }>,
): RecoveryPlanning {
  const interval = own.at(-1) as RestorableIntervalView;
  const backup = oldestBackup(input, interval) as StoredBackup;
  const what = recovery.kind === 'xid' ? `transaction ${recovery.xid}` : `the point "${recovery.name}"`;
  const warnings = [
    `Where ${what} lies is not known here, so recovery begins at ${backup.label}; it fails if ${what} is not behind it.`,
  ];
  return finish(input, { interval, backup, recovery, endLsn: null, endMs: null, warnings });
}

function backupTarget(input: RecoveryPlanInput, label: string): RecoveryPlanning {
  const nearest = input.repository.intervals
    .flatMap((each) => each.labels)
    .slice(-5)
    .map((each) => ({ words: each, target: { kind: 'backup', label: each } as const }));
  const backup = input.repository.backups.find((each) => each.label === label);
  if (!backup) return refuse('no_backup', `There is no backup ${label}.`, nearest);
  const interval = input.repository.intervals.find((each) => each.labels.includes(label));
  if (!interval)
    return refuse('unusable_backup', `${label} cannot be restored: ${backup.unusable ?? ''}.`, nearest);
  const warnings = interval.isAbandoned ? ['It was made on a timeline that the cluster has given up.'] : [];
  const recovery = { kind: 'backup' } as const;
  return finish(input, {
    interval,
    backup,
    recovery,
    endLsn: backup.stopLsn,
    endMs: backup.stopMs,
    warnings,
  });
}

/** The newest backup of an interval that had ended by the target: the least WAL to replay. */
function newestBackup(
  { repository }: RecoveryPlanInput,
  interval: RestorableIntervalView,
  by: { atMs: number } | { lsn: bigint } | null,
): StoredBackup | undefined {
  const able = backupsOf(repository, interval).filter((backup) => {
    if (by === null) return true;
    // The end of a backup is known to the second.
    return 'atMs' in by ? backup.stopMs + 1000 <= by.atMs : parseLsn(backup.stopLsn) <= by.lsn;
  });
  return able.at(-1);
}

function oldestBackup(
  { repository }: RecoveryPlanInput,
  interval: RestorableIntervalView,
): StoredBackup | undefined {
  return backupsOf(repository, interval)[0];
}

function backupsOf(
  repository: RecoveryPlanInput['repository'],
  interval: RestorableIntervalView,
): StoredBackup[] {
  return repository.backups
    .filter((backup) => interval.labels.includes(backup.label))
    .sort(
      (left, right) =>
        left.stopMs - right.stopMs || (parseLsn(left.stopLsn) < parseLsn(right.stopLsn) ? -1 : 1),
    );
}

function lastGapWarnings({ repository }: RecoveryPlanInput, interval: RestorableIntervalView): string[] {
  const gap = repository.gaps.find((each) => each.kind === 'missing' && each.afterLsn === interval.toLsn);
  return gap
    ? [
        `WAL is ${gap.damaged.includes(gap.fromWal) ? 'damaged' : 'missing'} from ${gap.fromWal} on: what was committed after that cannot be restored.`,
      ]
    : [];
}

function finish(input: RecoveryPlanInput, found: Found): RecoveryPlanning {
  const { interval, backup, recovery, endLsn, endMs } = found;
  const upTo = endLsn ?? interval.toLsn;
  const walBytesMax = Number(parseLsn(upTo) - parseLsn(backup.startLsn));
  return {
    ok: true,
    plan: {
      label: backup.label,
      timeline: interval.timeline,
      recovery,
      endMs,
      databaseBytes: backup.databaseBytes,
      walSegmentsMax: Math.max(1, Math.ceil(walBytesMax / input.segmentBytes)),
      expectedMs: expectedMs(input, backup, walBytesMax),
      lost: lostWords(input, found),
      warnings: [...pageWarnings(backup), ...found.warnings],
      ...(recovery.kind === 'latest' ? { leastLsn: lastSegmentLsn(interval.toLsn, input.segmentBytes) } : {}),
    },
  };
}

/** They were copied as they were: replay mends those that were written as a whole since, and no others. */
function pageWarnings({ label, hasPageErrors }: StoredBackup): string[] {
  return hasPageErrors
    ? [`${label} holds pages that were damaged in the database already. An older backup may hold them whole.`]
    : [];
}

/** By the speed of the last drill; null while there was none. */
function expectedMs({ lastDrill }: RecoveryPlanInput, backup: StoredBackup, walBytes: number): number | null {
  if (!lastDrill || lastDrill.databaseBytes === 0) return null;
  const restoreMs = (lastDrill.restoreMs / lastDrill.databaseBytes) * backup.databaseBytes;
  // A replay of 16 MB in a fifth of a second is usual; a drill replays too little to measure by.
  const replayMs = (walBytes / (16 * 1024 * 1024)) * 200;
  return Math.round(restoreMs + replayMs + lastDrill.recoveryMs);
}

function lostWords({ target, nowMs }: RecoveryPlanInput, { endMs, interval }: Found): string {
  if (target.kind === 'latest')
    return interval.toMs === null
      ? 'what has not reached the repository'
      : `what was committed after ${momentWords(interval.toMs)}: it has not reached the repository`;
  if (endMs === null) return 'everything that was committed after the target';
  return `everything that was committed after ${momentWords(endMs)}, ${ageWords(nowMs - endMs)} ago`;
}

function nearestTimes(own: RestorableIntervalView[], atMs: number): RestoreRefusal['nearest'] {
  const earlier = own
    .flatMap((each) => (each.toMs !== null && each.toMs - 1 < atMs ? [each.toMs - 1] : []))
    .at(-1);
  const later = own.map((each) => each.fromMs).find((fromMs) => fromMs > atMs);
  const nearest: RestoreRefusal['nearest'] = [earlier, later].flatMap((each) =>
    each === undefined
      ? []
      : [{ words: momentWords(each), target: { kind: 'time', atMs: each, inclusive: true } as const }],
  );
  const isAfterAll = later === undefined;
  return isAfterAll ? [...nearest, { words: 'the latest moment', target: { kind: 'latest' } }] : nearest;
}

function refuse(
  reason: RestoreRefusal['reason'],
  message: string,
  nearest: RestoreRefusal['nearest'],
): RecoveryPlanning {
  return { ok: false, refusal: { reason, message, nearest } };
}

/** Roughly, for people. */
export function ageWords(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 2) return `${Math.max(0, Math.round(ms / 1000))} seconds`;
  if (minutes < 120) return `${minutes} minutes`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} hours` : `${Math.round(hours / 24)} days`;
}

/** One paragraph for people who have to confirm it. */
export function planWords(plan: RestorePlan): string {
  const expected =
    plan.expectedMs === null ? '' : ` It takes about ${ageWords(plan.expectedMs)}, by the last drill.`;
  return `Restore ${plan.label} (${sizeWords(plan.databaseBytes)}), then replay up to ${plan.walSegmentsMax} segments of WAL along timeline ${plan.timeline}.${expected} Not in it: ${plan.lost}.`;
}
