/** A row that a server has said is there, with CLOCK_MONOTONIC ms of the one machine that all of this runs on. */
export interface Acknowledged {
  value: number;
  node: string;
  timeline: number;
  sentMs: number;
  answeredMs: number;
}

/** What clients were told, from all nodes, and what must be true of it (pure). */
export class Acknowledgements {
  readonly all: Acknowledged[] = [];

  add(acknowledged: Acknowledged): void {
    this.all.push(acknowledged);
  }

  /** How many of the rows that were sent since then each node has acknowledged. */
  countsSince(sinceMs: number): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { node, sentMs } of this.all) if (sentMs >= sinceMs) counts[node] = (counts[node] ?? 0) + 1;
    return counts;
  }

  /** The longest time between two moments without an acknowledgement from any node. */
  longestPauseMs(fromMs: number, toMs: number): number {
    const times = this.all.map((each) => each.answeredMs).filter((atMs) => atMs > fromMs && atMs < toMs);
    const moments = [fromMs, ...times.sort((left, right) => left - right), toMs];
    return Math.max(...moments.slice(1).map((atMs, index) => atMs - (moments[index] ?? atMs)));
  }

  /**
   * Acknowledgements on an older timeline of rows that were sent after a newer timeline had acknowledged one: must be
   * none. Every primary that was promoted has a timeline of its own, and a later one has a higher number.
   */
  late(): Acknowledged[] {
    const firstMs = new Map<number, number>();
    for (const { timeline, answeredMs } of this.all)
      firstMs.set(timeline, Math.min(firstMs.get(timeline) ?? answeredMs, answeredMs));
    const isLate = ({ timeline, sentMs }: Acknowledged) =>
      [...firstMs].some(([newer, atMs]) => newer > timeline && sentMs > atMs);
    return this.all.filter(isLate);
  }

  /** Timelines that more than one node has acknowledged on: must be none. */
  sharedTimelines(): number[] {
    const owners = new Map<number, Set<string>>();
    for (const { timeline, node } of this.all)
      owners.set(timeline, (owners.get(timeline) ?? new Set()).add(node));
    return [...owners].filter(([, nodes]) => nodes.size > 1).map(([timeline]) => timeline);
  }
}
