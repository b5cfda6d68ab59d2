import type { BackupHost } from '../backup/backup-host.ts';
import { restoreAnew } from '../backup/restore-way.ts';
import type { RepositorySecrets } from '../contract/backup.ts';
import { nodeChangeSchema, type OperationRequest } from '../contract/operations.ts';
import type { RestoreClusterRequest } from '../contract/restore.ts';
import { routerChangesSchema } from '../contract/router-settings.ts';
import type { FailoverManager } from '../failover/failover-manager.ts';
import type { FailoverTiming } from '../failover/timing.ts';
import type { ClusterMonitor } from '../monitor/cluster-monitor.ts';
import type { Adopter } from '../postgres/adopt/adopter.ts';
import type { SynchronousReplicationManager } from '../replication/synchronous-replication-manager.ts';
import { type Clock, systemClock } from '../shared/clock.ts';
import { pollUntil } from '../shared/deadline.ts';
import { messageOf, QuantaError } from '../shared/errors.ts';
import type { NewId } from '../shared/random.ts';
import { accessSteps } from './access-steps.ts';
import { backupHandlers } from './backup-steps.ts';
import { untilCloned } from './clone-wait.ts';
import type { Commander } from './commander.ts';
import type { Database } from './database.ts';
import { inPlaceHandlers } from './in-place-steps.ts';
import type { NodeAgent } from './node-agent.ts';
import { nodeChangeWords } from './node-change.ts';
import { hostOf, nodeOf } from './operation-params.ts';
import type { OperationRunnerOptions, StepHandler } from './operation-runner.ts';
import type { Peers } from './peer-protocol.ts';
import { judgeHost } from './preflight.ts';
import type { RaftMembership } from './raft-membership.ts';
import { RestartSteps } from './restart-steps.ts';
import { takeBack, writeDown } from './schedule-steps.ts';
import type { SourceLook } from './source-look.ts';
import { letFollowerGo, standbyHandlers } from './standby-steps.ts';
import { isOpen, memberOf, openDeadlineMs, submitOrRefuse } from './step-helpers.ts';
import { switchoverSteps } from './switchover-steps.ts';
import {
  enterSyncSet,
  leaveSyncSet,
  setDurability,
  setOwnDurability,
  waitUntilWriteSafe,
} from './sync-set-steps.ts';
import { UpgradeSteps } from './upgrade-steps.ts';

export interface OperationResources {
  self: string;
  commander: Commander;
  peers: Peers;
  agent: NodeAgent;
  database: Database;
  failovers: FailoverManager;
  monitor: ClusterMonitor;
  raft: RaftMembership;
  synchronous: SynchronousReplicationManager;
  look: SourceLook;
  timing: FailoverTiming;
  clock?: Clock;
  newId?: NewId;
  adopter?: Adopter;
  /** The password of the application role that create-cluster was asked for; it lives in this process only. */
  application(): Extract<OperationRequest, { kind: 'create-cluster' }>['application'];
  backupSecrets(operation: string): RepositorySecrets | null;
  /** What restore-cluster was asked for, secrets included; it lives in this process only. */
  restore(): RestoreClusterRequest | null;
  backupHost: BackupHost | null;
}

const minuteMs = 60_000;

