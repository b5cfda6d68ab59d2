import { createHash } from 'node:crypto';
import type { BackupHost } from '../backup/backup-host.ts';
import { otherWay, wayOf } from '../backup/restore-way.ts';
import {
  type Addresses,
  type ClusterState,
  durabilitySchema,
  type HostKind,
  type Member,
  type Operation,
} from '../contract/cluster-state.ts';
import { outdatedWords } from '../contract/operation-plan.ts';
import type {
  FreshRequest,
  OperationPlan,
  OperationRequest,
  OperationStart,
} from '../contract/operations.ts';
import type { InPlaceOutlook, RestoreClusterRequest } from '../contract/restore.ts';
import type { RestoreTarget, RestoreWay } from '../contract/restore-target.ts';
import type { Scheduled } from '../contract/schedule.ts';
import type { ClusterMonitor } from '../monitor/cluster-monitor.ts';
import type { Adopter } from '../postgres/adopt/adopter.ts';
import type { Clock } from '../shared/clock.ts';
import { pollUntil } from '../shared/deadline.ts';
import { QuantaError, sentenceOf } from '../shared/errors.ts';
import { type NewId, systemNewId } from '../shared/random.ts';
import type { Commander } from './commander.ts';
import type { CommandOf } from './commands.ts';
import type { Database } from './database.ts';
import { GivenSecrets } from './given-secrets.ts';
import { memberByRaftId } from './membership.ts';
import { failedOperation, retried } from './operation-follow-up.ts';
import { operationParams } from './operation-params.ts';
import { pendingSteps } from './operation-steps.ts';
import type { Peers } from './peer-protocol.ts';
import { planLifetimeMs, planOf } from './plan.ts';
import type { PlanInput } from './plan-body.ts';
import type { Preflight } from './preflight.ts';
import type { RaftGroup } from './raft-group.ts';
import type { SourceLook } from './source-look.ts';
import { type SourceView, sourceOf } from './source-view.ts';

type FollowRequest = Extract<OperationRequest, { kind: 'create-standby-cluster' }>;
type CreateRequest = Extract<OperationRequest, { kind: 'create-cluster' }>;

export interface OperationDeskOptions {
  self: { name: string; kind: HostKind; addresses: Addresses };
  group: RaftGroup;
  monitor: ClusterMonitor;
  commander: Commander;
  peers: Peers;
  look: SourceLook;
  database: Database;
  /** Absent where there can be no server to adopt. */
  adopter?: Adopter;
  dataDir: string;
  backups: BackupHost | null;
  clock: Clock;
  newId?: NewId;
}

const commandDeadlineMs = 5000;
const forwardDeadlineMs = 10_000;
const leaderWaitMs = 3000;
const lookAheadDeadlineMs = 60_000;
const planAgain = { hint: 'Ask for the plan again and confirm it.' };

/** Where requests of people and scripts arrive: plan, check, and put into the log for the decider to run. */
export class OperationDesk {
  private readonly options: OperationDeskOptions;
  /** The application's password, for the founder's own steps: it is never written into the log. */
  application: CreateRequest['application'] = null;
  /** Of a repository that is being set: written into the log with the settings, never with the operation. */
  readonly backupSecrets = new GivenSecrets();
  restore: RestoreClusterRequest | null = null;

  constructor(options: OperationDeskOptions) {
    this.options = options;
  }

  async plan(request: OperationRequest): Promise<OperationPlan> {
    const input = await this.planInput(request);
    // An operation that is to be cancelled goes on changing the state while the plan is read.
    const revision = request.kind === 'cancel-operation' ? 0 : (input.state?.revision ?? 0);
    const body = planOf(input, request);
    // How far it is behind changes while the plan is read; what speaks against it is looked at again as it begins.
    const isMoving = request.kind === 'promote-cluster' || request.kind === 'restore-in-place';
    const way = wayIn(input);
    const judged = isMoving ? { refusal: body.refusal, way } : body;
    const canonical = JSON.stringify({ request: withoutSecrets(request), body: judged, revision });
    const hash = createHash('sha256').update(canonical).digest('hex');
    const expiresAtMs = this.options.clock.wallMs() + planLifetimeMs;
    return { ...body, hash, revision, expiresAtMs, ...(way ? { way } : {}) };
  }

