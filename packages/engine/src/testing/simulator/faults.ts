import type { SimulatedHost } from './host.ts';
import type { SimulatedCluster } from './simulated-cluster.ts';

/** One kind of trouble: what it does to a host, and how it ends. */
export interface Fault {
  name: string;
  /** Does its harm; the answer undoes it, where time alone does not. */
  strike(cluster: SimulatedCluster, host: SimulatedHost, forMs: number): (() => void) | undefined;
  /** How long it lasts at least and at most. */
  lastsMs: readonly [number, number];
}

const nothing = undefined;

function others(cluster: SimulatedCluster, host: SimulatedHost): string[] {
  return [...cluster.hosts.keys()].filter((name) => name !== host.name);
}

function cutAll(cluster: SimulatedCluster, links: readonly (readonly [string, string])[]): () => void {
  const mends = links.map(([from, to]) => cluster.network.cut(from, to));
  return () => {
    for (const mend of mends) mend();
  };
}

const processFaults: Fault[] = [
  { name: 'daemon killed', lastsMs: [0, 0], strike: (_, host) => void host.killDaemon() },
  { name: 'daemon replaced', lastsMs: [0, 0], strike: (_, host) => void host.replaceDaemon() },
  {
    // What it lives by then is the longer lease that was agreed on before.
    name: 'replaced, then cut off',
    lastsMs: [4000, 15_000],
    strike: (cluster, host) => {
      host.replaceDaemon();
      let mend: (() => void) | null = null;
      let isOver = false;
      cluster.world.after(cluster.world.between(100, 2000), 'fault', () => {
        const links = others(cluster, host).flatMap((name) => [
          [host.name, name] as const,
          [name, host.name] as const,
        ]);
        if (!isOver) mend = cutAll(cluster, links);
      });
      return () => {
        isOver = true;
        mend?.();
      };
    },
  },
  { name: 'reaper killed', lastsMs: [0, 0], strike: (_, host) => void host.killReaper() },
  {
    name: 'PostgreSQL killed',
    lastsMs: [0, 0],
    strike: (cluster, host) => void host.server.kill(cluster.world.between(0, 50)),
  },
  {
    name: 'power lost',
    lastsMs: [500, 8000],
    strike: (_, host) => {
      host.losePower();
      return () => host.restorePower();
    },
  },
  {
    // The disk of one node hangs while the others are far away, and then two of them are gone: what it had not flushed
    // is lost with them.
    name: 'two lose power at once',
    lastsMs: [3000, 9000],
    strike: (cluster, host) => {
      const { world, network } = cluster;
      const other = cluster.host(world.pick(others(cluster, host)));
      other.disk.faults.stalledUntilMs = world.nowMs + 600;
      const rest = others(cluster, host).filter((name) => name !== other.name);
      const mends = rest.map((name) => network.slow(host.name, name, 400));
      let isOver = false;
      world.after(500, 'fault', () => {
        if (isOver) return;
        for (const each of [host, other]) each.losePower();
        world.after(world.between(300, 2000), 'fault', () => other.restorePower());
      });
      return () => {
        isOver = true;
        for (const mend of mends) mend();
        host.restorePower();
      };
    },
  },
  {
    name: 'daemon stopped',
    lastsMs: [100, 9000],
    strike: ({ world }, host, forMs) => {
      host.main.hold(world.nowMs + forMs);
      host.raft.hold(world.nowMs + forMs);
      return nothing;
    },
  },
  {
    name: 'event loop blocked',
    lastsMs: [100, 9000],
    strike: ({ world }, host, forMs) => void host.main.hold(world.nowMs + forMs),
  },
  {
    name: 'PostgreSQL frozen',
    lastsMs: [100, 9000],
    strike: ({ world }, host, forMs) => {
      host.server.frozenUntilMs = Math.max(host.server.frozenUntilMs, world.nowMs + forMs);
      return nothing;
    },
  },
  { name: 'machine paused', lastsMs: [100, 9000], strike: (_, host, forMs) => void host.pause(forMs, false) },
];

const diskFaults: Fault[] = [
  {
    name: 'disk stalls',
    lastsMs: [100, 7000],
    strike: ({ world }, host, forMs) => {
      host.disk.faults.stalledUntilMs = world.nowMs + forMs;
      return nothing;
    },
  },
  ...(['full', 'read-only', 'sync-error'] as const).map(
    (refuses): Fault => ({
      name: `disk: ${refuses}`,
      lastsMs: [300, 5000],
      strike: (_, host) => {
        host.disk.faults.refuses = refuses;
        return () => {
          host.disk.faults.refuses = 'nothing';
        };
      },
    }),
  ),
];

