import { Cron } from 'croner';
import type { BackupSchedule, DrillPolicy } from '../contract/backup.ts';
import { isTimeZone } from '../shared/zoned-time.ts';
import type { BackupType } from './engine.ts';

/** When backups are due (pure): schedules as people write them, in the time zone they live in. */

const minuteMs = 60_000;

/** Why a schedule cannot be kept; null when it can. */
export function scheduleProblem(schedule: BackupSchedule): string | null {
  if (!isTimeZone(schedule.timeZone))
    return `${schedule.timeZone} is no time zone: give a name like Europe/Berlin.`;
  try {
    if (cronOf(schedule).nextRun(new Date(0)) !== null) return null;
    return `${schedule.cron} never comes.`;
  } catch {
    return `${schedule.cron} is not understood: give minute, hour, day of month, month and day of week, like "30 1 * * 0".`;
  }
}

/** The next runs, jitter included. */
export function nextRuns(
  schedule: BackupSchedule,
  clusterId: string,
  from: { nowMs: number; count: number },
): number[] {
  const jitterMs = jitterOf(schedule, clusterId);
  // A slot that lies before now may still be waiting for its jitter to pass.
  return cronOf(schedule)
    .nextRuns(from.count, new Date(from.nowMs - jitterMs))
    .map((slot) => slot.getTime() + jitterMs);
}

export interface ScheduleMemory {
  /** The newest slot that was served, by schedule. A schedule's own creation counts as served. */
  servedMs: Readonly<Record<string, number>>;
}

export interface DueBackup {
  /** The schedule whose kind of backup is made. */
  scheduleId: string;
  type: BackupType;
  /** That it goes to. */
  repository: number;
  /** Every slot that this one backup serves. */
  serves: { scheduleId: string; slotMs: number }[];
}

/** Farther ahead than clocks of one cluster may ever be apart. */
const aheadMsMax = 3_600_000;

/**
 * What a decider whose clock was ahead has served counts for nothing: else a schedule would stand still until that time comes.
 * The slot before may be served twice so, which is the lesser evil.
 */
export function isServedAhead(servedMs: number, nowMs: number): boolean {
  return servedMs > nowMs + aheadMsMax;
}

export function servedByNow({ servedMs }: ScheduleMemory, nowMs: number): ScheduleMemory {
  const known = Object.entries(servedMs).map(([id, atMs]) => [id, isServedAhead(atMs, nowMs) ? 0 : atMs]);
  return { servedMs: Object.fromEntries(known) };
}

const strength: Record<BackupType, number> = { incr: 1, diff: 2, full: 3 };

/**
 * What to make now, if anything. Slots that were missed are made up for once, not one by one; of several that are due
 * together the strongest kind is made and serves all of them, because a full backup holds what an incremental would.
 */
export function dueBackup(
  schedules: readonly BackupSchedule[],
  memory: ScheduleMemory,
  at: { nowMs: number; clusterId: string },
): DueBackup | null {
  const due = schedules.flatMap((schedule) => {
    const slotMs = dueSlot(schedule, memory, at);
    return slotMs === null ? [] : [{ schedule, slotMs }];
  });
  due.sort((left, right) => strength[right.schedule.type] - strength[left.schedule.type]);
  const [first] = due;
  if (!first) return null;
  const repository = repositoryOf(first.schedule);
  return {
    scheduleId: first.schedule.id,
    type: first.schedule.type,
    repository,
    serves: due
      .filter(({ schedule }) => repositoryOf(schedule) === repository)
      .map(({ schedule, slotMs }) => ({ scheduleId: schedule.id, slotMs })),
  };
}

/** Of a schedule that was taken apart by `schedulesOf`. */
function repositoryOf({ repository }: BackupSchedule): number {
  return typeof repository === 'number' ? repository : 1;
}

/** A drill is due like a backup is; it has a slot of its own. */
export function dueDrill(
  drills: DrillPolicy | null,
  memory: ScheduleMemory,
  at: { nowMs: number; clusterId: string; slot: string },
): { serves: DueBackup['serves'] } | null {
  if (drills === null) return null;
  const slotMs = dueSlot(drillSchedule(drills, at.slot), memory, at);
  return slotMs === null ? null : { serves: [{ scheduleId: at.slot, slotMs }] };
}

export function drillSchedule({ cron, timeZone }: DrillPolicy, id: string): BackupSchedule {
  return { id, type: 'incr', cron, timeZone, jitterMinutes: 0, window: null, enabled: true };
}

function dueSlot(
  schedule: BackupSchedule,
  { servedMs }: ScheduleMemory,
  { nowMs, clusterId }: { nowMs: number; clusterId: string },
): number | null {
  const served = servedMs[schedule.id];
  if (!schedule.enabled || served === undefined || scheduleProblem(schedule) !== null) return null;
  if (!isInWindow(schedule, nowMs)) return null;
  const [latest] = cronOf(schedule).previousRuns(1, new Date(nowMs - jitterOf(schedule, clusterId) + 1));
  const slotMs = latest?.getTime() ?? null;
  return slotMs !== null && slotMs > served ? slotMs : null;
}

/** Whether a backup of this schedule may begin now. A window may go past midnight. */
export function isInWindow(schedule: BackupSchedule, nowMs: number): boolean {
  if (schedule.window === null) return true;
  const { fromMinute, toMinute } = schedule.window;
  const minute = minuteOfDay(nowMs, schedule.timeZone);
  return fromMinute <= toMinute
    ? minute >= fromMinute && minute < toMinute
    : minute >= fromMinute || minute < toMinute;
}

/** The same for the life of the schedule, another one for every cluster. */
function jitterOf(schedule: BackupSchedule, clusterId: string): number {
  const rangeMs = schedule.jitterMinutes * minuteMs;
  return rangeMs === 0 ? 0 : fnv1a(`${clusterId}:${schedule.id}`) % rangeMs;
}

/** Fowler, Noll and Vo's hash: any even spread will do, as long as every node computes the same. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const character of text) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return hash;
}

function cronOf({ cron, timeZone }: BackupSchedule): Cron {
  return new Cron(cron, { timezone: timeZone, mode: '5-part', paused: true });
}

function minuteOfDay(atMs: number, timeZone: string): number {
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  const [hour = 0, minute = 0] = parts.format(atMs).split(':').map(Number);
  return hour * 60 + minute;
}