  /**
   * Checks the plan again and writes the operation into the log, where the decider finds it.
   *
   * @throws QuantaError REFUSED when the plan refuses or the cluster has changed since it was shown
   */
  async start(start: OperationStart): Promise<{ operationId: string }> {
    const { request } = start;
    const { group, peers } = this.options;
    if (request.kind === 'create-cluster') return this.create(request, start);
    if (request.kind === 'restore-cluster') return this.restoreCluster(request, start);
    if (request.kind === 'adopt-server') return this.adopt(request, start);
    if (request.kind === 'create-standby-cluster') return this.followCluster(request, start);
    if (!group.leadership().isLeader) {
      return peers.call(await this.leader(), 'start', { input: start, deadlineMs: forwardDeadlineMs });
    }
    const plan = await this.plan(request);
    if (plan.refusal) throw new QuantaError('REFUSED', plan.refusal);
    if (plan.hash !== start.planHash) {
      const words = otherWay(start.way, plan.way) ?? `the cluster ${outdatedWords}`;
      throw new QuantaError('REFUSED', words, planAgain);
    }
    if (request.kind === 'restore-in-place' && request.confirm === null)
      throw new QuantaError('REFUSED', 'a restore in place is confirmed by the name of the cluster');
    if (request.kind === 'cancel-operation') return this.cancel(start.requestedBy);
    const operation =
      request.kind === 'retry-operation' ? this.again(request, start) : this.fresh(request, start);
    const { id, retryOf = '' } = operation;
    // Before it begins: its first step looks for them.
    const isNew = request.kind === 'configure-backup';
    this.backupSecrets.keep(id, isNew ? request.secrets : this.backupSecrets.of(retryOf));
    return this.begin(operation, plan.revision);
  }

  /** The decider's own: planned as things are now, and begun under the name under which it waited. */
  async startScheduled(entry: Scheduled): Promise<{ ok: true } | { ok: false; refusal: string }> {
    const { request, id, requestedBy, reason } = entry;
    const plan = await this.plan(request);
    if (plan.refusal) return { ok: false, refusal: plan.refusal };
    const start = { request, planHash: plan.hash, requestedBy, reason };
    await this.begin({ ...this.fresh(request, start), id }, plan.revision);
    return { ok: true };
  }

  private async planInput(request: OperationRequest): Promise<PlanInput> {
    const input = await this.options.monitor.planInput();
    const { adopter, monitor } = this.options;
    const orWhy = <T>(work: Promise<T>): Promise<T | { refusal: string }> =>
      work.catch((error: unknown) => ({ refusal: sentenceOf(error) }));
    if (request.kind === 'adopt-server' && adopter)
      return { ...input, adoption: await orWhy(adopter.find()) };
    if ((request.kind === 'add-node' || request.kind === 'replace-node') && request.host.kind === 'data')
      return { ...input, preflight: await orWhy(monitor.preflight(request.host)) };
    if (request.kind === 'restore-in-place')
      return { ...input, inPlace: await orWhy(this.lookAhead(input.state, request.target)) };
    if (request.kind === 'create-standby-cluster') {
      const found = await orWhy(this.inspectSource(request));
      return 'refusal' in found ? { ...input, preflight: found } : { ...input, ...found };
    }
    const { source } = input.state ?? {};
    if (request.kind === 'promote-cluster' && source)
      return { ...input, sourceView: await this.options.look.now(source) };
    return input;
  }

  private lookAhead(state: ClusterState | null, target: RestoreTarget): Promise<InPlaceOutlook> {
    const primary = state?.members[state.reign.primary ?? ''];
    if (!state || !primary) throw new QuantaError('REFUSED', 'there is no primary right now');
    const input = { clusterId: state.clusterId, target };
    return this.options.peers.call(primary, 'look-ahead', { input, deadlineMs: lookAheadDeadlineMs });
  }

