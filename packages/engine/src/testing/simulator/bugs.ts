import type { Coordinator } from '../../cluster/coordinator.ts';
import type { WalPosition } from '../../contract/cluster-state.ts';
import type { FailoverManager } from '../../failover/failover-manager.ts';
import { compareLsn, formatLsn, parseLsn } from '../../postgres/lsn.ts';
import type { SynchronousOrder } from '../../replication/synchronous.ts';
import type { SimulatedHost } from './host.ts';
import type { ModelDatabase } from './model-database.ts';
import type { Bug, SimulatedCluster } from './simulated-cluster.ts';

/** The insides of the decider that a planted bug changes. */
interface FailoverInsides {
  options: { comparePositions(left: WalPosition, right: WalPosition): number };
  waitOutLease(): Promise<void>;
  leaseMs(): number;
  judge(round: { state: { syncSet: object } }): unknown;
}

function failoversOf(coordinator: Coordinator): FailoverInsides {
  const { decider } = coordinator as unknown as { decider: { failovers: FailoverManager } };
  return decider.failovers as unknown as FailoverInsides;
}

function onEveryHost(change: (host: SimulatedHost) => void): Bug {
  return {
    cluster: (cluster: SimulatedCluster) => {
      for (const host of cluster.hosts.values()) change(host);
    },
  };
}

function onEveryDatabase(change: (database: ModelDatabase, host: SimulatedHost) => void): Bug {
  return {
    daemon: (host) => {
      if (host.database) change(host.database, host);
    },
  };
}

/** A WAL segment of the model: what a rounded position is rounded to. */
const segmentBytes = 4096n;

/**
 * Deliberate bugs, each of which the simulator must catch: the proof that it can. They wrap what they concern; production
 * code stays as it is.
 */
export const bugs: Record<string, () => Bug> = {
  'skip-fsync': () =>
    onEveryHost((host) => {
      host.disk.lies = true;
    }),
  'vote-twice': () => ({
    outgoing: (_host, frame) => {
      if (frame.kind !== 'raft') return frame;
      if (frame.message.type !== 'vote_reply' && frame.message.type !== 'pre_vote_reply') return frame;
      return { ...frame, message: { ...frame.message, granted: true } };
    },
  }),
  'lease-from-receipt': () => {
    let cluster: SimulatedCluster | null = null;
    return {
      mode: 'async',
      cluster: (made) => {
        cluster = made;
      },
      told: (host, message) => {
        if (message.type !== 'answer' || !('sentAtMs' in message.answer) || !cluster) return message;
        const sentAtMs = cluster.host(host).clock.monotonicMs();
        return { ...message, answer: { ...message.answer, sentAtMs } };
      },
    };
  },
  'no-sealing': () =>
    onEveryDatabase((database, host) => {
      database.seal = async () => ({ ok: true, position: host.data.position() });
    }),
  'seal-without-waiting': () =>
    onEveryDatabase((database, host) => {
      database.seal = async () => {
        host.server.setUpstream(null);
        return { ok: true, position: host.data.position() };
      };
    }),
  'compare-across-timelines': () => ({
    daemon: (_host, coordinator) => {
      failoversOf(coordinator).options.comparePositions = (left, right) => compareLsn(left.lsn, right.lsn);
    },
  }),
  'grant-without-waiting': () => ({
    mode: 'async',
    daemon: (_host, coordinator) => {
      failoversOf(coordinator).waitOutLease = async () => undefined;
    },
  }),
  'longer-lease-forgotten': () => ({
    mode: 'async',
    daemon: (host, coordinator) => {
      failoversOf(coordinator).leaseMs = () => host.timing.leaseMs;
    },
  }),
  'reaper-sleeps': () => ({
    mode: 'async',
    ...onEveryHost((host) => {
      host.reaper.isAsleep = true;
    }),
  }),
  'promise-not-kept': () =>
    onEveryHost((host) => {
      host.disk.forgets.add('seal.json');
    }),
  'acknowledge-before-flush': () =>
    onEveryHost((host) => {
      host.server.acknowledgesUnflushed = true;
    }),
  'writes-before-sync-set': () =>
    onEveryDatabase((database) => {
      const apply = database.applySynchronous.bind(database);
      database.applySynchronous = (order) => apply({ ...order, set: { count: 0, standbys: [] } });
    }),
  'sync-set-unconfirmed': () =>
    onEveryDatabase((database) => {
      database.confirmSynchronous = async () => ({ ok: true });
      const apply = database.applySynchronous.bind(database);
      // Only a takeover tells PostgreSQL; the moves of a standing set never reach it.
      let isTold = false;
      database.applySynchronous = async (order) => {
        if (!isTold) await apply(order);
        isTold = true;
      };
    }),
  'standbys-before-electors': () => {
    let names: string[] = [];
    return {
      cluster: (cluster) => {
        names = [...cluster.hosts.keys()];
      },
      ...onEveryDatabase((database, host) => {
        // PostgreSQL counts a standby at once that the votes do not know yet, or no longer.
        const wrong = <Order extends SynchronousOrder>(order: Order): Order => {
          const standbys = names.filter((name) => name !== host.name);
          return order.set.count === 0 ? order : { ...order, set: { ...order.set, standbys } };
        };
        const apply = database.applySynchronous.bind(database);
        const confirm = database.confirmSynchronous.bind(database);
        database.applySynchronous = (order) => apply(wrong(order));
        database.confirmSynchronous = (order) => confirm(wrong(order));
      }),
    };
  },
  'own-timeline': () =>
    onEveryDatabase((database, host) => {
      const promote = database.promote.bind(database);
      database.promote = (options) => promote({ ...options, timeline: host.data.timeline + 1 });
    }),
  'rounded-position': () =>
    onEveryDatabase((database) => {
      const seal = database.seal.bind(database);
      database.seal = async () => {
        const sealed = await seal();
        if (!sealed.ok) return sealed;
        const lsn = parseLsn(sealed.position.lsn);
        return { ok: true, position: { ...sealed.position, lsn: formatLsn(lsn - (lsn % segmentBytes)) } };
      };
    }),
  'elect-without-votes': () => ({
    daemon: (_host, coordinator) => {
      const failovers = failoversOf(coordinator);
      const judge = failovers.judge.bind(failovers);
      failovers.judge = (round) =>
        judge({ ...round, state: { ...round.state, syncSet: { ...round.state.syncSet, votes: 0 } } });
    },
  }),
  'restart-as-primary': () => ({
    mode: 'async',
    ...onEveryDatabase((database, host) => {
      const start = database.startStandby.bind(database);
      database.startStandby = async (options) => {
        const wasPrimary = host.server.wasPrimary;
        await start(options);
        if (!wasPrimary || host.server.role !== 'standby') return;
        host.server.role = 'primary';
        host.server.clients = 'open';
      };
    }),
  }),
};

/** A seed from 1 to 300 that catches the bug, to look at first; another one does as well. */
export const catchingSeed: Record<string, number> = {
  'skip-fsync': 1,
  'vote-twice': 7,
  'lease-from-receipt': 1,
  'no-sealing': 7,
  'seal-without-waiting': 3,
  'compare-across-timelines': 112,
  'grant-without-waiting': 1,
  'reaper-sleeps': 1,
  'longer-lease-forgotten': 19,
  'promise-not-kept': 1,
  'acknowledge-before-flush': 88,
  'writes-before-sync-set': 3,
  'sync-set-unconfirmed': 3,
  'own-timeline': 3,
  'rounded-position': 12,
  'elect-without-votes': 11,
  'restart-as-primary': 1,
  'standbys-before-electors': 18,
};