const networkFaults: Fault[] = [
  {
    name: 'cut off',
    lastsMs: [300, 9000],
    strike: (cluster, host) =>
      cutAll(
        cluster,
        others(cluster, host).flatMap((name) => [[host.name, name] as const, [name, host.name] as const]),
      ),
  },
  {
    name: 'hears nobody',
    lastsMs: [300, 9000],
    strike: (cluster, host) =>
      cutAll(
        cluster,
        others(cluster, host).map((name) => [name, host.name] as const),
      ),
  },
  {
    name: 'is heard by nobody',
    lastsMs: [300, 9000],
    strike: (cluster, host) =>
      cutAll(
        cluster,
        others(cluster, host).map((name) => [host.name, name] as const),
      ),
  },
  {
    name: 'pair apart',
    lastsMs: [300, 9000],
    strike: (cluster, host) => {
      const other = cluster.world.pick(others(cluster, host));
      return cutAll(cluster, [
        [host.name, other],
        [other, host.name],
      ]);
    },
  },
  {
    name: 'one way',
    lastsMs: [300, 9000],
    strike: (cluster, host) => cutAll(cluster, [[host.name, cluster.world.pick(others(cluster, host))]]),
  },
  {
    name: 'everybody alone',
    lastsMs: [300, 6000],
    strike: (cluster) => {
      const names = [...cluster.hosts.keys()];
      return cutAll(
        cluster,
        names.flatMap((from) => names.map((to) => [from, to] as const)),
      );
    },
  },
  {
    name: 'answered late, then unheard',
    lastsMs: [2500, 9000],
    strike: (cluster, host) => {
      const { world, network } = cluster;
      const names = others(cluster, host);
      const extraMs = world.between(100, 450);
      const mends = names.map((name) => network.slow(name, host.name, extraMs));
      let isOver = false;
      world.after(world.between(500, 2000), 'fault', () => {
        if (isOver) return;
        const links = names.map((name) => [host.name, name] as const);
        mends.push(cutAll(cluster, links));
      });
      return () => {
        isOver = true;
        for (const mend of mends) mend();
      };
    },
  },
  {
    name: 'flapping',
    lastsMs: [1000, 6000],
    strike: (cluster, host, forMs) => {
      const { world } = cluster;
      const endMs = world.nowMs + forMs;
      const flap = () => {
        if (world.nowMs >= endMs) return;
        const mend = cutAll(
          cluster,
          others(cluster, host).flatMap((name) => [[host.name, name] as const, [name, host.name] as const]),
        );
        world.after(world.between(20, 400), 'fault', () => {
          mend();
          world.after(world.between(20, 400), 'fault', flap);
        });
      };
      flap();
      return nothing;
    },
  },
  {
    name: 'bad links',
    lastsMs: [500, 8000],
    strike: ({ network, world }) => {
      const delayMaxMs = world.pick([5, 50, 300, 1500]);
      network.quality = {
        delayMinMs: 0.1,
        delayMaxMs,
        lossRate: world.pick([0, 0.05, 0.3]),
        duplicateRate: 0.1,
      };
      return () => {
        network.quality = { delayMinMs: 0.1, delayMaxMs: 2, lossRate: 0, duplicateRate: 0 };
      };
    },
  },
];

const clockFaults: Fault[] = [
  {
    name: 'wall clock jumps',
    lastsMs: [0, 0],
    strike: ({ world }, host) => {
      host.clock.wallOffsetMs += world.between(-3_600_000, 3_600_000);
      return nothing;
    },
  },
];

/** A pause that the machine's own monotonic clock does not see: only `quorum` durability survives it (design: lease). */
const hiddenPause: Fault = {
  name: 'machine paused, clock too',
  lastsMs: [100, 9000],
  strike: (_, host, forMs) => void host.pause(forMs, true),
};

/** The host of a new primary is lost too. */
export const secondLoss: Fault = {
  name: 'second loss',
  lastsMs: [2000, 9000],
  strike: (_, host) => {
    host.losePower();
    return () => host.restorePower();
  },
};

/** By name, every kind of trouble that there is. */
export const faultNames = [
  ...processFaults,
  ...diskFaults,
  ...networkFaults,
  ...clockFaults,
  hiddenPause,
].map((fault) => fault.name);

/** Every kind of trouble that a cluster of this durability has to stand. */
export function faultsFor(mode: 'async' | 'quorum' | 'all'): Fault[] {
  const all = [...processFaults, ...diskFaults, ...networkFaults, ...clockFaults];
  return mode === 'async' ? all : [...all, hiddenPause];
}
