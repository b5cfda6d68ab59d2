/** Whether a server is fit for reads, from what was seen of it (pure). */

export interface HealthRules {
  /** So many failures in a row end its service. */
  failuresMax: number;
  ejectFirstMs: number;
  ejectMaxMs: number;
  slowStartMs: number;
}

export const usualHealthRules: HealthRules = {
  failuresMax: 2,
  ejectFirstMs: 1_000,
  ejectMaxMs: 60_000,
  slowStartMs: 10_000,
};

export interface Health {
  failures: number;
  /** How often it was taken out of service lately. */
  ejections: number;
  /** Not asked for reads before this moment. */
  ejectedUntilMs: number;
  /** Since when it has been well again after an ejection. */
  wellSinceMs: number;
}

export const newHealth: Health = {
  failures: 0,
  ejections: 0,
  ejectedUntilMs: 0,
  wellSinceMs: Number.NEGATIVE_INFINITY,
};

export function afterFailure(health: Health, nowMs: number, rules: HealthRules): Health {
  // Of one that is out already, which is asked all the time: it would stay out for long after a short absence.
  if (nowMs < health.ejectedUntilMs) return health;
  const failures = health.failures + 1;
  if (failures < rules.failuresMax) return { ...health, failures };
  const pauseMs = Math.min(rules.ejectMaxMs, rules.ejectFirstMs * 2 ** Math.min(health.ejections, 20));
  return {
    failures: 0,
    ejections: health.ejections + 1,
    ejectedUntilMs: nowMs + pauseMs,
    wellSinceMs: nowMs + pauseMs,
  };
}

export function afterSuccess(health: Health, nowMs: number, rules: HealthRules): Health {
  // What has gone well for long forgets what was before.
  const isForgiven = health.ejections > 0 && nowMs - health.wellSinceMs > rules.ejectMaxMs;
  if (health.failures === 0 && !isForgiven) return health;
  return { ...health, failures: 0, ejections: isForgiven ? 0 : health.ejections };
}

/** 0: out of service; below 1: coming back. */
export function readinessOf(health: Health, nowMs: number, rules: HealthRules): number {
  if (nowMs < health.ejectedUntilMs) return 0;
  if (health.ejections === 0) return 1;
  return Math.min(1, Math.max(0.05, (nowMs - health.wellSinceMs) / rules.slowStartMs));
}
