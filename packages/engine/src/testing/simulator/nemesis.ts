import { type Fault, faultsFor, secondLoss } from './faults.ts';
import type { SimulatedHost } from './host.ts';
import type { SimulatedCluster } from './simulated-cluster.ts';
import type { World } from './world.ts';

/** Where a failover stands, as far as faults are aimed at it. */
export const stages = [
  'HEALTHY',
  'SEAL',
  'NO_SAFE_CANDIDATE',
  'GRANT',
  'PREPARE_SYNC',
  'REPOINT',
  'PROMOTE',
  'RECORD_TIMELINE',
  'REJOIN',
] as const;
export type Stage = (typeof stages)[number];

const stageOfEffect: Record<string, Stage> = {
  applySynchronous: 'PREPARE_SYNC',
  ensureSlots: 'PREPARE_SYNC',
  connectedStandbys: 'REPOINT',
  promote: 'PROMOTE',
  promoted: 'RECORD_TIMELINE',
};

/** What a fault at a stage is counted as. */
export function pairOf(stage: Stage, fault: string): string {
  return `${stage} × ${fault}`;
}

/**
 * Half of the runs know every kind of trouble, the others only a few kinds, which then meet each other more often
 * (Groce et al., "Swarm testing", ISSTA 2012).
 */
function swarmOf(faults: Fault[], world: World): Fault[] {
  if (world.chance(0.5)) return faults;
  const left = [...faults];
  const swarm: Fault[] = [];
  const size = Math.round(world.between(2, 6));
  while (swarm.length < size) swarm.push(...left.splice(Math.floor(world.between(0, left.length)), 1));
  return swarm;
}

type Aim = 'primary' | 'candidate' | 'decider' | 'any';

/**
 * Makes trouble: at random moments, and aimed at the stages of a failover and at the effects of a node. Which, when and
 * how long comes from the world's seed.
 */
export class Nemesis {
  /** How often each kind of trouble came at each stage. */
  readonly visited = new Map<string, number>();
  private readonly cluster: SimulatedCluster;
  private readonly faults: Fault[];
  private readonly undo = new Set<() => void>();
  private isOver = false;
  /** Strikes when the failover comes to this stage. */
  private trap: { stage: Stage; fault: Fault; aim: Aim } | null = null;
  /** The daemon of a host dies at one of its next effects. */
  private crash: { host: string; effectsLeft: number } | null = null;

  constructor(cluster: SimulatedCluster, mode: 'async' | 'quorum' | 'all') {
    this.cluster = cluster;
    this.faults = swarmOf(faultsFor(mode), cluster.world);
    cluster.onProgress = (host, effect) => this.progressed(host, effect);
  }

  /** Trouble every `everyMs` or so, from now on. A patient nemesis strikes once, and waits until all is well again. */
  start(everyMs: number, isPatient: boolean): void {
    const { world } = this.cluster;
    world.after(world.between(0, 2 * everyMs), 'fault', () => {
      if (this.isOver) return;
      if (!isPatient) this.act();
      else if (this.cluster.isWell())
        this.strike(
          world.pick(this.faults),
          this.aimed(world.pick(['primary', 'primary', 'decider', 'any'])),
        );
      this.start(everyMs, isPatient);
    });
  }

  /** Everything heals, and stays well. */
  end(): void {
    this.isOver = true;
    for (const mend of this.undo) mend();
    this.undo.clear();
    this.cluster.network.heal();
    for (const host of this.cluster.hosts.values()) {
      host.disk.faults.stalledUntilMs = 0;
      host.disk.faults.refuses = 'nothing';
      host.restorePower();
    }
    this.cluster.world.note('everything heals');
  }

  stage(): Stage {
    const state = this.cluster.newestState();
    const failover = state?.failover;
    if (!failover) return 'HEALTHY';
    if (failover.state === 'NO_SAFE_CANDIDATE' || failover.state === 'REJOIN') return failover.state;
    if (failover.state !== 'GRANT') return 'SEAL';
    const effect = this.cluster.lastEffect.get(failover.candidate ?? '') ?? '';
    return stageOfEffect[effect] ?? 'GRANT';
  }

  private act(): void {
    const { world, hosts } = this.cluster;
    const fault = world.pick(this.faults);
    const dice = world.random();
    if (dice < 0.45)
      this.trap = {
        stage: world.pick(stages),
        fault,
        aim: world.pick(['primary', 'candidate', 'decider', 'any']),
      };
    else if (dice < 0.6)
      this.crash = { host: world.pick([...hosts.keys()]), effectsLeft: Math.floor(world.between(1, 12)) };
    else this.strike(fault, this.aimed(world.pick(['primary', 'decider', 'any'])));
  }

  private progressed(host: SimulatedHost | null, effect: string): void {
    if (this.isOver) return;
    const { crash, trap } = this;
    if (crash && host?.name === crash.host) {
      crash.effectsLeft -= 1;
      if (crash.effectsLeft === 0) {
        this.crash = null;
        this.cluster.world.note(`${host.name}: the daemon dies at ${effect}`);
        this.count('dies at an effect');
        host.killDaemon();
      }
    }
    this.catchReturning();
    if (!trap || this.stage() !== trap.stage) return;
    this.trap = null;
    // Not in the middle of the very step that is looked at: the host goes on to its next wait first.
    this.cluster.world.after(this.cluster.world.between(0, 5), 'fault', () => {
      if (!this.isOver) this.strike(trap.fault, this.aimed(trap.aim));
    });
  }

  /**
   * A second failover at the worst moment: an old primary is back with WAL that left the history, and has not been
   * mended yet, when the new one dies.
   */
  private catchReturning(): void {
    const { world, hosts } = this.cluster;
    const primary = [...hosts.values()].find(({ server }) => server.role === 'primary');
    if (!primary || !world.chance(0.1)) return;
    const returning = [...hosts.values()].some(({ server, data }) => {
      const last = data.records.at(-1);
      return server.role === 'standby' && last !== undefined && !primary.data.holds(last);
    });
    if (!returning) return;
    world.after(world.between(0, 30), 'fault', () => {
      if (!this.isOver) this.strike(secondLoss, primary);
    });
  }

  private aimed(aim: Aim): SimulatedHost {
    const { world, hosts } = this.cluster;
    const all = [...hosts.values()];
    const state = this.cluster.newestState();
    const leads = (host: SimulatedHost) => host.coordinator?.report().raft?.role === 'leader';
    const found =
      aim === 'primary'
        ? hosts.get(state?.reign.primary ?? '')
        : aim === 'candidate'
          ? hosts.get(state?.failover?.candidate ?? state?.reign.primary ?? '')
          : aim === 'decider'
            ? all.find(leads)
            : undefined;
    return found ?? world.pick(all);
  }

  private strike(fault: Fault, host: SimulatedHost): void {
    const { world } = this.cluster;
    const forMs = world.between(...fault.lastsMs);
    world.note(
      `--- ${fault.name}: ${host.name}${forMs > 0 ? ` for ${Math.round(forMs)} ms` : ''} (${this.stage()})`,
    );
    this.count(fault.name);
    const mend = fault.strike(this.cluster, host, forMs);
    if (!mend) return;
    this.undo.add(mend);
    world.after(forMs, 'fault', () => {
      if (this.undo.delete(mend)) mend();
    });
  }

  private count(fault: string): void {
    const key = pairOf(this.stage(), fault);
    this.visited.set(key, (this.visited.get(key) ?? 0) + 1);
  }
}
