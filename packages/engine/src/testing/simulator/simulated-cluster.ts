import type { Coordinator } from '../../cluster/coordinator.ts';
import { encodeState } from '../../cluster/state.ts';
import type { ClusterState, DurabilityMode, Member } from '../../contract/cluster-state.ts';
import { type FailoverTiming, timingOf } from '../../failover/timing.ts';
import { RaftStorage } from '../../raft/storage.ts';
import { targetSyncSet } from '../../replication/quorum.ts';
import { demoMember, demoState } from '../demo-state.ts';
import { Auditor } from './auditor.ts';
import { LogClient, Writer } from './clients.ts';
import { firstLsn, lsnText } from './data-directory.ts';
import { SimulatedHost, type Surroundings } from './host.ts';
import { Network } from './network.ts';
import { Person } from './person.ts';
import type { World } from './world.ts';

export interface ClusterOptions {
  dataNodes: number;
  mode: DurabilityMode;
  strictness: 'strict' | 'available';
  /** How much a host's clock may run faster or slower than true time, as a fraction. */
  drift: number;
  writerPauseMs: number;
}

/** A deliberate bug, put in by wrapping what it concerns; production code stays as it is. */
export interface Bug {
  /** The durability it shows in; any, when it is not said. */
  mode?: DurabilityMode;
  /** When a daemon has been put together. */
  daemon?(host: SimulatedHost, coordinator: Coordinator): void;
  /** When the cluster has been put together. */
  cluster?(cluster: SimulatedCluster): void;
  /** What a Raft thread sends. */
  outgoing?: Surroundings['outgoing'];
  told?: Surroundings['told'];
}

/** A thread waits for its disk for less than this, unless it is stopped. */
const busyMs = 20;

/** A whole cluster in virtual time: the production daemons, on modelled machines, disks, links and PostgreSQL. */
export class SimulatedCluster {
  readonly world: World;
  readonly network: Network;
  readonly hosts = new Map<string, SimulatedHost>();
  readonly auditor: Auditor;
  readonly log: LogClient;
  readonly person: Person;
  readonly timing: FailoverTiming = timingOf('lan');
  /** The last call of each agent to its PostgreSQL. */
  readonly lastEffect = new Map<string, string>();
  /** Told when something has moved on, so that faults can be aimed. */
  onProgress: (host: SimulatedHost | null, effect: string) => void = () => undefined;
  private readonly writers: Writer[] = [];
  private values = 0;

  constructor(world: World, options: ClusterOptions, bug: Bug = {}) {
    this.world = world;
    this.network = new Network(world);
    this.person = new Person(world, this.hosts);
    const { hosts } = this;
    const promises = { mode: options.mode, leaseMs: this.timing.leaseMs };
    this.auditor = new Auditor(world, promises, () => [...hosts.values()]);
    const ports: Surroundings['ports'] = new Map();
    const state = firstState(options);
    const names = Object.keys(state.members);
    this.log = new LogClient({ world, auditor: this.auditor, ports, hosts: names });
    const around: Surroundings = {
      ...{ world, network: this.network, hosts, sinks: new Map(), ports },
      ...{ timing: this.timing, observer: this.auditor },
      outgoing: (host, frame) => (bug.outgoing ? bug.outgoing(host, frame) : frame),
      told: (host, message) => {
        this.auditor.told(host, message);
        if (message.type === 'committed') {
          this.log.committed(host, message.upTo);
          this.lookAtReign();
          this.onProgress(null, 'committed');
        }
        if (message.type === 'answer' && this.log.answered(message.id, message.answer)) return null;
        return bug.told ? bug.told(host, message) : message;
      },
      onEffect: (host, effect) => {
        this.lastEffect.set(host.name, effect);
        this.lookAtReign();
        this.onProgress(host, effect);
      },
      prepare: (host, coordinator) => bug.daemon?.(host, coordinator),
    };
    for (const member of Object.values(state.members)) {
      const host = new SimulatedHost(member, around, 1 + world.between(-options.drift, options.drift));
      install(host, state);
      hosts.set(member.name, host);
    }
    bug.cluster?.(this);
    const nextValue = () => {
      this.values += 1;
      return this.values;
    };
    for (const host of hosts.values())
      this.writers.push(
        new Writer({ world, network: this.network, host, pauseMs: options.writerPauseMs, nextValue }),
      );
    for (const writer of this.writers) writer.start();
    this.log.start(150);
  }

