import { type PoolResources, type Wish, whyWaiting } from './pool-resources.ts';
import { type Waiter, WaitQueue } from './wait-queue.ts';

/** Who waits for a server of one user and database: for the primary, whichever node that is, or for one that serves reads. */
export class PoolQueues {
  readonly forPrimary = new WaitQueue();
  private readonly forReads = new Map<string, WaitQueue>();
  private readonly database: string;
  private readonly resources: PoolResources;

  constructor(database: string, resources: PoolResources) {
    this.database = database;
    this.resources = resources;
  }

  /** The primary, when transactions may begin on it. */
  openPrimary(): string | null {
    const { topology } = this.resources;
    return whyWaiting(topology()) === null && !this.isPaused ? topology().primary : null;
  }

  /** Where what was wished for may begin; null: it has to wait. */
  openNode(wish: Wish): string | null {
    if (wish === null) return this.openPrimary();
    return this.isPaused ? null : wish;
  }

  of(wish: Wish): WaitQueue {
    if (wish === null) return this.forPrimary;
    const known = this.forReads.get(wish);
    if (known) return known;
    const made = new WaitQueue();
    this.forReads.set(wish, made);
    return made;
  }

  /** Whose turn it is on this server, if anybody waits for it. */
  for(node: string): WaitQueue | null {
    if (node === this.openPrimary() && this.forPrimary.length > 0) return this.forPrimary;
    const reads = this.forReads.get(node);
    return reads && reads.length > 0 && !this.isPaused ? reads : null;
  }

  next(node: string): Waiter | null {
    const queue = this.for(node);
    return queue && this.take(queue);
  }

  take(queue: WaitQueue): Waiter | null {
    const taken = queue.take();
    if (!taken) return null;
    this.resources.counters.waitMsTotal += this.resources.nowMs() - taken.sinceMs;
    return taken.waiter;
  }

  waitingFor(node: string): number {
    const reads = this.isPaused ? 0 : (this.forReads.get(node)?.length ?? 0);
    return node === this.openPrimary() ? reads + this.forPrimary.length : reads;
  }

  isReadFrom(node: string): boolean {
    return (this.forReads.get(node)?.length ?? 0) > 0;
  }

  get readNodes(): string[] {
    return [...this.forReads.keys()];
  }

  readFromPrimary(node: string): void {
    const queue = this.forReads.get(node);
    this.forReads.delete(node);
    for (let next = queue?.take(); next; next = queue?.take()) this.forPrimary.add(next.waiter, next.sinceMs);
  }

  remove(waiter: Waiter): void {
    if (this.forPrimary.remove(waiter)) return;
    for (const queue of this.forReads.values()) if (queue.remove(waiter)) return;
  }

  takeOlderThan(sinceMs: number): Waiter[] {
    return [this.forPrimary, ...this.forReads.values()].flatMap((queue) => queue.takeOlderThan(sinceMs));
  }

  get length(): number {
    return [...this.forReads.values()].reduce((sum, queue) => sum + queue.length, this.forPrimary.length);
  }

  private get isPaused(): boolean {
    return this.resources.isPaused(this.database);
  }
}
