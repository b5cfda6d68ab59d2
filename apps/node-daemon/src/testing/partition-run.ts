import { setTimeout as delay } from 'node:timers/promises';
import type { ClusterStatus } from '@quantadb/engine/contract/status';
import { systemClock } from '@quantadb/engine/shared/clock';
import { pollUntil } from '@quantadb/engine/shared/deadline';
import { NetworkLab } from './network-lab.ts';
import type { CheckedNode } from './node-client.ts';
import { Partition } from './partition.ts';
import type { Roles, Shape } from './partition-shapes.ts';
import { ReadWatcher } from './read-watcher.ts';
import { credentials, RealCluster } from './real-cluster.ts';
import { nowTold } from './told-alerts.ts';
import { checkedTable, WriteChecker } from './write-checker.ts';

export interface ShapeResult {
  shape: string;
  outcome: Shape['outcome'];
  primaryBefore: string;
  primaryAfter: string;
  /** Rows that each node has acknowledged, and reads that it has answered, while the network was cut. */
  writesWhileCut: Record<string, number>;
  readsWhileCut: Record<string, number>;
  /** Other nodes than the primary of before that have acted as one while the network was cut. */
  newPrimaries: string[];
  /** What the alert about the network says at the end of the cut; null: nothing. */
  alert: string | null;
  /** The longest time without an acknowledged row: while the network was cut, and until everything was well again. */
  withoutWritesMs: { cut: number; all: number };
  healthyAfterMs: number;
  /** Acknowledged rows that the primary does not hold. */
  missing: number;
  /** Rows that an older primary has acknowledged though they were sent after a newer one had acknowledged some. */
  late: number;
  /** Timelines that two nodes have acknowledged on. */
  shared: number;
  /** Timelines in the end, and different tables. */
  timelines: number;
  tables: number;
}

/** What each node was asked for and answered in the time between two moments (CLOCK_MONOTONIC ms). */
type CutFigures = Pick<ShapeResult, 'writesWhileCut' | 'readsWhileCut' | 'newPrimaries'>;

/** How long a cut lasts at least: suspicion, an election of a decider, and a failover fit in. */
const lastsMs = 5000;
/** Where a majority and a synchronous quorum hear each other, writes go on within this time, also on a slow machine. */
const progressDeadlineMs = 30_000;
const progressRows = 20;

/** Three hosts with a network each, a cluster on them, and clients that write and read through all of them. */
export class PartitionRun {
  readonly checker: WriteChecker;
  private readonly watcher: ReadWatcher;
  private readonly cluster: RealCluster;
  private readonly lab: NetworkLab;
  private readonly partition: Partition;

  private constructor(cluster: RealCluster, lab: NetworkLab) {
    this.cluster = cluster;
    this.lab = lab;
    this.partition = new Partition(lab);
    this.checker = new WriteChecker(this.nodes(), credentials);
    this.watcher = new ReadWatcher(this.nodes(), credentials, checkedTable);
  }

  static async create(names: [string, string, string]): Promise<PartitionRun> {
    const lab = await NetworkLab.create(names);
    const cluster = await RealCluster.create(names, { lab });
    const run = new PartitionRun(cluster, lab);
    try {
      await cluster.startAll();
      const [first, ...others] = names;
      await cluster.form(first, others);
      await run.checker.start(run.node(first));
      run.watcher.start();
      return run;
    } catch (error) {
      await run.cleanUp();
      throw error;
    }
  }

  async play(shape: Shape): Promise<ShapeResult> {
    const before = await this.roles();
    const startMs = systemClock.monotonicMs();
    await shape.apply(this.partition, before);
    const figures = await this.whileCut(shape, before.primary, startMs);
    const alert = await nowTold(this.cluster, 'network-split', { via: before.decider });
    const healMs = systemClock.monotonicMs();
    await this.partition.heal();
    const healed = await this.cluster.untilHealthy();
    const healthyMs = systemClock.monotonicMs();
    await this.untilWritten('writes go on after healing', () => this.checker.count());
    const endMs = systemClock.monotonicMs();
    const { acknowledgements } = this.checker;
    return {
      shape: shape.name,
      outcome: shape.outcome,
      primaryBefore: before.primary,
      primaryAfter: healed.primary ?? 'nobody',
      ...figures,
      alert,
      withoutWritesMs: {
        cut: Math.round(acknowledgements.longestPauseMs(startMs, healMs)),
        all: Math.round(acknowledgements.longestPauseMs(startMs, endMs)),
      },
      healthyAfterMs: Math.round(healthyMs - healMs),
      ...(await this.verdict()),
    };
  }

