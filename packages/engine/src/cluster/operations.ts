import type { ClusterState, Failover, Member, SealVote } from '../contract/cluster-state.ts';
import type { OperationRequest } from '../contract/operations.ts';
import { restartable } from '../failover/decide.ts';
import type { FailoverManager } from '../failover/failover-manager.ts';
import { isElecting } from '../failover/round.ts';
import type { FailoverTiming } from '../failover/timing.ts';
import type { ClusterMonitor } from '../monitor/cluster-monitor.ts';
import type { SynchronousReplicationManager } from '../replication/synchronous-replication-manager.ts';
import { type Clock, systemClock } from '../shared/clock.ts';
import { pollUntil } from '../shared/deadline.ts';
import { messageOf, QuantaError } from '../shared/errors.ts';
import { type NewId, systemNewId } from '../shared/random.ts';
import type { Commander } from './commander.ts';
import type { Command, CommandResult } from './commands.ts';
import type { Database } from './database.ts';
import type { NodeAgent } from './node-agent.ts';
import { hostOf } from './operation-params.ts';
import {
  HandedOver,
  type OperationRunnerOptions,
  type StepContext,
  type StepHandler,
} from './operation-runner.ts';
import type { Peers } from './peer-protocol.ts';
import { bestCandidate, whyNotSwitchover } from './plan.ts';
import type { RaftMembership } from './raft-membership.ts';
import { enterSyncSet, leaveSyncSet, setDurability } from './sync-set-steps.ts';

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
  timing: FailoverTiming;
  clock?: Clock;
  newId?: NewId;
  /** The password of the application role that create-cluster was asked for; it lives in this process only. */
  application(): Extract<OperationRequest, { kind: 'create-cluster' }>['application'];
}

const commandDeadlineMs = 5000;
const openDeadlineMs = 60_000;
const cloneStallMs = 180_000;
const minuteMs = 60_000;