  /** @throws QuantaError when the source, or its primary, does not answer */
  private async inspectSource({
    source,
  }: FollowRequest): Promise<{ sourceView: SourceView; preflight: Preflight }> {
    const { peers, self, clock, look } = this.options;
    const { node: name, host, port } = source;
    const limits = { deadlineMs: forwardDeadlineMs };
    const first = { name, addresses: { api: { host, port } } };
    const told = await peers.call(first, 'source-view', { input: { clusterId: null }, ...limits });
    const sourceView = (await look.now(told)) ?? told;
    const primary = sourceView.members.find((each) => each.name === sourceView.primary);
    if (!primary)
      throw new QuantaError('REFUSED', `${told.name} has no primary that is open: it cannot be copied now`);
    const server = { name: primary.name, addresses: { api: primary.api } };
    const facts = await peers.call(server, 'server-facts', {
      input: { clusterId: sourceView.clusterId },
      ...limits,
    });
    const { libraries } = facts;
    const found = await peers.call(self, 'inspect-host', { input: { libraries }, ...limits });
    return { sourceView, preflight: { host: found, primary: facts, nowMs: clock.wallMs() } };
  }

  private async followCluster(
    request: FollowRequest,
    start: OperationStart,
  ): Promise<{ operationId: string }> {
    const { self } = this.options;
    await this.requireEmpty();
    const plan = await this.plan(request);
    if (plan.refusal) throw new QuantaError('REFUSED', plan.refusal);
    const { sourceView: view } = await this.inspectSource(request);
    const { systemIdentifier, timeline, timelines, parameters, hba } = view;
    const source = sourceOf(view, self.name);
    const following = { source, systemIdentifier, timeline, timelines };
    return this.found(start, request, { name: request.cluster, parameters, hba, following });
  }

  private async create(request: CreateRequest, start: OperationStart): Promise<{ operationId: string }> {
    await this.requireEmpty();
    this.application = request.application;
    const { cluster, parameters, hba } = request;
    return this.found(start, request, { name: cluster, parameters, hba });
  }

  private async restoreCluster(
    request: RestoreClusterRequest,
    start: OperationStart,
  ): Promise<{ operationId: string }> {
    await this.requireEmpty();
    const plan = await this.plan(request);
    if (plan.refusal) throw new QuantaError('REFUSED', plan.refusal);
    await this.refuseImpossibleRestore(request);
    if (plan.hash !== start.planHash)
      throw new QuantaError('REFUSED', `the host ${outdatedWords}`, planAgain);
    this.restore = request;
    return this.found(start, request, { name: request.cluster, parameters: {}, hba: [] });
  }

  /** Before anything is founded: the way to the target is looked for in the repository. */
  private async refuseImpossibleRestore({ source, target, way }: RestoreClusterRequest): Promise<void> {
    const { backups } = this.options;
    if (!backups?.holdsData) throw new QuantaError('REFUSED', 'a witness holds no data');
    const planned = await backups.planRestore(source, target);
    const other = planned.ok ? otherWay(way, wayOf(planned.plan)) : null;
    if (other) throw new QuantaError('REFUSED', other, planAgain);
    if (planned.ok) return;
    const { message, nearest } = planned.refusal;
    const words = nearest.map((each) => each.words).join(', ');
    throw new QuantaError('REFUSED', message, words ? { hint: `The nearest possible: ${words}.` } : {});
  }

  /** The server goes on until its step; everything that could speak against it is looked at before the cluster exists. */
  private async adopt(
    request: Extract<OperationRequest, { kind: 'adopt-server' }>,
    start: OperationStart,
  ): Promise<{ operationId: string }> {
    const { adopter } = this.options;
    this.refuseToFound();
    const plan = await this.plan(request);
    if (plan.refusal || !adopter)
      throw new QuantaError('REFUSED', plan.refusal ?? 'a witness runs no server');
    if (plan.hash !== start.planHash)
      throw new QuantaError('REFUSED', `the server ${outdatedWords}`, planAgain);
    const { parameters, hba, systemIdentifier, timeline, history } = await adopter.find();
    const adopted = { systemIdentifier, timeline, history };
    return this.found(start, request, { name: request.cluster, parameters, hba, adopted });
  }

  private async found(
    start: OperationStart,
    request: FreshRequest,
    what: Pick<CommandOf<'create'>, 'name' | 'parameters' | 'hba' | 'adopted' | 'following'>,
  ): Promise<{ operationId: string }> {
    const { self, group, commander } = this.options;
    const { clusterId } = await group.found(what.name);
    const founder = { name: self.name, kind: self.kind, addresses: self.addresses, zone: null };
    const durability = durabilitySchema.parse({ mode: 'quorum', strictness: 'strict' });
    const command = { kind: 'create' as const, clusterId, founder, durability, ...what };
    const created = await commander.submit(command, commandDeadlineMs);
    if (!created.ok) throw new QuantaError('REFUSED', created.reason);
    return this.begin(this.fresh(request, start), group.state()?.revision ?? 0);
  }