  async cleanUp(): Promise<void> {
    await Promise.all([this.checker.stop(), this.watcher.stop()]);
    await this.cluster.cleanUp();
    await this.lab.remove();
  }

  /** Waits for what the shape has to lead to, and for its time to pass. */
  private async whileCut(shape: Shape, primary: string, startMs: number): Promise<CutFigures> {
    const { acknowledgements } = this.checker;
    const cutMs = systemClock.monotonicMs();
    const writtenBy = (isCounted: (node: string) => boolean) => () =>
      sumOf(acknowledgements.countsSince(startMs), isCounted);
    await delay(Math.max(0, lastsMs - (cutMs - startMs)));
    if (shape.outcome === 'another primary')
      await this.untilWritten(
        'another primary writes while the network is cut',
        writtenBy((node) => node !== primary),
      );
    if (shape.outcome === 'the primary stays')
      await this.untilWritten(
        'the primary writes while the network is cut',
        writtenBy((node) => node === primary),
      );
    // No row that was sent after the last link was cut may be acknowledged when everybody is alone.
    const sinceMs = shape.outcome === 'no writes' ? cutMs : startMs;
    return {
      writesWhileCut: acknowledgements.countsSince(sinceMs),
      readsWhileCut: this.watcher.countsSince(sinceMs),
      newPrimaries: this.watcher.primariesSince(startMs).filter((name) => name !== primary),
    };
  }

  /** I5: writes go on from now, within the deadline. */
  private async untilWritten(what: string, count: () => number): Promise<void> {
    const first = count();
    await pollUntil(async () => (count() >= first + progressRows ? true : undefined), {
      ...{ what, timeoutMs: progressDeadlineMs, intervalMs: 20 },
    });
  }

  /** Waits until the cluster is as it should be: healthy, and led from another host than the primary's. */
  private async roles(): Promise<Roles> {
    const isSettled = ({ health, primary, raft }: ClusterStatus) =>
      health === 'healthy' && raft.leader !== null && raft.leader !== primary;
    const { primary, raft } = await this.cluster.until('healthy and led from elsewhere', isSettled);
    const standby = this.nodes().find(({ name }) => name !== primary && name !== raft.leader);
    if (!primary || !raft.leader || !standby) throw new Error('there are not three nodes');
    return { primary, decider: raft.leader, standby: standby.name };
  }

  /** The writers pause, so that the tables of all nodes can become the same. */
  private async verdict(): Promise<
    Pick<ShapeResult, 'missing' | 'late' | 'shared' | 'timelines' | 'tables'>
  > {
    await this.checker.stop();
    const { primary } = await this.cluster.untilHealthy();
    const node = this.node(primary ?? '');
    const { acknowledgements } = this.checker;
    const verdict = {
      missing: (await this.checker.missingOn(node)).length,
      late: acknowledgements.late().length,
      shared: acknowledgements.sharedTimelines().length,
      ...(await this.differences()),
    };
    await this.checker.start(node);
    return verdict;
  }

  /** Standbys that replay what is left get some time. @returns how many timelines and different tables there are then */
  private async differences(): Promise<Pick<ShapeResult, 'timelines' | 'tables'>> {
    let found = { timelines: 0, tables: 0 };
    const isSame = async () => {
      const status = await this.cluster.status();
      const digests = await Promise.all(this.nodes().map((node) => this.checker.digestOf(node)));
      const timelines = new Set(status?.nodes.map((each) => each.timeline));
      found = { timelines: timelines.size, tables: new Set(digests).size };
      return timelines.size === 1 && found.tables === 1 ? true : undefined;
    };
    const what = 'the same rows on every node';
    await pollUntil(isSame, { what, timeoutMs: progressDeadlineMs, intervalMs: 100 }).catch(() => undefined);
    return found;
  }

  private nodes(): CheckedNode[] {
    const names = [...this.cluster.hosts.keys()];
    return this.cluster
      .endpoints(names)
      .map((endpoint, index) => ({ name: names[index] ?? '', ...endpoint }));
  }

  private node(name: string): CheckedNode {
    const node = this.nodes().find((each) => each.name === name);
    if (!node) throw new Error(`no node ${name}`);
    return node;
  }
}

function sumOf(counts: Record<string, number>, isCounted: (node: string) => boolean): number {
  return Object.entries(counts).reduce((sum, [node, count]) => sum + (isCounted(node) ? count : 0), 0);
}
