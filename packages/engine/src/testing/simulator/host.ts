import { Coordinator } from '../../cluster/coordinator.ts';
import { peerMethods } from '../../cluster/peer-protocol.ts';
import type { Member, SealVote } from '../../contract/cluster-state.ts';
import { SealStore } from '../../failover/seal-store.ts';
import type { FailoverTiming } from '../../failover/timing.ts';
import type { PayloadFrame } from '../../raft/frames.ts';
import type { FromWorker, ToWorker } from '../../raft/worker-protocol.ts';
import { sleep } from '../../shared/clock.ts';
import { messageOf, QuantaError } from '../../shared/errors.ts';
import type { Logger } from '../../shared/logger.ts';
import { DataDirectory } from './data-directory.ts';
import { HostDisk } from './disk.ts';
import { ModelDatabase } from './model-database.ts';
import { ModelReaper } from './model-reaper.ts';
import type { Network } from './network.ts';
import { PostgresServer, type ServerObserver } from './postgres-server.ts';
import { type FrameSink, simulatedRaft } from './raft-channel.ts';
import { HostClock, Thread } from './thread.ts';
import type { World } from './world.ts';

/** Watches hosts and their servers from outside. */
export interface HostObserver extends ServerObserver {
  /** A daemon ends: so much it had promised. */
  promised(host: string, epoch: number): void;
  /** A daemon begins: so much of it has survived. */
  remembers(host: string, epoch: number): void;
  /** The reaper is told until when PostgreSQL may run, by the clock of the host. */
  armed(host: string, deadlineMs: number): void;
  /** A host gives its word in an election. */
  votes(host: string, epoch: number, vote: SealVote): void;
}

/** What the hosts of one world share. */
export interface Surroundings {
  world: World;
  network: Network;
  hosts: Map<string, SimulatedHost>;
  sinks: Map<string, { thread: Thread; arrive: FrameSink }>;
  timing: FailoverTiming;
  observer: HostObserver;
  outgoing(host: string, frame: PayloadFrame): PayloadFrame | null;
  told(host: string, message: FromWorker): FromWorker | null;
  ports: Map<string, (message: ToWorker) => void>;
  /** Told before a call of the agent to PostgreSQL, and before a small file is written. */
  onEffect(host: SimulatedHost, effect: string): void;
  /** A daemon has been put together and not begun: planted bugs go in here. */
  prepare(host: SimulatedHost, coordinator: Coordinator): void;
}

const restartMinMs = 200;
const restartMaxMs = 3000;
/** A daemon that does not end by then is killed. */
const replaceMs = 10_000;

/** One machine: its disk, its clocks, and the processes on it. Everything but disk and data dies with the power. */
export class SimulatedHost {
  readonly member: Member;
  readonly clock: HostClock;
  readonly disk: HostDisk;
  readonly data = new DataDirectory();
  readonly server: PostgresServer;
  main: Thread;
  raft: Thread;
  coordinator: Coordinator | null = null;
  database: ModelDatabase | null = null;
  reaper: ModelReaper;
  hasPower = true;
  private reaperThread: Thread;
  private readonly around: Surroundings;
  private starting = false;
  private seal: SealStore | null = null;
  private ids = 0;

  constructor(member: Member, around: Surroundings, clockRate: number) {
    const { world, network, observer, hosts } = around;
    this.member = member;
    this.around = around;
    this.clock = new HostClock(world, clockRate);
    this.disk = new HostDisk(world);
    const serverOf = (name: string) => hosts.get(name)?.server;
    const told: ServerObserver = {
      ...observer,
      acknowledged: (...args) => observer.acknowledged(...args),
      promoted: (server) => observer.promoted(server),
      roleChanged: (server) => this.roleChanged(server),
      acknowledgesWal: (...args) => observer.acknowledgesWal(...args),
    };
    const { disk, data } = this;
    this.server = new PostgresServer({
      name: member.name,
      world,
      network,
      disk,
      data,
      observer: told,
      serverOf,
    });
    this.main = new Thread(world, this.clock);
    this.raft = new Thread(world, this.clock);
    this.reaperThread = new Thread(world, this.clock);
    this.reaper = this.newReaper();
  }

  get name(): string {
    return this.member.name;
  }

  get timing(): FailoverTiming {
    return this.around.timing;
  }

