import type { BackupHost } from '../backup/backup-host.ts';
import { backupOverview } from '../backup/overview.ts';
import type { BackupOverview } from '../contract/backup-view.ts';
import type { Addresses, ClusterEvent, ClusterState, Operation } from '../contract/cluster-state.ts';
import type { DaemonFacade } from '../contract/daemon-facade.ts';
import type { NodeReport } from '../contract/node-report.ts';
import type { OperationPlan, OperationRequest, OperationStart } from '../contract/operations.ts';
import type { ClusterStatus, HostStatus } from '../contract/status.ts';
import { LeaseKeeper } from '../failover/lease-keeper.ts';
import type { SealStore } from '../failover/seal-store.ts';
import type { FailoverTiming } from '../failover/timing.ts';
import type { Adopter } from '../postgres/adopt/adopter.ts';
import type { SpawnRaft } from '../raft/driver.ts';
import { type Cancel, type Clock, systemClock } from '../shared/clock.ts';
import { messageOf } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import { type NewId, systemNewId } from '../shared/random.ts';
import { RecentExtreme } from '../shared/recent-extreme.ts';
import { type StateDirectory, stateDirectory } from '../shared/state-directory.ts';
import { Commander } from './commander.ts';
import { ConfirmedWal } from './confirmed-wal.ts';
import { Contacts } from './contacts.ts';
import type { Database } from './database.ts';
import { Decider } from './decider.ts';
import type { HostTools } from './host-tools.ts';
import { joinCluster } from './joining.ts';
import { LastPosition } from './last-position.ts';
import { forgetCluster, leaveAlone, leaveCluster } from './leaving.ts';
import { memberByRaftId } from './membership.ts';
import { NodeAgent } from './node-agent.ts';
import { peerHandlers } from './peer-handlers.ts';
import {
  dispatchPeerCall,
  type PeerCaller,
  type PeerHandlers,
  type PeerInput,
  Peers,
} from './peer-protocol.ts';
import { provenEpoch } from './proven-epoch.ts';
import { RaftGroup } from './raft-group.ts';
import { buildReport } from './report.ts';
import { RestartLease } from './restart-lease.ts';
import { RestoreDesk } from './restore-desk.ts';
import { settingsOverview } from './settings-overview.ts';
import { Standing } from './standing.ts';

export interface CoordinatorOptions {
  self: { name: string; kind: NodeReport['kind']; addresses: Addresses; version: string };
  /** The host's state directory. */
  directory: string;
  listenHost: string;
  tls: { ca: string; cert: string; key: string };
  /** Until when the host's certificate is good; null where there is none. */
  certificateUntilMs?(): number | null;
  timing: FailoverTiming;
  caller: PeerCaller;
  database: Database;
  adopter?: Adopter;
  tools?: HostTools;
  isSupervised?: boolean;
  dataDir: string;
  seal: SealStore;
  arm(deadlineMs: number): Promise<boolean>;
  pids(): NodeReport['pids'];
  beside?(): Pick<NodeReport, 'router' | 'troubles'>;
  logger: Logger;
  clock?: Clock;
  newId?: NewId;
  /** This host's part in backups; none on a router. */
  backups?: BackupHost;
  /** @param isReplayed whether it is no older than the one that this host knew before it started */
  onState?(state: ClusterState | null, isReplayed: boolean): void;
  /** How the Raft thread is made, and where this host's small durable files are; the simulator has its own. */
  spawnRaft?: SpawnRaft;
  files?: StateDirectory;
  /** A broken invariant or a storage failure: fence and stop, don't guess. */
  onFatal(error: Error): void;
}

const tickMs = 50;
const noteDeadlineMs = 5000;

