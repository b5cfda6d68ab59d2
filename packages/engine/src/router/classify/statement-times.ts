/** Of the last hundreds of runs, so that one stall of the machine is not held against a statement. */
const weightOfLast = 0.1;
const weightOfLastSlow = 0.005;
/** So many of a hundred may be slow: what stands behind them is moved elsewhere. */
const slowShareMax = 0.01;
/** How much longer than what is allowed on average a single run may take: a busy machine alone makes some of it. */
const slowFactor = 4;
const hopelessFactor = 3;
const runsBeforeSharing = 3;
const leastMs = 0.001;
const declinedBeforeTrial = 128;
/** Steps of an estimate below which a quarter of the runs is. */
const upOfLow = 1.01;
const downOfLow = 0.97;

class Times {
  runs = 0;
  /** Exponentially weighted; a run counts no more than what is slow. */
  usualMs = 0;
  /** Of the runs that took much longer than is allowed on average, exponentially weighted. */
  slowShare = 0;
  /** A quarter of the runs takes less: near to what it takes where nothing else runs. */
  lowMs = 0;

  add(tookMs: number, slowMs: number): void {
    this.lowMs = this.runs === 0 ? tookMs : this.lowMs * (tookMs > this.lowMs ? upOfLow : downOfLow);
    const counted = Math.min(tookMs, slowMs);
    this.usualMs = this.runs === 0 ? counted : this.usualMs + (counted - this.usualMs) * weightOfLast;
    this.slowShare += ((tookMs > slowMs ? 1 : 0) - this.slowShare) * weightOfLastSlow;
    this.runs++;
  }

  isQuick(limitMs: number): boolean {
    return this.usualMs <= limitMs && this.slowShare <= slowShareMax;
  }
}

/**
 * How long a statement takes, and whether others may stand behind it (pure). By itself on a server it is measured together
 * with everything that runs beside it: on a machine without time left it looks slow, nobody shares, and so there is no time
 * left. What counts is therefore how long it takes on a shared server, and now and then that is tried.
 */
export class StatementTimes {
  private readonly own = new Times();
  private readonly shared = new Times();
  private limitMs = Number.POSITIVE_INFINITY;
  private declined = 0;

  ran(tookMs: number, isShared: boolean): void {
    (isShared ? this.shared : this.own).add(tookMs, this.limitMs * slowFactor);
  }

  /** @param limitMs how long it may take on average */
  mayShare(limitMs: number): boolean {
    this.limitMs = limitMs;
    const seen = this.shared.runs >= runsBeforeSharing ? this.shared : this.own;
    if (seen.runs < runsBeforeSharing) return false;
    if (seen.isQuick(limitMs)) return true;
    this.declined++;
    // What is slow whatever runs beside it is not tried.
    if (this.declined < declinedBeforeTrial || this.own.usualMs > limitMs * hopelessFactor) return false;
    this.declined = 0;
    return true;
  }

  /**
   * How many like this one may stand in one line: together they take no longer than one may. Others find a connection of their
   * own then, if there is one. A machine without time left makes each take longer, and shorter lines would cost it more.
   */
  placesInLine(limitMs: number): number {
    const { lowMs } = this.shared.runs >= runsBeforeSharing ? this.shared : this.own;
    return Math.max(1, Math.floor(limitMs / Math.max(lowMs, leastMs)));
  }
}
