import { createHash } from 'node:crypto';
import type { BackupHost } from '../backup/backup-host.ts';
import type { RepositorySecrets } from '../contract/backup.ts';
import { type Addresses, durabilitySchema, type Member, type Operation } from '../contract/cluster-state.ts';
import type { OperationPlan, OperationRequest, OperationStart } from '../contract/operations.ts';
import type { RestoreClusterRequest } from '../contract/restore.ts';
import type { ClusterMonitor } from '../monitor/cluster-monitor.ts';
import type { Clock } from '../shared/clock.ts';
import { QuantaError } from '../shared/errors.ts';
import { type NewId, systemNewId } from '../shared/random.ts';
import type { Commander } from './commander.ts';
import type { Database } from './database.ts';
import { memberByRaftId } from './membership.ts';
import { operationParams } from './operation-params.ts';
import type { Peers } from './peer-protocol.ts';
import { pendingSteps, planLifetimeMs, planOf } from './plan.ts';
import type { RaftGroup } from './raft-group.ts';

type CreateRequest = Extract<OperationRequest, { kind: 'create-cluster' }>;

export interface OperationDeskOptions {
  self: { name: string; kind: 'data' | 'witness'; addresses: Addresses };
  group: RaftGroup;
  monitor: ClusterMonitor;
  commander: Commander;
  peers: Peers;
  database: Database;
  dataDir: string;
  backups: BackupHost | null;
  clock: Clock;
  newId?: NewId;
}

const commandDeadlineMs = 5000;
const forwardDeadlineMs = 10_000;
const planAgain = { hint: 'Ask for the plan again and confirm it.' };

/** Where requests of people and scripts arrive: plan, check, and put into the log for the decider to run. */
export class OperationDesk {
  private readonly options: OperationDeskOptions;
  /** The application's password, for the founder's own steps: it is never written into the log. */
  application: CreateRequest['application'] = null;
  /** Of a repository that is being set: written into the log with the settings, never with the operation. */
  backupSecrets: RepositorySecrets | null = null;
  restore: RestoreClusterRequest | null = null;

  constructor(options: OperationDeskOptions) {
    this.options = options;
  }

  async plan(request: OperationRequest): Promise<OperationPlan> {
    const input = await this.options.monitor.planInput();
    const revision = input.state?.revision ?? 0;
    const body = planOf(input, request);
    const canonical = JSON.stringify({ request: withoutSecrets(request), body, revision });
    const hash = createHash('sha256').update(canonical).digest('hex');
    const expiresAtMs = this.options.clock.wallMs() + planLifetimeMs;
    return { kind: request.kind, ...body, hash, revision, expiresAtMs };
  }

  /**
   * Checks the plan again and writes the operation into the log, where the decider finds it.
   *
   * @throws QuantaError REFUSED when the plan refuses or the cluster has changed since it was shown
   */
  async start(start: OperationStart): Promise<{ operationId: string }> {
    const { request } = start;
    const { group, peers } = this.options;
    if (request.kind === 'create-cluster' || request.kind === 'restore-cluster')
      return this.create(request, start);
    if (!group.leadership().isLeader) {
      return peers.call(this.leader(), 'start', { input: start, deadlineMs: forwardDeadlineMs });
    }
    const plan = await this.plan(request);
    if (plan.refusal) throw new QuantaError('REFUSED', plan.refusal);
    if (plan.hash !== start.planHash) {
      throw new QuantaError('REFUSED', 'the cluster has changed since the plan was made', planAgain);
    }
    if (request.kind === 'configure-backup') this.backupSecrets = request.secrets;
    return this.begin(start, plan.revision);
  }

  private async create(
    request: CreateRequest | RestoreClusterRequest,
    start: OperationStart,
  ): Promise<{ operationId: string }> {
    const { self, group, commander } = this.options;
    await this.refuseToFound();
    if (request.kind === 'restore-cluster') await this.refuseImpossibleRestore(request);
    if (request.kind === 'create-cluster') this.application = request.application;
    else this.restore = request;
    const { clusterId } = await group.found(request.cluster);
    const founder = { name: self.name, kind: self.kind, addresses: self.addresses, zone: null };
    const durability = durabilitySchema.parse({ mode: 'quorum', strictness: 'strict' });
    const { cluster: name } = request;
    const { parameters, hba } = request.kind === 'create-cluster' ? request : { parameters: {}, hba: [] };
    const created = await commander.submit(
      { kind: 'create', clusterId, name, founder, durability, parameters, hba },
      commandDeadlineMs,
    );
    if (!created.ok) throw new QuantaError('REFUSED', created.reason);
    return this.begin(start, group.state()?.revision ?? 0);
  }

  /** Before anything is founded: the way to the target is looked for in the repository. */
  private async refuseImpossibleRestore({ source, target }: RestoreClusterRequest): Promise<void> {
    const { backups } = this.options;
    if (!backups) throw new QuantaError('REFUSED', 'a witness holds no data');
    const planned = await backups.planRestore(source, target);
    if (planned.ok) return;
    const { message, nearest } = planned.refusal;
    const words = nearest.map((each) => each.words).join(', ');
    throw new QuantaError('REFUSED', message, words ? { hint: `The nearest possible: ${words}.` } : {});
  }

  private async refuseToFound(): Promise<void> {
    const { self, group, database, dataDir } = this.options;
    const member = group.member();
    if (member)
      throw new QuantaError('REFUSED', `this host belongs to cluster ${member.clusterName} already`);
    if (self.kind !== 'data') throw new QuantaError('REFUSED', 'a cluster cannot be founded on a witness');
    if (!(await database.isInitialised())) return;
    throw new QuantaError('REFUSED', `${dataDir} holds data already`, {
      hint: 'Move it away by hand if it is not needed.',
    });
  }

  private async begin(start: OperationStart, revision: number): Promise<{ operationId: string }> {
    const { request, requestedBy, reason } = start;
    const operation: Operation = {
      id: (this.options.newId ?? systemNewId)(),
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
    const command = { kind: 'begin-operation' as const, operation, revision };
    const begun = await this.options.commander.submit(command, commandDeadlineMs);
    if (!begun.ok) throw new QuantaError('REFUSED', begun.reason, planAgain);
    return { operationId: operation.id };
  }

  private leader(): Member {
    const { group } = this.options;
    const state = group.state();
    const { leaderRaftId } = group.leadership();
    const leader = state && leaderRaftId !== null ? memberByRaftId(state, leaderRaftId) : undefined;
    if (leader) return leader;
    throw new QuantaError('NO_QUORUM', 'no Raft leader is known, so nothing can be changed now', {
      hint: 'A majority of the voters must be up and reachable; see `quantadb status`.',
    });
  }
}

function withoutSecrets(request: OperationRequest): unknown {
  if (request.kind === 'restore-cluster') return { ...request, source: { ...request.source, secrets: null } };
  if (request.kind === 'configure-backup') return { ...request, secrets: request.secrets !== null };
  if (request.kind !== 'create-cluster' || !request.application) return request;
  const { role, database } = request.application;
  return { ...request, application: { role, database } };
}
