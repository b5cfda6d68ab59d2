/** Every wait of failover in one place, in milliseconds. */
export interface FailoverTiming {
  heartbeatMs: number;
  electionMinMs: number;
  electionMaxMs: number;
  /** A primary whose renewals have been missing for this long is suspected. */
  suspectAfterMs: number;
  /** D: how long a confirmed renewal lets the primary go on, counted by the holder from when it was sent. */
  leaseMs: number;
  renewEveryMs: number;
  /** The same while the primary's daemon is replaced: a program starts slowly on a busy machine. */
  restartLeaseMs: number;
  /** The reaper begins to kill this long before the deadline. */
  killAheadMs: number;
  /** How long an elector may take to seal. */
  sealDeadlineMs: number;
  /** How long a candidate waits for standbys to be repointed before it promotes anyway. */
  repointDeadlineMs: number;
  /** How long a promotion may take without its replay moving on. */
  promoteDeadlineMs: number;
  /** A granted candidate that has not opened for writes by then, counted from when its replay last moved on, is replaced. */
  takeoverDeadlineMs: number;
  probeDeadlineMs: number;
}

const lan: FailoverTiming = {
  heartbeatMs: 100,
  electionMinMs: 800,
  electionMaxMs: 1600,
  suspectAfterMs: 1000,
  leaseMs: 3600,
  renewEveryMs: 250,
  restartLeaseMs: 20_000,
  killAheadMs: 500,
  sealDeadlineMs: 2000,
  repointDeadlineMs: 400,
  promoteDeadlineMs: 20_000,
  takeoverDeadlineMs: 30_000,
  probeDeadlineMs: 1000,
};

export type TimingProfile = 'lan' | 'wan';

/** The timings of a profile; WAN is four times LAN, so that a round trip of 100 ms leaves the same room. */
export function timingOf(profile: TimingProfile): FailoverTiming {
  if (profile === 'lan') return { ...lan };
  const scaled = Object.entries(lan).map(([name, valueMs]) => [name, valueMs * 4]);
  return { ...lan, ...Object.fromEntries(scaled), killAheadMs: lan.killAheadMs };
}
