import { createHash, randomUUID } from 'node:crypto';
import type { Addresses, ClusterEvent, ClusterState, Member, Operation } from '../contract/cluster-state.ts';
import type { DaemonFacade } from '../contract/daemon-facade.ts';
import type { NodeReport } from '../contract/node-report.ts';
import type { OperationPlan, OperationRequest, OperationStart } from '../contract/operations.ts';
import type { ClusterStatus, HostStatus } from '../contract/status.ts';
import { FailoverManager } from '../failover/failover-manager.ts';
import { LeaseKeeper } from '../failover/lease-keeper.ts';
import type { SealStore } from '../failover/seal-store.ts';
import type { FailoverTiming } from '../failover/timing.ts';
import { ClusterMonitor } from '../monitor/cluster-monitor.ts';
import { renderMetrics } from '../monitor/metrics.ts';
import { compareWalPositions } from '../postgres/timeline-history.ts';
import { type Clock, systemClock } from '../shared/clock.ts';
import { messageOf, QuantaError } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import { Commander } from './commander.ts';
import type { Database } from './database.ts';
import { Housekeeper } from './housekeeper.ts';
import { memberByRaftId } from './membership.ts';
import { NodeAgent } from './node-agent.ts';
import { OperationRunner } from './operation-runner.ts';
import { operationHandlers, operationParams } from './operations.ts';
import { peerHandlers } from './peer-handlers.ts';
import { dispatchPeerCall, type PeerCaller, type PeerHandlers, type PeerInput, Peers } from './peer-protocol.ts';
import { pendingSteps, planLifetimeMs, planOf } from './plan.ts';
import { RaftGroup } from './raft-group.ts';
import { RaftMembership } from './raft-membership.ts';
import { buildReport } from './report.ts';

export interface CoordinatorOptions {
  self: { name: string; kind: 'data' | 'witness'; addresses: Addresses; version: string };
  /** The host's state directory. */
  directory: string;
  listenHost: string;
  tls: { ca: string; cert: string; key: string };
  timing: FailoverTiming;
  caller: PeerCaller;
  database: Database;
  dataDir: string;
  seal: SealStore;
  arm(deadlineMs: number): Promise<boolean>;
  pids(): NodeReport['pids'];
  logger: Logger;
  clock?: Clock;
  /** A broken invariant or a storage failure: fence and stop, don't guess. */
  onFatal(error: Error): void;
}

const tickMs = 50;
const commandDeadlineMs = 5000;

/** One host's engine, wired: consensus, the agent of its PostgreSQL, and the decider's duties for when it leads. */
export class Coordinator implements DaemonFacade {
  private readonly options: CoordinatorOptions;
  private readonly clock: Clock;
  private readonly group: RaftGroup;
  private readonly peers: Peers;
  private readonly commander: Commander;
  private readonly lease: LeaseKeeper;
  private readonly agent: NodeAgent;
  private readonly failovers: FailoverManager;
  private readonly monitor: ClusterMonitor;
  private readonly raft: RaftMembership;
  private readonly operationRunner: OperationRunner;
  private readonly housekeeper: Housekeeper;
  private readonly handlers: PeerHandlers;
  private timer: NodeJS.Timeout | null = null;
  private seenRevision = 0;
  private application: Extract<OperationRequest, { kind: 'create-cluster' }>['application'] = null;