/** The steps of every operation, in the order of `operationSteps` in plan.ts. */
export function operationHandlers(resources: OperationResources): OperationRunnerOptions['handlers'] {
  const steps = new OperationHandlers(resources);
  return {
    'create-cluster': [steps.initialise, steps.grantFirst, steps.waitUntilOpen, steps.createApplication],
    'add-node': [
      steps.checkHost,
      steps.register,
      steps.joinRaft,
      steps.waitForClone,
      steps.makeVoter,
      enterSyncSet(resources),
    ],
    'set-durability': [setDurability(resources)],
    'remove-node': [leaveSyncSet(resources), steps.takeOut, steps.stopThere, steps.leaveRaft, steps.forget],
    'set-maintenance': [steps.setMaintenance],
    switchover: [
      steps.checkCandidate,
      steps.preparePrimary,
      steps.stopPrimary,
      steps.elect,
      steps.waitUntilSwitched,
    ],
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
    await this.submit({ kind: 'identify', systemIdentifier });
    return `system identifier ${systemIdentifier}`;
  };

  grantFirst: StepHandler = async () => {
    await this.submit({ kind: 'grant-first', primary: this.resources.self });
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
    return `QuantaDB ${report.version}, available`;
  };

  register: StepHandler = async (context) => {
    const host = hostOf(context);
    if (context.state().members[host.name]) return 'registered already';
    await this.submit({ kind: 'add-member', member: host });
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
    if (member.kind === 'witness') return 'a witness holds no data';
    const startedMs = this.clock.monotonicMs();
    let movedAtMs = startedMs;
    let lastBytes = -1;
    await pollUntil(
      async () => {
        const report = await this.resources.monitor.reportOf(member);
        if (report?.state === 'streaming') return true;
        const doneBytes = report?.clone?.doneBytes ?? lastBytes;
        if (doneBytes !== lastBytes) movedAtMs = this.clock.monotonicMs();
        lastBytes = doneBytes;
        if (this.clock.monotonicMs() - movedAtMs > cloneStallMs) {
          throw new QuantaError(
            'DEADLINE_EXCEEDED',
            `${name} made no progress for ${cloneStallMs / 1000} s: ${report?.detail ?? 'it does not answer'}`,
          );
        }
        return undefined;
      },
      {
        what: `${name} streams`,
        timeoutMs: 24 * 3_600_000,
        intervalMs: 250,
        signal: context.signal,
        clock: this.clock,
      },
    );
    await this.submit({ kind: 'set-phase', node: name, phase: 'active' });
    return `streaming after ${((this.clock.monotonicMs() - startedMs) / 1000).toFixed(1)} s`;
  };

  makeVoter: StepHandler = async (context) => {
    const member = memberOf(context.state(), hostOf(context).name);
    await this.resources.raft.reconcileVoters(context.state());
    return this.resources.raft.isVoter(member.raftId)
      ? 'it votes'
      : 'it stays a learner: an even number of voters would survive no more losses';
  };

  takeOut: StepHandler = async (context) => {
    const { node } = context.operation.params;
    await this.submit({ kind: 'set-phase', node: String(node), phase: 'leaving' });
    return 'no candidate, no reads';
  };

  stopThere: StepHandler = async (context) => {
    const member = context.state().members[String(context.operation.params.node)];
    if (!member) return 'gone already';
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
    const member = context.state().members[String(context.operation.params.node)];
    if (!member) return 'gone already';
    if (await this.resources.raft.moveLeadershipFrom(member)) throw new HandedOver();
    await this.resources.raft.remove(member);
    return 'no longer in the Raft group';
  };

  forget: StepHandler = async (context) => {
    await this.submit({ kind: 'remove-member', node: String(context.operation.params.node) });
    await this.resources.raft.reconcileVoters(context.state());
    return 'its replication slot goes with it';
  };

  checkCandidate: StepHandler = async (context) => {
    const candidate = await this.candidateOf(context);
    return `${candidate} takes over from ${context.state().reign.primary}`;
  };

  preparePrimary: StepHandler = async (context) => {
    const state = context.state();
    const primary = memberOf(state, state.reign.primary ?? '');
    const prepared = await this.resources.peers.call(primary, 'prepare-switchover', {
      input: { clusterId: state.clusterId },
      deadlineMs: 60_000,
    });
    if (!prepared.ok) throw new QuantaError('REFUSED', prepared.reason);
    return 'checkpoint written, nothing waits for the archive';
  };

  /** From here on the failover record carries the truth: if this decider dies, the next one goes on with the same election. */
  stopPrimary: StepHandler = async (context) => {
    const state = context.state();
    if (Number(context.operation.params.epoch) !== state.reign.epoch) return 'the reign has changed already';
    if (!electionOf(context)) {
      if (state.failover && state.failover.state !== 'REJOIN') return 'an election runs already';
      await this.beginSwitchover(context);
    }
    const failover = electionOf(context);
    if (!failover) return 'the election has ended already';
    this.resources.failovers.claim(failover.id);
    this.preset = { id: failover.id, votes: await this.demote(context.state(), failover.id) };
    return `stopped; ${failover.preferred} must hold all of its WAL`;
  };

  private async beginSwitchover(context: StepContext): Promise<void> {
    const state = context.state();
    const candidate = await this.candidateOf(context);
    const id = (this.resources.newId ?? systemNewId)();
    this.resources.failovers.claim(id);
    const reason = `Switchover to ${candidate}, asked for by ${context.operation.requestedBy}.`;
    await this.submit({
      kind: 'begin-failover',
      id,
      failoverKind: 'switchover',
      fromEpoch: state.reign.epoch,
      reason,
      detection: { silentForMs: null, detail: reason },
      preferred: candidate,
      supersedes: state.failover?.id ?? null,
    });
  }

  /** What is known of the old primary before anybody is asked; of this process only. */
  private preset: { id: string; votes: SealVote[] } | null = null;

  private async demote(state: ClusterState, failoverId: string): Promise<SealVote[]> {
    const primary = memberOf(state, state.reign.primary ?? '');
    const epoch = state.failover?.epoch ?? 0;
    const input = { clusterId: state.clusterId, epoch, failoverId };
    try {
      const demoted = await this.resources.peers.call(primary, 'demote', { input, deadlineMs: 30_000 });
      if (!demoted.ok) return [{ ok: false, node: primary.name, reason: demoted.reason }];
      const { position } = demoted;
      const vote = { ok: true as const, node: primary.name, position, history: [], livePrimary: false };
      return [{ ...vote, promotable: false, whyNotPromotable: restartable }];
    } catch {
      // Whether it stopped is unknown; the election asks it again like every elector.
      return [];
    }
  }

  elect: StepHandler = async (context) => {
    const { failovers } = this.resources;
    const failover = electionOf(context);
    try {
      if (!failover) return 'finished by the failover that was under way';
      failovers.claim(failover.id);
      const known = this.preset?.id === failover.id ? this.preset.votes : null;
      const votes = known ?? (await this.demote(context.state(), failover.id));
      const outcome = await failovers.collect(context.state(), failover, votes);
      await failovers.conclude(failover, outcome);
      if (outcome.election.kind === 'blocked') throw new QuantaError('REFUSED', outcome.election.blockedBy);
      return `${outcome.election.candidate} is granted epoch ${failover.epoch}`;
    } finally {
      this.preset = null;
      failovers.claim(null);
    }
  };

  waitUntilSwitched: StepHandler = async (context) => {
    const fromEpoch = Number(context.operation.params.epoch);
    const switched = async () => {
      const state = context.state();
      return state.reign.epoch > fromEpoch && isOpen(state) ? true : undefined;
    };
    await pollUntil(switched, {
      what: 'the new primary is open',
      timeoutMs: openDeadlineMs,
      intervalMs: 20,
      signal: context.signal,
      clock: this.clock,
    });
    const { reign, failover } = context.state();
    const wanted = context.operation.params.to;
    if (wanted && wanted !== reign.primary) {
      const verdict = failover?.candidates.find((each) => each.node === wanted)?.verdict;
      throw new QuantaError(
        'REFUSED',
        `${reign.primary} is primary, not ${wanted}. ${verdict ?? 'Another failover came in between.'}`,
        { hint: 'See quantadb events, then try again.' },
      );
    }
    return `${reign.primary} is primary: epoch ${reign.epoch}, timeline ${reign.timeline}`;
  };

  private async candidateOf(context: StepContext): Promise<string> {
    const input = await this.resources.monitor.planInput();
    const wanted = context.operation.params.to;
    const candidate = wanted ? String(wanted) : bestCandidate(input);
    const refusal = whyNotSwitchover(input, candidate);
    if (refusal !== null || candidate === null)
      throw new QuantaError('REFUSED', refusal ?? 'there is no candidate');
    return candidate;
  }

  setMaintenance: StepHandler = async (context) => {
    const { params, requestedBy: by, reason } = context.operation;
    const node = String(params.node);
    const sinceMs = this.clock.wallMs();
    const untilMs = params.minutes === null ? null : sinceMs + Number(params.minutes) * minuteMs;
    const maintenance = params.on === true ? { reason, sinceMs, untilMs, by } : null;
    await this.submit({ kind: 'set-maintenance', node, maintenance });
    if (!maintenance) return 'it takes reads again, and may become primary';
    const until = untilMs === null ? 'until it is ended' : `until ${new Date(untilMs).toISOString()}`;
    return `${until}; health checks send new reads elsewhere, open sessions go on`;
  };

  private async submit(command: Command): Promise<CommandResult> {
    const result = await this.resources.commander.submit(command, commandDeadlineMs);
    if (!result.ok) throw new QuantaError('REFUSED', `${command.kind}: ${result.reason}`);
    return result;
  }
}

/** The reign that stands has been opened: its timeline is recorded and nothing is being elected. */
function isOpen(state: ClusterState): boolean {
  const isRecorded = state.timelines.some(
    (timeline) => timeline.id === state.reign.timeline && timeline.status === 'recorded',
  );
  return (
    state.reign.epoch > 0 && isRecorded && (state.failover === null || state.failover.state === 'REJOIN')
  );
}

/** The election of this switchover while it has not ended: begun by this decider, or by the one before it. */
function electionOf(context: StepContext): Failover | null {
  const { failover } = context.state();
  const isOurs =
    failover?.kind === 'switchover' && failover.fromEpoch === Number(context.operation.params.epoch);
  return isOurs && isElecting(failover) ? failover : null;
}

function memberOf(state: ClusterState, name: string): Member {
  const member = state.members[name];
  if (!member) throw new QuantaError('NOT_FOUND', `${name || 'the primary'} is no member of the cluster`);
  return member;
}
