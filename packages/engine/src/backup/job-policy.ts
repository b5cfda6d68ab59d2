import type { BackupJob } from '../contract/backup.ts';
import type { JobLook } from './job-order.ts';

/** What the decider does about work that stands (pure). */

/** Longer than a node goes on without being asked (`unaskedMsMax`): then it has ended there, and may begin elsewhere. */
export const abandonAfterMs = 60_000;
/** Work that has not begun, or not again, for so long makes room for that on another repository. */
const yieldsAfterMs = 15 * 60_000;
const attemptsMax = 5;
const firstDelayMs = 15_000;
const delayMsMax = 30 * 60_000;

export type JobDecision =
  | { kind: 'wait' }
  | { kind: 'assign' }
  /** The node does not know of it: it may have ended without anybody being told, or never begun. */
  | { kind: 'search' }
  | { kind: 'retry'; afterMs: number; detail: string }
  | { kind: 'end'; state: 'done' | 'failed'; detail: string };

/**
 * @param look what the node that was given it says; null when it does not answer
 * @param silentForMs for how long it has not answered
 */
export function decideJob(
  job: BackupJob,
  seen: { look: JobLook | null; silentForMs: number; nowMs: number },
): JobDecision {
  if (job.state === 'waiting') return isPauseOver(job, seen.nowMs) ? { kind: 'assign' } : { kind: 'wait' };
  const { look } = seen;
  if (look === null) return seen.silentForMs >= abandonAfterMs ? { kind: 'search' } : { kind: 'wait' };
  switch (look.state) {
    case 'running':
      return { kind: 'wait' };
    case 'unknown':
      return { kind: 'search' };
    case 'done':
      return { kind: 'end', state: 'done', detail: '' };
    case 'failed':
      return afterFailure(job, look.detail, look.retry);
  }
}

/** No pause is longer than the longest: one that is was begun by a decider whose clock was ahead. */
function isPauseOver({ notBeforeMs }: BackupJob, nowMs: number): boolean {
  return nowMs >= notBeforeMs || notBeforeMs - nowMs > delayMsMax;
}

/**
 * Why work that waits is given up, for the sake of what may not wait for it; null: it goes on waiting.
 *
 * @param isInWindow of its schedule: also what is tried again begins in it only
 * @param isOtherDue a backup of another repository, which has nothing to do with why this one waits
 */
export function whyGivesWay(
  job: BackupJob,
  seen: { isInWindow: boolean; isOtherDue: boolean; nowMs: number },
): string | null {
  if (job.state !== 'waiting') return null;
  const why = job.detail === '' ? 'it had not begun' : job.detail;
  if (!seen.isInWindow) return `its window has closed: ${why}`;
  if (!seen.isOtherDue || seen.nowMs - job.startedAtMs < yieldsAfterMs) return null;
  return `a backup of another repository is due: ${why}`;
}

/** Again after a pause that grows, unless it makes no sense or has been tried often enough. */
export function afterFailure(job: BackupJob, detail: string, isWorthIt: boolean): JobDecision {
  if (!isWorthIt || job.attempt >= attemptsMax) return { kind: 'end', state: 'failed', detail };
  return { kind: 'retry', afterMs: delayAfter(job.attempt), detail };
}

export function delayAfter(attempt: number): number {
  return Math.min(delayMsMax, firstDelayMs * 4 ** Math.max(0, attempt - 1));
}
