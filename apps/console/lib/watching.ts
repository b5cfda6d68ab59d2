import type { Watch } from '@quantadb/api/client-types';

type Send = (watch: Watch) => void;

/** The control plane takes so many from one browser. */
const clustersMax = 8;

/**
 * What the parts of the page that are open show, so that the control plane sends no more than that. Parts come and go together
 * when a page changes: what they show is said once they have, and only when it is something else.
 */
export class Watching {
  private readonly onChange: (clusterIds: readonly string[]) => void;
  /** How many parts show a cluster. */
  private readonly clusters = new Map<string, number>();
  private fleet = 0;
  private said = '';
  private send: Send | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(onChange: (clusterIds: readonly string[]) => void) {
    this.onChange = onChange;
  }

  /** @param send null: there is no connection any more */
  connected(send: Send | null): void {
    this.send = send;
    this.said = '';
    this.say();
  }

  /** @returns what to call when that is shown no longer */
  showFleet(): () => void {
    this.fleet += 1;
    this.saySoon();
    return () => {
      this.fleet -= 1;
      this.saySoon();
    };
  }

  showCluster(clusterId: string): () => void {
    this.count(clusterId, 1);
    return () => this.count(clusterId, -1);
  }

  private count(clusterId: string, by: number): void {
    const count = (this.clusters.get(clusterId) ?? 0) + by;
    if (count > 0) this.clusters.set(clusterId, count);
    else this.clusters.delete(clusterId);
    this.saySoon();
  }

  private saySoon(): void {
    this.timer ??= setTimeout(() => this.say(), 0);
  }

  private say(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    const watch: Watch = {
      fleet: this.fleet > 0,
      clusterIds: [...this.clusters.keys()].slice(-clustersMax).sort(),
    };
    const text = JSON.stringify(watch);
    if (text === this.said || !this.send) return;
    this.said = text;
    this.onChange(watch.clusterIds);
    this.send(watch);
  }
}