/** The steps of every operation, in the order of `operationSteps` in plan.ts. */
export function operationHandlers(
  resources: OperationResources,
): Pick<OperationRunnerOptions, 'handlers' | 'undo'> {
  const steps = new OperationHandlers(resources);
  const restarts = new RestartSteps(resources);
  const upgrades = new UpgradeSteps({ ...resources, restarts });
  const { undo: followAgain, ...standby } = standbyHandlers(resources, steps.waitUntilOpen);
  const inPlace = inPlaceHandlers(resources);
  const leaving = [steps.stopThere, steps.leaveRaft, steps.forget];
  const joining = [
    steps.checkHost,
    steps.register,
    steps.joinRaft,
    steps.waitForClone,
    steps.makeVoter,
    enterSyncSet(resources),
  ];
  const switching = switchoverSteps(resources);
  const handlers = {
    'create-cluster': [steps.initialise, steps.grantFirst, steps.waitUntilOpen, steps.createApplication],
    'adopt-server': [
      steps.checkServer,
      steps.addRoles,
      steps.takeServerOver,
      steps.grantFirst,
      steps.waitUntilOpen,
    ],
    'add-node': joining,
    'replace-node': [...joining, leaveSyncSet(resources), steps.takeOut, ...leaving],
    'set-durability': [setDurability(resources), waitUntilWriteSafe(resources)],
    'remove-node': [leaveSyncSet(resources), steps.takeOut, ...leaving],
    'set-own-durability': [setOwnDurability(resources)],
    'set-maintenance': [steps.setMaintenance],
    'set-node': [steps.setNode],
    'set-router': [steps.setRouter],
    switchover: switching,
    'restart-node': [restarts.restartNode, restarts.waitForNode],
    'upgrade-postgres': [
      upgrades.checkPrograms,
      upgrades.upgradeStandbys,
      ...switching,
      restarts.waitForFormerPrimary,
    ],
    'restart-daemons': [upgrades.replaceDaemons, upgrades.agreeOnLevel],
    'rolling-restart': [restarts.restartStandbys, ...switching, restarts.waitForFormerPrimary],
    'reinitialise-node': [restarts.giveUpData, restarts.waitForCopy],
    'set-parameters': [restarts.checkParameters, restarts.changeParameters, restarts.tellNodes],
    'set-access': [...accessSteps(resources), restarts.tellNodes],
    'restore-cluster': [steps.restoreData, steps.grantFirst, steps.waitUntilOpen],
    'restore-in-place': inPlace.handlers,
    ...standby,
    'forget-follower': [letFollowerGo(resources)],
    ...backupHandlers(resources),
    'schedule-operation': [writeDown(resources)],
    'unschedule-operation': [takeBack(resources)],
  };
  const undoAdding = [leaveSyncSet(resources), steps.takeOut, ...leaving].map(ofNewNode);
  const undo = { 'add-node': undoAdding, 'replace-node': undoAdding };
  return {
    handlers,
    undo: { ...undo, 'promote-cluster': followAgain, 'restore-in-place': inPlace.undo },
  };
}

/** The same step, about the host that was to join. */
function ofNewNode(step: StepHandler): StepHandler {
  return (context) => {
    const { operation } = context;
    return step({ ...context, operation: { ...operation, params: { node: operation.params.name ?? null } } });
  };
}

class OperationHandlers {
  private readonly resources: OperationResources;
  private readonly clock: Clock;

  constructor(resources: OperationResources) {
    this.resources = resources;
    this.clock = resources.clock ?? systemClock;
  }

  initialise: StepHandler = async () => {
    const { agent, database } = this.resources;
    const systemIdentifier = await agent.exclusive(async () => {
      if (await database.isInitialised()) return database.systemIdentifier();
      return (await database.initialise()).systemIdentifier;
    });
    await submitOrRefuse(this.resources.commander, { kind: 'identify', systemIdentifier });
    return `system identifier ${systemIdentifier}`;
  };

  /** Of the first node, where the request arrived: there is nobody else yet. */
  private adopter(): Adopter {
    const { adopter } = this.resources;
    if (adopter) return adopter;
    throw new QuantaError('REFUSED', 'this host runs no PostgreSQL that could be adopted');
  }

  checkServer: StepHandler = async (context) => {
    if (context.operation.steps[2]?.state === 'done') return 'it was taken over already';
    const found = await this.adopter().find();
    if (found.refusals.length > 0) throw new QuantaError('REFUSED', found.refusals.join(' '));
    if (found.systemIdentifier !== context.state().systemIdentifier)
      throw new QuantaError('REFUSED', `it is another server now: system ${found.systemIdentifier}`);
    return found.summary;
  };

