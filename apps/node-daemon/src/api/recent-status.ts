import type { ClusterStatus } from '@quantadb/engine/contract/status';
import { type Clock, systemClock } from '@quantadb/engine/shared/clock';
import { withDeadline } from '@quantadb/engine/shared/deadline';

const freshForMs = 1000;
const waitMaxMs = 1000;

/** Load balancers ask often: the whole cluster is asked once for all of them, and none of them waits for long. */
export class RecentStatus {
  private readonly ask: () => Promise<ClusterStatus | null>;
  private readonly clock: Clock;
  private known: { atMs: number; status: ClusterStatus | null } | null = null;
  private asking: Promise<ClusterStatus | null> | null = null;

  constructor(ask: () => Promise<ClusterStatus | null>, clock: Clock = systemClock) {
    this.ask = ask;
    this.clock = clock;
  }

  /**
   * At most a second old; null in no cluster.
   *
   * @throws QuantaError DEADLINE_EXCEEDED when there is no answer within a second, or whatever asking failed with
   */
  async read(): Promise<ClusterStatus | null> {
    const { known } = this;
    if (known && this.clock.monotonicMs() - known.atMs <= freshForMs) return known.status;
    this.asking ??= this.refresh();
    const { asking } = this;
    return withDeadline('the status of the cluster', waitMaxMs, () => asking);
  }

  private async refresh(): Promise<ClusterStatus | null> {
    // What an answer tells was true when it was asked for, not when it came.
    const atMs = this.clock.monotonicMs();
    try {
      const status = await this.ask();
      this.known = { atMs, status };
      return status;
    } finally {
      this.asking = null;
    }
  }
}