  constructor(options: CoordinatorOptions) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
    const { self, timing, logger, database } = options;
    const name = self.name;
    const shared = { self: name, logger, timing, clock: this.clock };
    this.group = new RaftGroup({
      directory: options.directory,
      self: { name, ...self.addresses.raft },
      listenHost: options.listenHost,
      tls: options.tls,
      timing,
      logger,
      onLeaseRenewal: (renewal) => this.failovers.renewed(renewal),
      onFatal: options.onFatal,
    });
    const state = () => this.group.state();
    const leadership = () => this.group.leadership();
    const transferLeadership = (toId: number) => this.group.configurable().transferLeadership(toId, timing.electionMaxMs);
    this.peers = new Peers({ call: (peer, method, body, deadlineMs) => this.callPeer(peer, { method, body, deadlineMs }) });
    this.commander = new Commander(this.group, this.peers, this.clock);
    this.raft = new RaftMembership(() => this.group.configurable());
    this.lease = this.createLease();
    const votersNow = () => this.raft.votersNow();
    this.monitor = new ClusterMonitor({ self: name, peers: this.peers, logger, state, leadership, votersNow });
    this.agent = new NodeAgent({
      ...shared,
      database,
      seal: options.seal,
      lease: this.lease,
      commander: this.commander,
      peers: this.peers,
      state,
      onPrimaryLost: (epoch, detail) => this.reportLoss(epoch, detail),
    });
    const decider = { ...shared, commander: this.commander, peers: this.peers, state, leadership, transferLeadership };
    this.failovers = new FailoverManager({
      ...decider,
      isVoter: (raftId) => this.raft.isVoter(raftId),
      setLeaseGate: (gate) => this.group.setLeaseGate(gate),
      comparePositions: compareWalPositions,
    });
    this.housekeeper = new Housekeeper({ ...decider, monitor: this.monitor, raft: this.raft });
    const { agent, failovers, monitor, raft, commander, peers } = this;
    const application = () => this.application;
    const handlers = operationHandlers({ ...shared, commander, peers, agent, database, failovers, monitor, raft, application });
    this.operationRunner = new OperationRunner({ commander, logger, state, leadership, handlers });
    this.handlers = peerHandlers({ self: name, group: this.group, agent, database, failovers, monitor, coordinator: this });
  }

  /** Goes on as whatever this host was: a member of a cluster, or a spare. */
  async open(): Promise<void> {
    this.group.onChange(() => this.changed());
    await this.group.open();
    this.timer = setInterval(() => this.tick(), tickMs);
    this.agent.start();
  }

  /** PostgreSQL has ended, whoever ended it: look at once. */
  postgresEnded(): void {
    this.agent.wakeAtOnce();
  }

  async shutdown(options: { postgres: 'stop' | 'leave' }): Promise<void> {
    if (this.timer) clearInterval(this.timer);
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
      addresses: self.addresses,
      dataDir: self.kind === 'data' ? this.options.dataDir : null,
      state: this.group.state(),
      desire: this.agent.desire(),
      activity: this.agent.activity,
      isWell: this.lease.isWell(),
      observation: database.observation(),
      sealedEpoch: seal.epoch(),
      leaseRemainingMs: this.lease.remainingMs(),
      clone: this.agent.cloneProgress(),
      raft: this.group.raftStatus(),
      pids: this.options.pids(),
    });
  }

  state(): ClusterState | null {
    return this.group.state();
  }

  host(): HostStatus {
    const { name, addresses } = this.options.self;
    const cluster = this.group.member()?.clusterName ?? null;
    const api = `http://${addresses.api.host}:${addresses.api.port}`;
    return { name, state: this.report().host, cluster, api };
  }

  clusterStatus(): Promise<ClusterStatus | null> {
    return this.monitor.status();
  }

  metrics(): Promise<string> {
    return renderMetrics(this.report());
  }

  events(sinceId: number): ClusterEvent[] {
    return this.group.state()?.events.filter((event) => event.id > sinceId) ?? [];
  }

  operations(): Operation[] {
    const state = this.group.state();
    if (!state) return [];
    return state.operation ? [...state.pastOperations, state.operation] : state.pastOperations;
  }

  async plan(request: OperationRequest): Promise<OperationPlan> {
    const input = await this.monitor.planInput();
    const revision = input.state?.revision ?? 0;
    const body = planOf(input, request);
    const canonical = JSON.stringify({ request: withoutSecrets(request), body, revision });
    const hash = createHash('sha256').update(canonical).digest('hex');
    return { kind: request.kind, ...body, hash, revision, expiresAtMs: this.clock.wallMs() + planLifetimeMs };
  }

  /**
   * Checks the plan again and writes the operation into the log, where the decider finds it.
   *
   * @throws QuantaError REFUSED when the plan refuses or the cluster has changed since it was shown
   */
  async start(start: OperationStart): Promise<{ operationId: string }> {
    const { request } = start;
    if (request.kind === 'create-cluster') return this.create(request, start);
    if (!this.group.leadership().isLeader) return this.peers.call(this.leader(), 'start', { input: start, deadlineMs: 10_000 });
    const plan = await this.plan(request);
    if (plan.refusal) throw new QuantaError('REFUSED', plan.refusal);
    if (plan.hash !== start.planHash) {
      throw new QuantaError('REFUSED', 'the cluster has changed since the plan was made', { hint: 'Ask for the plan again and confirm it.' });
    }
    return this.begin(request, start, plan.revision);
  }

  async peerCall(peer: string, method: string, body: unknown): Promise<unknown> {
    return dispatchPeerCall(this.handlers, { peer, method, body });
  }

  async joinCluster(input: PeerInput<'join'>): Promise<{ ok: true } | { ok: false; reason: string }> {
    const { self, database } = this.options;
    if (this.group.member()?.clusterId === input.clusterId) return { ok: true };
    if (this.group.member()) return { ok: false, reason: `${self.name} belongs to another cluster` };
    if (await database.isInitialised()) {
      return { ok: false, reason: `${this.options.dataDir} holds data already; move it away by hand if it is not needed` };
    }
    await this.group.join({ clusterId: input.clusterId, clusterName: input.clusterName, raftId: input.raftId });
    this.agent.resume();
    return { ok: true };
  }

  async leaveCluster(): Promise<{ ok: true } | { ok: false; reason: string }> {
    await this.agent.retire();
    await this.group.leave();
    await this.options.seal.forget();
    this.agent.resume();
    return { ok: true };
  }

  /** Raft's own news (contacts, delays) come often; only another state is a reason not to wait after an error. */
  private changed(): void {
    this.tick();
    const revision = this.group.state()?.revision ?? 0;
    if (revision === this.seenRevision) return;
    this.seenRevision = revision;
    this.agent.wakeAtOnce();
  }

  private tick(): void {
    this.failovers.tick();
    this.operationRunner.tick();
    this.housekeeper.tick();
  }

  private async create(
    request: Extract<OperationRequest, { kind: 'create-cluster' }>,
    start: OperationStart,
  ): Promise<{ operationId: string }> {
    const { self } = this.options;
    if (this.group.member()) throw new QuantaError('REFUSED', `this host belongs to cluster ${this.group.member()?.clusterName} already`);
    if (self.kind !== 'data') throw new QuantaError('REFUSED', 'a cluster cannot be founded on a witness');
    if (await this.options.database.isInitialised()) {
      throw new QuantaError('REFUSED', `${this.options.dataDir} holds data already`, { hint: 'Move it away by hand if it is not needed.' });
    }
    this.application = request.application;
    const identity = await this.group.found(request.cluster);
    const founder = { name: self.name, kind: self.kind, addresses: self.addresses, zone: null };
    const durability = { mode: 'quorum' as const, strictness: 'strict' as const };
    const { parameters, hba } = request;
    const created = await this.commander.submit(
      { kind: 'create', clusterId: identity.clusterId, name: request.cluster, founder, durability, parameters, hba },
      commandDeadlineMs,
    );
    if (!created.ok) throw new QuantaError('REFUSED', created.reason);
    return this.begin(request, start, this.group.state()?.revision ?? 0);
  }

  private async begin(request: OperationRequest, start: OperationStart, revision: number): Promise<{ operationId: string }> {
    const operation: Operation = {
      id: randomUUID(),
      kind: request.kind,
      state: 'running',
      params: operationParams(request, this.group.state()),
      requestedBy: start.requestedBy,
      reason: start.reason,
      steps: pendingSteps(request.kind),
      error: null,
      startedAtMs: this.clock.wallMs(),
      endedAtMs: null,
    };
    const begun = await this.commander.submit({ kind: 'begin-operation', operation, revision }, commandDeadlineMs);
    if (!begun.ok) throw new QuantaError('REFUSED', begun.reason, { hint: 'Ask for the plan again and confirm it.' });
    return { operationId: operation.id };
  }

  private leader(): Member {
    const state = this.group.state();
    const { leaderRaftId } = this.group.leadership();
    const leader = state && leaderRaftId !== null ? memberByRaftId(state, leaderRaftId) : undefined;
    if (leader) return leader;
    throw new QuantaError('NO_QUORUM', 'no Raft leader is known, so nothing can be changed now', {
      hint: 'A majority of the voters must be up and reachable; see `quantadb status`.',
    });
  }

  private callPeer(
    peer: { name: string; host: string; port: number },
    request: { method: string; body: unknown; deadlineMs: number },
  ): Promise<unknown> {
    const { method, body, deadlineMs } = request;
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
      .catch((error) => this.options.logger.warn({ error: messageOf(error) }, 'the decider could not be told that the primary is lost'));
  }
}

function withoutSecrets(request: OperationRequest): unknown {
  if (request.kind !== 'create-cluster' || !request.application) return request;
  return { ...request, application: { role: request.application.role, database: request.application.database } };
}