  addRoles: StepHandler = () => this.adopter().addRoles();

  takeServerOver: StepHandler = () => this.resources.agent.exclusive(() => this.adopter().takeOver());

  restoreData: StepHandler = async (context) => {
    const { agent, backupHost, database, commander } = this.resources;
    const request = this.resources.restore();
    if (!backupHost || !request)
      throw new QuantaError('REFUSED', 'the secrets of the repository were lost when the daemon restarted', {
        hint: restoreAnew,
      });
    const restored = await agent.exclusive(() =>
      backupHost.restoreCluster(request, {
        step: (words) => void context.progress(words),
        signal: context.signal,
      }),
    );
    const history = await database.history(restored.timeline);
    await submitOrRefuse(commander, { kind: 'adopt-history', timeline: restored.timeline, history });
    await submitOrRefuse(commander, { kind: 'identify', systemIdentifier: restored.systemIdentifier });
    if (Object.keys(restored.parameters).length > 0)
      await submitOrRefuse(commander, { kind: 'set-parameters', parameters: restored.parameters });
    return `${restored.words}, timeline ${restored.timeline}`;
  };

  grantFirst: StepHandler = async () => {
    await submitOrRefuse(this.resources.commander, { kind: 'grant-first', primary: this.resources.self });
    return `epoch 1 to ${this.resources.self}`;
  };

  waitUntilOpen: StepHandler = async (context) => {
    await pollUntil(async () => (isOpen(context.state()) ? true : undefined), {
      what: 'open for writes',
      timeoutMs: openDeadlineMs,
      intervalMs: 50,
      signal: context.signal,
      clock: this.clock,
    });
    return `timeline ${context.state().reign.timeline}`;
  };

  createApplication: StepHandler = async (context) => {
    const { role } = context.operation.params;
    if (!role) return 'none was asked for';
    const application = this.resources.application();
    if (!application) {
      throw new QuantaError('REFUSED', 'the application password was lost when the daemon restarted', {
        hint: 'Create the role by hand: CREATE ROLE … LOGIN PASSWORD …; CREATE DATABASE … OWNER …',
      });
    }
    await this.resources.database.createApplication(application);
    return `role ${application.role} owns database ${application.database}`;
  };

  checkHost: StepHandler = async (context) => {
    const host = hostOf(context);
    if (context.state().members[host.name]) return 'registered already';
    const report = await this.resources.peers.call(host, 'report', { input: {}, deadlineMs: 5000 });
    if (report.host !== 'available') {
      throw new QuantaError(
        'REFUSED',
        `${host.name} is not available: it is ${report.host} of ${report.cluster?.name ?? 'a cluster'}`,
      );
    }
    const warnings = await this.refuseUnfit(host);
    const level = context.state().level ?? 1;
    if (report.featureLevel < level) {
      throw new QuantaError(
        'REFUSED',
        `${host.name} runs QuantaDB ${report.version}, which is older than what this cluster agrees on`,
        { hint: 'Install the same release there as on the members, then try again.' },
      );
    }
    return [`QuantaDB ${report.version}, available`, ...warnings].join('; ');
  };

  private async refuseUnfit(host: ReturnType<typeof hostOf>): Promise<string[]> {
    if (host.kind !== 'data') return [];
    const { refusals, warnings } = judgeHost(host.name, await this.resources.monitor.preflight(host));
    if (refusals.length > 0) throw new QuantaError('REFUSED', refusals.join(' '));
    return warnings;
  }

  register: StepHandler = async (context) => {
    const host = hostOf(context);
    if (context.state().members[host.name]) return 'registered already';
    await submitOrRefuse(this.resources.commander, { kind: 'add-member', member: host });
    return 'joining';
  };

