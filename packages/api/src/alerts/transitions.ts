import { type Condition, type Identity, identityOf, type Judgement } from './judge.ts';
import type { Severity } from './rule.ts';

/** An alert from its first sign to its end (pure): pending → firing → resolved. */

export interface LiveAlert extends Identity {
  id: string;
  state: 'pending' | 'firing';
  severity: Severity;
  sentence: string;
  /** When it was first seen to be so. */
  sinceMs: number;
  /** When it had been so for long enough to be told; null while pending. */
  firingMs: number | null;
  /** When it was last seen to be so. */
  seenMs: number;
}

export interface Change {
  kind: 'began' | 'fired' | 'dropped' | 'resolved' | 'seen';
  alert: LiveAlert;
}

/** So long a firing alert must be over before it ends: one that comes and goes is one alert. */
export const restMs = 60_000;

/**
 * What becomes of the alerts at this moment.
 *
 * @param newId an id for an alert that begins
 */
export function nextAlerts(
  live: readonly LiveAlert[],
  judgement: Judgement,
  { nowMs, newId }: { nowMs: number; newId(): string },
): Change[] {
  const conditions = new Map(judgement.conditions.map((each) => [identityOf(each), each]));
  const changes: Change[] = [];
  for (const alert of live) {
    const key = identityOf(alert);
    const condition = conditions.get(key);
    conditions.delete(key);
    if (condition) changes.push(goesOn(alert, condition, nowMs));
    else if (judgement.isUnknown(alert)) changes.push({ kind: 'seen', alert: { ...alert, seenMs: nowMs } });
    else if (alert.state === 'pending') changes.push({ kind: 'dropped', alert });
    else if (nowMs - alert.seenMs >= restMs) changes.push({ kind: 'resolved', alert });
  }
  for (const condition of conditions.values()) changes.push(begins(condition, { nowMs, id: newId() }));
  return changes;
}

function goesOn(alert: LiveAlert, condition: Condition, nowMs: number): Change {
  const { severity, sentence, forSeconds } = condition;
  const next = { ...alert, severity, sentence, seenMs: nowMs };
  // Nobody looked meanwhile: whether it was so all the time is not known.
  if (alert.state === 'pending' && nowMs - alert.seenMs > Math.max(restMs, forSeconds * 100))
    return { kind: 'seen', alert: { ...next, sinceMs: nowMs } };
  if (alert.state === 'pending' && nowMs - alert.sinceMs >= forSeconds * 1000)
    return { kind: 'fired', alert: { ...next, state: 'firing', firingMs: nowMs } };
  return { kind: 'seen', alert: next };
}

function begins(condition: Condition, { nowMs, id }: { nowMs: number; id: string }): Change {
  const { rule, clusterId, subject, severity, sentence, forSeconds } = condition;
  const alert = { id, rule, clusterId, subject, severity, sentence, sinceMs: nowMs, seenMs: nowMs };
  if (forSeconds === 0) return { kind: 'fired', alert: { ...alert, state: 'firing', firingMs: nowMs } };
  return { kind: 'began', alert: { ...alert, state: 'pending', firingMs: null } };
}
