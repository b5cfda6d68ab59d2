import type { ClusterState } from '@quantadb/engine/contract/cluster-state';
import { failoversPerReportMax } from '@quantadb/engine/contract/link';
import { endedFailoverStates, type FailoverView } from '@quantadb/engine/contract/status';

type Remembered = Pick<ClusterState, 'failover' | 'pastFailovers'>;

/** Which failovers the control plane has to hear of still, so that one which nobody watched is not forgotten. */
export class UntoldFailovers {
  /** Ended ones that it has confirmed on this connection. */
  private told = new Set<string>();

  /** The oldest first, and no more than one report takes. */
  of({ failover, pastFailovers }: Remembered): FailoverView[] {
    const known = [...pastFailovers, ...(failover ? [failover] : [])];
    this.told = new Set(known.map(({ id }) => id).filter((id) => this.told.has(id)));
    const untold = known.filter(({ id }) => !this.told.has(id)).slice(0, failoversPerReportMax);
    return untold.map(({ votes: _votes, ...view }) => view);
  }

  confirmed(views: readonly FailoverView[]): void {
    for (const { id, state } of views) if (endedFailoverStates.has(state)) this.told.add(id);
  }

  /** Another control plane may answer next. */
  forget(): void {
    this.told.clear();
  }
}