  joinRaft: StepHandler = async (context) => {
    const state = context.state();
    const member = memberOf(state, hostOf(context).name);
    const input = {
      clusterId: state.clusterId,
      clusterName: state.name,
      raftId: member.raftId,
      addresses: member.addresses,
    };
    const joined = await this.resources.peers.call(member, 'join', { input, deadlineMs: 10_000 });
    if (!joined.ok) throw new QuantaError('REFUSED', `${member.name} refused to join: ${joined.reason}`);
    await this.resources.raft.addLearner(member);
    return `learner with Raft id ${member.raftId}`;
  };

  waitForClone: StepHandler = async (context) => {
    const { name } = hostOf(context);
    const member = memberOf(context.state(), name);
    if (member.kind !== 'data') {
      await submitOrRefuse(this.resources.commander, { kind: 'set-phase', node: name, phase: 'active' });
      return `a ${member.kind} holds no data`;
    }
    const seconds = await untilCloned(this.resources, context, member);
    await submitOrRefuse(this.resources.commander, { kind: 'set-phase', node: name, phase: 'active' });
    return `streaming after ${seconds} s`;
  };

  makeVoter: StepHandler = async (context) => {
    const member = memberOf(context.state(), hostOf(context).name);
    if (member.kind === 'router') return 'it never votes';
    await this.resources.raft.reconcileVoters(context.state());
    return this.resources.raft.isVoter(member.raftId)
      ? 'it votes'
      : 'it stays a learner: an even number of voters would survive no more losses';
  };

  takeOut: StepHandler = async (context) => {
    if (!context.state().members[nodeOf(context)]) return 'gone already';
    await submitOrRefuse(this.resources.commander, {
      kind: 'set-phase',
      node: nodeOf(context),
      phase: 'leaving',
    });
    return 'no candidate, no reads';
  };

  stopThere: StepHandler = async (context) => {
    const member = context.state().members[nodeOf(context)];
    if (!member) return 'gone already';
    await this.resources.raft.retire(context.state(), member);
    try {
      const input = { clusterId: context.state().clusterId };
      const left = await this.resources.peers.call(member, 'leave', { input, deadlineMs: 60_000 });
      if (!left.ok) throw new QuantaError('REFUSED', left.reason);
      return 'PostgreSQL is stopped; its data directory is set aside';
    } catch (error) {
      return `it could not be reached (${messageOf(error)}); stop it there before its host is used again`;
    }
  };

  leaveRaft: StepHandler = async (context) => {
    const member = context.state().members[nodeOf(context)];
    if (!member) return 'gone already';
    await this.resources.raft.retire(context.state(), member);
    return 'no longer in the Raft group';
  };

  forget: StepHandler = async (context) => {
    await submitOrRefuse(this.resources.commander, {
      kind: 'remove-member',
      node: nodeOf(context),
    });
    await this.resources.raft.reconcileVoters(context.state());
    return 'its replication slot goes with it';
  };

  setNode: StepHandler = async (context) => {
    const { node, ...given } = context.operation.params;
    const change = nodeChangeSchema.parse(given);
    await submitOrRefuse(this.resources.commander, { kind: 'set-node', node: String(node), change });
    return nodeChangeWords(change);
  };

  setRouter: StepHandler = async (context) => {
    const settings = routerChangesSchema.parse(context.operation.params);
    await submitOrRefuse(this.resources.commander, { kind: 'set-router', settings });
    return 'every router follows as soon as it hears of it; sessions go on';
  };

  setMaintenance: StepHandler = async (context) => {
    const { params, requestedBy: by, reason } = context.operation;
    const node = String(params.node);
    const sinceMs = this.clock.wallMs();
    const untilMs = params.minutes === null ? null : sinceMs + Number(params.minutes) * minuteMs;
    const maintenance = params.on === true ? { reason, sinceMs, untilMs, by } : null;
    await submitOrRefuse(this.resources.commander, { kind: 'set-maintenance', node, maintenance });
    if (!maintenance) return 'it takes reads again, and may become primary';
    const until = untilMs === null ? 'until it is ended' : `until ${new Date(untilMs).toISOString()}`;
    return `${until}; health checks send new reads elsewhere, open sessions go on`;
  };
}