  private async requireEmpty(): Promise<void> {
    const { database, dataDir } = this.options;
    this.refuseToFound();
    if (!(await database.isInitialised())) return;
    throw new QuantaError('REFUSED', `${dataDir} holds data already`, {
      hint: 'Adopt it (quantadb host adopt), or move it away by hand if it is not needed.',
    });
  }

  private refuseToFound(): void {
    const { self, group } = this.options;
    const member = group.member();
    if (member)
      throw new QuantaError('REFUSED', `this host belongs to cluster ${member.clusterName} already`);
    if (self.kind !== 'data')
      throw new QuantaError('REFUSED', `a cluster cannot be founded on a ${self.kind}`);
  }

  private fresh(request: FreshRequest, { requestedBy, reason }: OperationStart): Operation {
    return {
      id: this.newId(),
      kind: request.kind,
      state: 'running',
      params: operationParams(request, this.options.group.state()),
      requestedBy,
      reason,
      steps: pendingSteps(request.kind),
      error: null,
      startedAtMs: this.options.clock.wallMs(),
      endedAtMs: null,
    };
  }

  private again(
    request: Extract<OperationRequest, { kind: 'retry-operation' }>,
    { requestedBy, reason }: OperationStart,
  ): Operation {
    const state = this.options.group.state();
    const failed = failedOperation(state, request.operation);
    if (!state || !failed) throw new QuantaError('REFUSED', 'the failed operation is gone', planAgain);
    const startedAtMs = this.options.clock.wallMs();
    const { epoch } = state.reign;
    return retried(failed, { id: this.newId(), requestedBy, reason, startedAtMs, epoch });
  }

  private async begin(operation: Operation, revision: number): Promise<{ operationId: string }> {
    const command = { kind: 'begin-operation' as const, operation, revision };
    const begun = await this.options.commander.submit(command, commandDeadlineMs);
    if (!begun.ok) throw new QuantaError('REFUSED', begun.reason, planAgain);
    return { operationId: operation.id };
  }

  private async cancel(by: string): Promise<{ operationId: string }> {
    const id = this.options.group.state()?.operation?.id ?? '';
    const cancelled = await this.options.commander.submit(
      { kind: 'cancel-operation', id, by },
      commandDeadlineMs,
    );
    if (!cancelled.ok) throw new QuantaError('REFUSED', cancelled.reason, planAgain);
    return { operationId: id };
  }

  private newId(): string {
    return (this.options.newId ?? systemNewId)();
  }

  /** An election lasts a moment, which is no reason to send anybody away. */
  private async leader(): Promise<Member> {
    const { group, clock } = this.options;
    const look = async () => {
      const state = group.state();
      const { leaderRaftId } = group.leadership();
      return state && leaderRaftId !== null ? memberByRaftId(state, leaderRaftId) : undefined;
    };
    const limits = { what: 'a Raft leader is known', timeoutMs: leaderWaitMs, intervalMs: 50, clock };
    return pollUntil(look, limits).catch((cause: unknown) => {
      throw new QuantaError('NO_QUORUM', 'no Raft leader is known, so nothing can be changed now', {
        hint: 'A majority of the voters must be up and reachable; see `quantadb status`.',
        cause,
      });
    });
  }
}

function wayIn({ inPlace }: PlanInput): RestoreWay | undefined {
  return inPlace && 'planning' in inPlace && inPlace.planning.ok ? wayOf(inPlace.planning.plan) : undefined;
}

function withoutSecrets(request: OperationRequest): unknown {
  // What a cluster knows beside its repository grows meanwhile; what that changes is the way.
  if (request.kind === 'restore-cluster')
    return { ...request, source: { ...request.source, secrets: null, known: null } };
  if (request.kind === 'configure-backup') return { ...request, secrets: request.secrets !== null };
  if (request.kind !== 'create-cluster' || !request.application) return request;
  const { role, database } = request.application;
  return { ...request, application: { role, database } };
}