  /** The daemon begins, on whatever it finds: its log, its promises, a PostgreSQL that still runs. */
  startDaemon(): void {
    if (this.coordinator || this.starting || !this.hasPower) return;
    this.starting = true;
    this.main = new Thread(this.around.world, this.clock);
    this.raft = new Thread(this.around.world, this.clock);
    const { main } = this;
    this.open(main).catch((error: unknown) => {
      if (main.isDead) return;
      this.around.world.note(`${this.name}: the daemon does not start: ${messageOf(error)}`);
      this.killDaemon();
    });
  }

  private async open(main: Thread): Promise<void> {
    const { world, network, sinks, timing } = this.around;
    const effect = (name: string) => this.around.onEffect(this, name);
    const { disk, raft, name, member } = this;
    const wait = (delayMs: number) => sleep(main, delayMs);
    const plain = disk.files(wait);
    const files: typeof plain = {
      ...plain,
      write: async (file, text) => {
        effect(`write ${file}`);
        await plain.write(file, text);
        effect(`wrote ${file}`);
      },
    };
    const seal = await SealStore.open(files);
    this.around.observer.remembers(name, seal.epoch());
    this.seal = seal;
    const { server } = this;
    const serverOf = (other: string) => this.around.hosts.get(other)?.server;
    const disarm = () => this.reaper.disarm();
    this.database = new ModelDatabase({ world, thread: main, server, serverOf, disarm, onCall: effect });
    const channel = { world, network, disk, host: name, main, raft, sinks };
    const { outgoing, told, ports } = this.around;
    const coordinator = new Coordinator({
      self: { name, kind: member.kind, addresses: member.addresses, version: 'simulated' },
      ...{ directory: '/state', listenHost: '', tls: { ca: '', cert: '', key: '' }, dataDir: '/data' },
      ...{ timing, seal, files, clock: main, database: this.database },
      newId: () => this.newId(),
      spawnRaft: simulatedRaft({ ...channel, outgoing, told, ports }),
      caller: {
        call: (peer, method, body, deadlineMs) => this.callPeer(peer.name, { method, body, deadlineMs }),
      },
      arm: async (deadlineMs) => {
        await sleep(main, world.between(0.1, 1));
        this.around.observer.armed(name, deadlineMs);
        return this.reaper.arm(deadlineMs);
      },
      pids: () => ({ daemon: 1, reaper: 1, postgres: this.database?.pid() ?? null, routers: [] }),
      logger: this.logger(),
      onFatal: (error) => this.fatal(error),
    });
    this.around.prepare(this, coordinator);
    await coordinator.open();
    this.coordinator = coordinator;
    this.starting = false;
  }

  /** SIGKILL of the daemon; its supervisor starts it again after a while. */
  killDaemon(): void {
    this.main.kill();
    this.raft.kill();
    this.around.sinks.delete(this.name);
    this.around.ports.delete(this.name);
    this.coordinator = null;
    this.database = null;
    this.starting = false;
    const { world, observer } = this.around;
    if (this.seal) observer.promised(this.name, this.seal.epoch());
    this.seal = null;
    if (!this.hasPower) return;
    world.after(world.between(restartMinMs, restartMaxMs), 'timer', () => this.startDaemon());
  }

  /** The daemon is told to end and PostgreSQL to go on, as by an upgrade; its supervisor starts it again. */
  replaceDaemon(): void {
    const { coordinator, main } = this;
    if (!coordinator) return;
    const end = () => {
      if (main === this.main && !main.isDead) this.killDaemon();
    };
    main.run(() => void coordinator.shutdown({ postgres: 'leave' }).then(end, end));
    main.after(replaceMs, end);
  }

  losePower(): void {
    if (!this.hasPower) return;
    this.hasPower = false;
    this.reaperThread.kill();
    this.killDaemon();
    this.server.end();
    this.data.losePower(this.around.world);
    this.disk.losePower();
  }

  restorePower(): void {
    if (this.hasPower) return;
    this.hasPower = true;
    this.disk.faults.stalledUntilMs = 0;
    this.newReaperProcess();
    this.startDaemon();
  }

  /** PostgreSQL dies with its reaper, and the daemon gives up: its supervisor starts both anew. */
  killReaper(): void {
    this.reaperThread.kill();
    this.server.end();
    this.newReaperProcess();
    this.killDaemon();
  }

  /** SIGSTOP of everything on the host, as a hypervisor does it. @param isHidden the monotonic clock stands still too */
  pause(pauseMs: number, isHidden: boolean): void {
    const untilMs = this.around.world.nowMs + pauseMs;
    for (const thread of [this.main, this.raft, this.reaperThread]) thread.hold(untilMs);
    this.server.frozenUntilMs = Math.max(this.server.frozenUntilMs, untilMs);
    if (isHidden) this.clock.hide(pauseMs);
  }