  private lookAtReign(): void {
    const reign = this.newestState()?.reign;
    if (reign) this.auditor.reigns(reign.epoch, reign.primary);
  }

  /** Power on, everywhere. */
  start(): void {
    for (const host of this.hosts.values()) host.startDaemon();
  }

  /** Nobody writes any more. */
  stopWriters(): void {
    for (const writer of this.writers) writer.stop();
  }

  host(name: string): SimulatedHost {
    const host = this.hosts.get(name);
    if (!host) throw new Error(`there is no host ${name}`);
    return host;
  }

  /** The newest ClusterState that any living daemon has applied. */
  newestState(): ClusterState | null {
    let newest: ClusterState | null = null;
    for (const host of this.hosts.values()) {
      const state = host.coordinator?.state() ?? null;
      if (state && (!newest || state.revision > newest.revision)) newest = state;
    }
    return newest;
  }

  /** Waits for standbys that clients gave up. */
  get cancelledWaits(): number {
    return this.writers.reduce((sum, writer) => sum + writer.cancelled, 0);
  }

  /** Everything works as it should: a recorded primary, everybody streams from it, writes are acknowledged, nothing hangs. */
  isWell(): boolean {
    const state = this.newestState();
    if (
      !state ||
      state.failover ||
      state.operation ||
      this.world.nowMs - this.auditor.lastAcknowledgedMs > 500
    )
      return false;
    for (const host of this.hosts.values()) {
      const { server, name } = host;
      if (server.isFrozen || host.main.heldForMs() > busyMs || host.raft.heldForMs() > busyMs) return false;
      const isPrimary = state.reign.primary === name;
      if (isPrimary ? server.role !== 'primary' : server.receiver?.upstream !== state.reign.primary)
        return false;
      if (!isPrimary && server.receiver?.status !== 'streaming') return false;
    }
    return true;
  }
}

function firstState({ dataNodes, mode, strictness }: ClusterOptions): ClusterState {
  const numbers = Array.from({ length: dataNodes }, (_, position) => position + 1);
  const members = Object.fromEntries(
    numbers.map((number): [string, Member] => [`node-${number}`, { ...demoMember(number) }]),
  );
  const standbys = Object.keys(members).filter((name) => name !== 'node-1');
  return {
    ...demoState(),
    members,
    nextRaftId: dataNodes + 1,
    reign: { epoch: 1, primary: 'node-1', timeline: 2 },
    timelines: [
      { id: 1, parentId: null, forkLsn: null, epoch: 1, status: 'recorded' },
      { id: 2, parentId: 1, forkLsn: lsnText(firstLsn), epoch: 1, status: 'recorded' },
    ],
    syncSet: targetSyncSet(standbys, Math.floor(dataNodes / 2)),
    durability: { mode, strictness, syncTimeoutMs: 2000 },
  };
}

/** What a host of a standing cluster has on its disk. */
function install(host: SimulatedHost, state: ClusterState): void {
  const { member, disk, data } = host;
  const { clusterId, name: clusterName } = state;
  const { raftId } = member;
  disk.put('member.json', JSON.stringify({ version: 1, clusterId, clusterName, raftId }));
  const peers = Object.values(state.members).map((each) => ({
    ...{ id: each.raftId, name: each.name, ...each.addresses.raft },
    role: 'voter' as const,
  }));
  const where = { disk: disk.raft, directory: '/state/raft', clusterId, raftId, founder: null };
  const storage = RaftStorage.open(where);
  const snapshot = { index: 1, term: 1, configuration: peers, data: encodeState(state) };
  storage.restore(snapshot, { term: 1, vote: 0, commit: 1 });
  storage.close();
  data.isInitialised = true;
  data.systemIdentifier = state.systemIdentifier ?? '';
  data.switchTo({ timeline: 2, parentId: 1, forkLsn: firstLsn });
}