/** One host's engine, wired: consensus, the agent of its PostgreSQL, and the decider's duties for when it leads. */
export class Coordinator implements DaemonFacade {
  private readonly options: CoordinatorOptions;
  private readonly clock: Clock;
  private readonly group: RaftGroup;
  private readonly peers: Peers;
  readonly restores: RestoreDesk;
  private readonly commander: Commander;
  private readonly lease: LeaseKeeper;
  private readonly agent: NodeAgent;
  private readonly decider: Decider;
  private readonly handlers: PeerHandlers;
  private readonly confirmed: ConfirmedWal;
  private readonly contacts: Contacts;
  private readonly restartLease: RestartLease;
  private readonly lastPosition: LastPosition;
  private readonly standing = new Standing();
  private readonly loopDelayMs = new RecentExtreme('max');
  private tickDueMs = 0;
  private stopTimer: Cancel = () => undefined;
  private seen = { revision: 0, isReplayed: false };
  private readonly startedAtMs: number;

  constructor(options: CoordinatorOptions) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
    this.startedAtMs = this.clock.monotonicMs();
    const { self, timing, logger, database, dataDir } = options;
    const { clock } = this;
    const newId = options.newId ?? systemNewId;
    const files = options.files ?? stateDirectory(options.directory);
    this.confirmed = new ConfirmedWal({ files, logger, clock });
    this.lastPosition = new LastPosition(files);
    this.group = new RaftGroup({
      clock,
      newId,
      ...(options.spawnRaft ? { spawnRaft: options.spawnRaft } : {}),
      files,
      directory: options.directory,
      self: { name: self.name, ...self.addresses.raft },
      listenHost: options.listenHost,
      tls: options.tls,
      timing,
      logger,
      onLeaseRenewal: (renewal) => this.decider.failovers.renewed(renewal),
      onFatal: options.onFatal,
    });
    const { group } = this;
    const call: PeerCaller['call'] = (...request) => this.callPeer(...request);
    this.peers = new Peers({ call });
    this.commander = new Commander(group, this.peers, clock);
    this.restores = new RestoreDesk({
      ...{ state: this.state, peers: this.peers, commander: this.commander, clock },
      backups: options.backups ?? null,
    });
    this.lease = this.createLease();
    const { peers, commander, lease } = this;
    const shared = { peers, commander, database, timing, logger, clock };
    const state = () => group.state();
    this.restartLease = new RestartLease({ ...shared, self: self.name, lease, state });
    this.agent = new NodeAgent({
      ...shared,
      self: self.name,
      seal: options.seal,
      lease,
      confirmed: this.confirmed,
      lastPosition: this.lastPosition,
      state: () => group.state(),
      onPrimaryLost: (epoch, detail) => this.reportLoss(epoch, detail),
    });
    const { agent } = this;
    this.contacts = new Contacts({
      ...{ self: self.name, peers, clock },
      state: () => group.state(),
      raftAnswers: () => group.peerAnswers(),
    });
    const { contacts } = this;
    const adopter = options.adopter ? { adopter: options.adopter } : {};
    const backups = options.backups ?? null;
    const own = { newId, self, group, agent, dataDir, contacts, backups };
    this.decider = new Decider({ ...shared, ...adopter, ...own });
    const { failovers, monitor, look } = this.decider;
    this.handlers = peerHandlers({
      ...{ self: self.name, group, agent, database, failovers, monitor, contacts, look },
      ...{ backups, commander },
      coordinator: this,
      tools: options.tools ?? null,
    });
  }

  /** Goes on as whatever this host was: a member of a cluster, or a spare. */
  async open(): Promise<void> {
    this.group.onChange(() => this.changed());
    await this.confirmed.load();
    await this.group.open();
    // It may have left its cluster just before it ended.
    if (!this.group.member()) await forgetCluster(this.leaving());
    this.tickDueMs = this.clock.monotonicMs() + tickMs;
    this.stopTimer = this.clock.every(tickMs, () => {
      const nowMs = this.clock.monotonicMs();
      this.loopDelayMs.note(Math.max(0, nowMs - this.tickDueMs), nowMs);
      this.tickDueMs = nowMs + tickMs;
      this.tick();
    });
    this.contacts.start();
    this.agent.start();
  }

  /** PostgreSQL has ended, whoever ended it: look at once. */
  postgresEnded(): void {
    this.agent.wakeAtOnce();
  }

  async shutdown(options: { postgres: 'stop' | 'leave' }): Promise<void> {
    this.stopTimer();
    this.contacts.stop();
    const { timing } = this.options;
    if (options.postgres === 'leave') await this.restartLease.prepare();
    await this.group.handLeadershipOver(timing.electionMaxMs);
    this.options.backups?.stop();
    if (options.postgres === 'stop') await this.agent.stopDatabase();
    this.lease.release();
    await this.agent.stop();
    await this.group.stop();
  }

  report(): NodeReport {
    const { self, database, seal } = this.options;
    return buildReport({
      name: self.name,
      kind: self.kind,
      version: self.version,
      atMs: this.clock.wallMs(),
      uptimeMs: Math.round(this.clock.monotonicMs() - this.startedAtMs),
      isSupervised: this.options.isSupervised ?? false,
      addresses: self.addresses,
      dataDir: self.kind === 'data' ? this.options.dataDir : null,
      state: this.group.state(),
      desire: this.agent.desire(),
      activity: this.agent.activity,
      slotsNotReady: database.mirror?.logical.unready(),
      isWell: this.lease.isWell(),
      observation: database.observation(),
      sealedEpoch: seal.epoch(),
      leaseRemainingMs: this.lease.remainingMs(),
      vitals: {
        mainLoopDelayMsMax: this.loopDelayMs.value(this.clock.monotonicMs()),
        ...this.lease.closeness(),
      },
      standing: this.standing.since(),
      leaderlessMsMax: this.options.timing.electionMaxMs * 2,
      contacts: this.contacts.own(),
      clone: this.agent.cloneProgress(),
      configuration: this.agent.configuration,
      certificateUntilMs: this.options.certificateUntilMs?.() ?? null,
      raft: this.group.raftStatus(),
      pids: this.options.pids(),
      ...(this.options.beside?.() ?? { router: null, troubles: [] }),
    });
  }

  /** What this node is and knows, for whoever is told of changes. */
  hookView(): { node: string; role: NodeReport['role']; isDecider: boolean; state: ClusterState | null } {
    const { name, role } = this.report();
    return { node: name, role, isDecider: this.group.leadership().isLeader, state: this.group.state() };
  }

  /** Leaves a warning among the cluster's events. Best effort. */
  note(message: string): void {
    const { self, logger } = this.options;
    const command = { kind: 'note' as const, severity: 'warning' as const, event: 'hook-failed' };
    this.commander
      .submit({ ...command, node: self.name, message: message.slice(0, 1000) }, noteDeadlineMs)
      .catch((error) => logger.warn({ error: messageOf(error), message }, 'an event could not be noted'));
  }

  state = (): ClusterState | null => this.group.state();
  provenEpoch = (deadlineMs: number) => provenEpoch(this.group, this.peers, deadlineMs);

  host(): HostStatus {
    const { name, addresses } = this.options.self;
    const cluster = this.group.member()?.clusterName ?? null;
    const { host, port } = addresses.api;
    return { name, state: this.report().host, cluster, api: `http://${host}:${port}` };
  }

  clusterStatus(): Promise<ClusterStatus | null> {
    return this.decider.monitor.status();
  }

  /** After a renewal: Raft's connections that begin from now on show the new one. */
  useCertificate(tls: CoordinatorOptions['tls']): void {
    this.group.useCertificate(tls);
  }

  async metrics(): Promise<string> {
    const { renderMetrics } = await import('../monitor/metrics.ts');
    return renderMetrics(this.report(), this.group.state());
  }

  events(sinceId: number): ClusterEvent[] {
    return this.group.state()?.events.filter((event) => event.id > sinceId) ?? [];
  }

  operations(): Operation[] {
    const state = this.group.state();
    if (!state) return [];
    return state.operation ? [...state.pastOperations, state.operation] : state.pastOperations;
  }

  async backups(): Promise<BackupOverview | null> {
    const state = this.group.state();
    const { self, logger } = this.options;
    if (!state) return null;
    return backupOverview({ self: self.name, peers: this.peers, logger, state, nowMs: this.clock.wallMs() });
  }

  settings(): ReturnType<DaemonFacade['settings']> {
    return settingsOverview(this.peers, this.group.state());
  }

  plan(request: OperationRequest): Promise<OperationPlan> {
    return this.decider.desk.plan(request);
  }

  start(start: OperationStart): Promise<{ operationId: string }> {
    return this.decider.desk.start(start);
  }

  async peerCall(peer: string, method: string, body: unknown): Promise<unknown> {
    return dispatchPeerCall(this.handlers, { peer, method, body }, this.state()?.members ?? null);
  }

  joinCluster(input: PeerInput<'join'>): Promise<{ ok: true } | { ok: false; reason: string }> {
    const { database, dataDir } = this.options;
    return joinCluster({ ...this.leaving(), database, dataDir }, input);
  }

  leaveCluster(): Promise<{ ok: true }> {
    return leaveCluster(this.leaving());
  }

  leaveAlone(cluster: string): Promise<{ ok: true }> {
    return leaveAlone(this.leaving(), cluster);
  }

  private leaving(): Parameters<typeof leaveCluster>[0] {
    const memories = [this.options.seal, this.confirmed, this.lastPosition];
    return { self: this.options.self.name, group: this.group, agent: this.agent, memories };
  }

  /** Raft's own news (contacts, delays) come often; only another state is a reason not to wait after an error. */
  private changed(): void {
    this.tick();
    const state = this.group.state();
    const now = { revision: state?.revision ?? 0, isReplayed: this.group.isReplayed() };
    if (now.revision === this.seen.revision && now.isReplayed === this.seen.isReplayed) return;
    this.seen = now;
    this.options.onState?.(state, now.isReplayed);
    this.agent.wakeAtOnce();
  }

  private tick(): void {
    const seen = this.options.database.observation();
    this.standing.look({
      wallMs: this.clock.wallMs(),
      hasLeader: this.group.leadership().leaderRaftId !== null,
      isFed: seen?.inRecovery === false || seen?.receiverStatus === 'streaming',
    });
    this.decider.tick();
    this.restartLease.tick();
  }

  private callPeer(...[peer, method, body, deadlineMs]: Parameters<PeerCaller['call']>): Promise<unknown> {
    if (peer.name === this.options.self.name) return this.peerCall(peer.name, method, body);
    return this.options.caller.call(peer, method, body, deadlineMs);
  }

  private createLease(): LeaseKeeper {
    const { timing, logger, database, arm } = this.options;
    return new LeaseKeeper({
      timing,
      logger,
      clock: this.clock,
      renew: (request, deadlineMs) => this.group.renewLease(request, deadlineMs),
      arm,
      replayed: () => database.observation()?.replayLsn ?? null,
      probe: () => database.probe(timing.probeDeadlineMs),
      onUnwell: (epoch, detail) => this.reportLoss(epoch, `PostgreSQL does not answer: ${detail}`),
    });
  }

  /** Best effort: a decider that does not hear it notices the silence instead. */
  private reportLoss(epoch: number, detail: string): void {
    const state = this.group.state();
    if (!state) return;
    const input = { clusterId: state.clusterId, epoch, detail };
    const { leaderRaftId } = this.group.leadership();
    const leader = leaderRaftId === null ? undefined : memberByRaftId(state, leaderRaftId);
    if (!leader) return;
    this.peers
      .call(leader, 'primary-lost', { input, deadlineMs: 1000 })
      .catch((error) =>
        this.options.logger.warn(
          { error: messageOf(error) },
          'the decider could not be told that the primary is lost',
        ),
      );
  }
}