  /** In a line, for a trace. */
  describe(): string {
    const { server, data, coordinator } = this;
    const receiver = server.receiver
      ? `${server.receiver.status} from ${server.receiver.upstream}`
      : 'no receiver';
    const doing = coordinator?.report();
    const daemon = doing
      ? `${doing.state} ${doing.detail}, epoch ${doing.epoch} sealed ${doing.sealedEpoch}`
      : 'no daemon';
    return `${this.name}: ${server.role}, ${receiver}, ${data.timeline}/${data.endLsn.toString(16)}; ${daemon}`;
  }

  private newReaper(): ModelReaper {
    const { world, timing } = this.around;
    return new ModelReaper({
      world,
      thread: this.reaperThread,
      server: this.server,
      killAheadMs: timing.killAheadMs,
    });
  }

  private newReaperProcess(): void {
    const { isAsleep } = this.reaper;
    this.reaperThread = new Thread(this.around.world, this.clock);
    this.reaper = this.newReaper();
    this.reaper.isAsleep = isAsleep;
  }

  private newId(): string {
    this.ids += 1;
    return `${this.name}/${this.ids}`;
  }

  private roleChanged(server: PostgresServer): void {
    this.around.observer.roleChanged(server);
    if (server.role !== 'down') return;
    const { main } = this;
    main.deliver(this.around.world.between(0.5, 10), 'delivery', () => {
      if (server.role !== 'down' || main !== this.main) return;
      this.database?.ended();
      this.coordinator?.postgresEnded();
    });
  }

  private fatal(error: Error): void {
    this.around.world.note(`${this.name}: fatal: ${error.message}`);
    this.reaper.kill(`fatal: ${error.message}`);
    this.killDaemon();
  }

  /** An HTTPS call: refused at once when nobody listens, unanswered when the network or the other daemon is away. */
  private sawVote(peer: SimulatedHost, election: unknown, vote: unknown): void {
    const { epoch } = peerMethods.seal.input.parse(election);
    this.around.observer.votes(peer.name, epoch, peerMethods.seal.output.parse(vote));
  }

  private callPeer(
    to: string,
    request: { method: string; body: unknown; deadlineMs: number },
  ): Promise<unknown> {
    const { network, hosts } = this.around;
    const { main, name } = this;
    return new Promise((resolve, reject) => {
      const cancel = main.after(request.deadlineMs, () =>
        reject(new QuantaError('DEADLINE_EXCEEDED', `${to} did not answer ${request.method} in time`)),
      );
      const comeBack = (settle: () => void) =>
        reliably(network, { from: to, to: name }, () =>
          main.run(() => {
            cancel();
            settle();
          }),
        );
      reliably(network, { from: name, to }, () => {
        const peer = hosts.get(to);
        if (!peer?.hasPower) return;
        const { coordinator, main: theirs } = peer;
        if (!coordinator || theirs.isDead) {
          comeBack(() => reject(new QuantaError('PEER_UNREACHABLE', `${to} refuses the connection`)));
          return;
        }
        theirs.run(() => {
          coordinator.peerCall(name, request.method, structuredClone(request.body)).then(
            (answer) => {
              if (request.method === 'seal') this.sawVote(peer, request.body, answer);
              if (!theirs.isDead) comeBack(() => resolve(structuredClone(answer)));
            },
            (error: unknown) => {
              const text = messageOf(error);
              if (!theirs.isDead) comeBack(() => reject(new QuantaError('REFUSED', text)));
            },
          );
        });
      });
    });
  }

  private logger(): Logger {
    const log = (level: string) => (fields: object, message: string) =>
      this.around.world.note(`${this.name}: ${level} ${message} ${JSON.stringify(fields)}`);
    return { debug: () => undefined, info: log('info'), warn: log('warn'), error: log('error') };
  }
}

/** Calls travel over connections: what is lost is sent again, what is cut never arrives. */
function reliably(network: Network, link: { from: string; to: string }, arrive: () => void): void {
  const { from, to } = link;
  const { world } = network;
  const isLost = from !== to && world.chance(network.quality.lossRate);
  world.after(network.delayMs(from, to) + (isLost ? 200 : 0), 'delivery', () => {
    if (!network.isCut(from, to)) arrive();
  });
}
