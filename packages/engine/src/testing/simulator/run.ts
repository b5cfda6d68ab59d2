import type { DurabilityMode } from '../../contract/cluster-state.ts';
import { Nemesis } from './nemesis.ts';
import { type Bug, SimulatedCluster } from './simulated-cluster.ts';
import { Violation, World } from './world.ts';

export interface RunOptions {
  seed: number;
  bug?: Bug;
  /** Drawn from the seed when it is not given. */
  mode?: DurabilityMode;
}

export interface RunOutcome {
  seed: number;
  mode: DurabilityMode;
  dataNodes: number;
  /** Null when every promise was kept. */
  violation: Violation | null;
  trace: string;
  events: number;
  counts: World['counts'];
  simulatedMs: number;
  acknowledged: number;
  promotions: number;
  /** Switchovers, restarts and new copies that somebody asked for, as far as they were begun. */
  operations: number;
  /** Waits for standbys that clients gave up. */
  cancelledWaits: number;
  appended: number;
  reads: number;
  /** How often each fault came at each stage of a failover. */
  visited: ReadonlyMap<string, number>;
  /** From the end of all trouble until everything was well again. */
  recoveredAfterMs: number | null;
}

const warmUpMs = 8000;
const troubleMs = 45_000;
const recoveryMaxMs = 180_000;
const quietMs = 3000;
/** The last probe of PostgreSQL reaches every standby within this. */
const settleMs = 2000;

/** One cluster, one seed: warm up, trouble, everything heals, everything must come back; checked at every happening. */
export async function runSeed(options: RunOptions): Promise<RunOutcome> {
  const world = new World(options.seed);
  const mode = options.mode ?? options.bug?.mode ?? (world.chance(0.25) ? 'async' : 'quorum');
  const dataNodes = world.pick([3, 3, 3, 5]);
  // Quorum durability does not depend on clocks at all, so there they may be far off.
  const drift = mode === 'async' ? 0.004 : world.pick([0.004, 0.004, 0.2]);
  const writerPauseMs = world.pick([5, 20, 80]);
  const strictness = world.pick(['strict', 'available'] as const);
  const cluster = new SimulatedCluster(
    world,
    { dataNodes, mode, strictness, drift, writerPauseMs },
    options.bug,
  );
  const nemesis = new Nemesis(cluster, mode);
  let violation: Violation | null = null;
  let recoveredAfterMs: number | null = null;
  try {
    cluster.start();
    await world.run(warmUpMs);
    const isPatient = world.chance(0.35);
    nemesis.start(isPatient ? 300 : world.pick([600, 1500, 4000]), isPatient);
    if (world.chance(0.5)) cluster.person.start(world.pick([1000, 4000, 20_000]));
    await world.run(warmUpMs + troubleMs);
    nemesis.end();
    cluster.person.leave();
    recoveredAfterMs = await recover(world, cluster);
    cluster.stopWriters();
    await world.run(world.nowMs + settleMs);
    cluster.auditor.finalCheck();
    await world.run(world.nowMs);
  } catch (error) {
    violation =
      error instanceof Violation
        ? error
        : new Violation('MODEL', error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  return {
    ...{ seed: options.seed, mode, dataNodes, violation, trace: world.trace() },
    ...{ events: world.events, counts: world.counts, simulatedMs: world.nowMs },
    acknowledged: cluster.auditor.acknowledgedCount,
    promotions: cluster.auditor.promotions,
    operations: [...cluster.person.begun.values()].reduce((sum, count) => sum + count, 0),
    cancelledWaits: cluster.cancelledWaits,
    appended: cluster.log.appended,
    reads: cluster.log.reads,
    visited: nemesis.visited,
    recoveredAfterMs,
  };
}

/** @throws Violation I-LIVE-1 when the cluster does not come back by itself */
async function recover(world: World, cluster: SimulatedCluster): Promise<number> {
  const healedMs = world.nowMs;
  let wellSinceMs: number | null = null;
  const isDone = () => {
    if (!cluster.isWell()) wellSinceMs = null;
    else wellSinceMs ??= world.nowMs;
    return wellSinceMs !== null && world.nowMs - wellSinceMs > quietMs;
  };
  await world.run(healedMs + recoveryMaxMs, isDone);
  const sinceMs = wellSinceMs as number | null;
  if (sinceMs === null) {
    const state = cluster.newestState();
    const where = JSON.stringify({
      nodes: [...cluster.hosts.values()].map((host) => host.describe()),
      reign: state?.reign,
      failover: state?.failover?.state,
      operation: state?.operation?.steps,
      blockedBy: state?.failover?.blockedBy,
    });
    throw new Violation(
      'I-LIVE-1',
      `the cluster did not come back within ${recoveryMaxMs / 1000} s: ${where}`,
    );
  }
  return sinceMs - healedMs;
}
