import {
  type ClusterState,
  type Durability,
  type OperationStep,
  usualPolicy,
} from '../contract/cluster-state.ts';
import type { OperationRequest } from '../contract/operations.ts';
import { intendedTarget } from '../replication/sync-target.ts';
import { dataMembers, targetVoters, voteAdvice } from './membership.ts';
import { planNode } from './node-change.ts';
import { backupOperationSteps, planBackup, restoreWords } from './plan-backup.ts';
import { maintenanceWarnings, type PlanBody, type PlanInput } from './plan-body.ts';
import { planParameters, planReinitialise, planRestart, planRollingRestart } from './plan-restart.ts';

/** What an operation will do, from the agreed state and what the nodes report (pure). */

export const planLifetimeMs = 10 * 60_000;

/** The steps of each operation, in order: what is shown in the plan and what runs. */
export const operationSteps = {
  'create-cluster': [
    'Initialise PostgreSQL',
    'Grant the first reign',
    'Open for writes',
    'Create the application role',
  ],
  'add-node': [
    'Check the host',
    'Register the node',
    'Join the Raft group',
    'Clone the data',
    'Make it a voter',
    'Join the synchronous set',
  ],
  'remove-node': [
    'Leave the synchronous set',
    'Take it out of service',
    'Stop PostgreSQL there',
    'Leave the Raft group',
    'Forget the node',
  ],
  switchover: [
    'Check the candidate',
    'Prepare the primary',
    'Stop the primary cleanly',
    'Grant the new reign',
    'Open for writes',
  ],
  'set-maintenance': ['Mark the node'],
  'set-durability': ['Change the durability', 'Wait until it holds'],
  'restart-node': ['Restart PostgreSQL', 'Wait until it streams'],
  'rolling-restart': [
    'Restart the standbys',
    'Check the candidate',
    'Prepare the primary',
    'Stop the primary cleanly',
    'Grant the new reign',
    'Open for writes',
    'Wait for the former primary',
  ],
  'reinitialise-node': ['Give up its data', 'Clone the data'],
  'set-node': ['Set the node'],
  'set-parameters': ['Check the parameters', 'Change them', 'Tell every node'],
  ...backupOperationSteps,
  'restore-cluster': ['Restore the data', 'Grant the first reign', 'Open for writes'],
} as const;

/** The plan without its hash and expiry, which the caller adds. */
export function planOf(input: PlanInput, request: OperationRequest): PlanBody {
  const steps = [...operationSteps[request.kind]];
  const before = quorumWords(input);
  const base: PlanBody = {
    summary: '',
    steps,
    writePause: 'none',
    quorumBefore: before,
    quorumAfter: before,
    warnings: [],
    refusal: commonRefusal(input, request),
  };
  switch (request.kind) {
    case 'create-cluster':
      return {
        ...base,
        summary: `Create cluster ${request.cluster} on ${input.self}.`,
        quorumBefore: 'none',
        quorumAfter: '1 voter',
      };
    case 'restore-cluster':
      return {
        ...base,
        ...restoreWords(request, input.self),
        quorumBefore: 'none',
        quorumAfter: '1 voter',
      };
    case 'add-node':
      return planAdd(input, base, request.host);
    case 'remove-node':
      return planRemove(input, base, request.node);
    case 'switchover':
      return planSwitchover(input, base, request.to);
    case 'set-maintenance':
      return planMaintenance(input, base, request);
    case 'set-node':
      return planNode(input, base, request.node, request.change);
    case 'set-durability':
      return planDurability(input, base, request.durability);
    case 'restart-node':
      return planRestart(input, base, request.node);
    case 'reinitialise-node':
      return planReinitialise(input, base, request.node);
    case 'set-parameters':
      return planParameters(base, request.parameters);
    case 'configure-backup':
    case 'start-backup':
    case 'cancel-backup':
    case 'close-look':
    case 'create-restore-point':
    case 'hold-backup':
      return planBackup(input, base, request);
    case 'rolling-restart': {
      const candidate = bestCandidate(input);
      return planRollingRestart(input, base, { candidate, refusal: whyNotSwitchover(input, candidate) });
    }
  }
}

function commonRefusal(input: PlanInput, request: OperationRequest): string | null {
  if (request.kind === 'create-cluster' || request.kind === 'restore-cluster') {
    return input.state ? `This host belongs to cluster ${input.state.name} already.` : null;
  }
  if (!input.state) return 'This host is in no cluster. Ask a daemon of the cluster, or create one first.';
  const { operation } = input.state;
  return operation
    ? `Another operation runs (${operation.kind}). Wait for its end: quantadb operations.`
    : null;
}

type AddedHost = Extract<OperationRequest, { kind: 'add-node' }>['host'];

function planAdd(input: PlanInput, base: PlanBody, host: AddedHost): PlanBody {
  const { name } = host;
  const { state } = input;
  const isMember = state?.members[name] !== undefined;
  const summary =
    host.kind === 'witness'
      ? `Add ${name} as a witness: it votes on who is primary, and holds no data.`
      : `Add ${name} as a standby: clone the primary's data, then stream.`;
  const advice = state && voteAdvice(withMember(state, host), input.votersNow);
  return {
    ...base,
    summary,
    warnings: advice ? [advice] : [],
    quorumAfter: state
      ? quorumAfterWords(votersAfterAdd(input, host), withMember(state, host))
      : base.quorumAfter,
    refusal: base.refusal ?? (isMember ? `${name} is a member already.` : whyNoPrimary(input)),
  };
}

/** Counts as if a member more were active, because the vote is given only when that leaves an odd number. */
function votersAfterAdd(input: PlanInput, host: AddedHost): number {
  const members = input.state ? Object.values(withMember(input.state, host).members) : [];
  return members.length === 0 ? 1 : targetVoters(members, input.votersNow).size;
}

function planRemove(input: PlanInput, base: PlanBody, name: string): PlanBody {
  const member = input.state?.members[name];
  let refusal = base.refusal;
  if (!refusal && !member) refusal = `${name} is no member of this cluster. See: quantadb nodes.`;
  if (!refusal && input.state?.reign.primary === name) {
    refusal = `${name} is the primary. Switch over first: quantadb switchover --to <standby>.`;
  }
  const remaining = Object.values(input.state?.members ?? {}).filter((other) => other.name !== name);
  const after = input.state && {
    ...input.state,
    members: Object.fromEntries(remaining.map((member) => [member.name, member])),
  };
  return {
    ...base,
    summary: `Remove ${name}: its PostgreSQL stops, its data directory is set aside, the host becomes available.`,
    quorumAfter: quorumAfterWords(targetVoters(remaining, input.votersNow).size, after),
    warnings: after ? removalWarnings(after) : [],
    refusal: refusal ?? (after ? whyWritesWouldStop(input, after) : null),
  };
}

function removalWarnings(after: ClusterState): string[] {
  const { standbys, count } = intendedTarget(after);
  if (standbys.length === 0) return ['No standby is left: losing the primary loses data.'];
  if (standbys.length > count) return [];
  return after.durability.strictness === 'strict'
    ? [`Every write then waits for ${standbys.join(' and ')}: losing one of them stops writes.`]
    : [`No standby is left to spare: when one is lost, the cluster goes on with less protection.`];
}

/** Leaving the set first means waiting for what is left of it. */
function whyWritesWouldStop(input: PlanInput, after: ClusterState): string | null {
  const { standbys, count, isStrict } = intendedTarget(after);
  const missing = standbys.filter((name) => input.reports.get(name)?.state !== 'streaming');
  if (!isStrict || standbys.length - missing.length >= count) return null;
  return `Writes would then wait for ${missing.join(' and ')}, which does not stream. Bring it up first: quantadb status.`;
}

function planDurability(input: PlanInput, base: PlanBody, durability: Durability): PlanBody {
  const { state } = input;
  const { mode, strictness, syncTimeoutMs } = durability;
  const seconds = Math.round(syncTimeoutMs / 1000);
  const words =
    strictness === 'strict'
      ? 'writes stop rather than be lost'
      : `a standby that confirms nothing for ${seconds} s is no longer waited for`;
  const isRaised = state?.durability.mode === 'async' && mode !== 'async';
  return {
    ...base,
    summary: `Change the durability to ${mode} ${strictness}: ${words}.`,
    quorumAfter: quorumAfterWords(input.votersNow.size, state && { ...state, durability }),
    warnings: isRaised
      ? [
          'Until the standbys confirm that they hold what was written before, losing the primary may lose writes.',
        ]
      : mode === 'async'
        ? ['Writes are acknowledged by the primary alone: losing it loses the newest.']
        : [],
    refusal: base.refusal ?? (isRaised && state ? whyWritesWouldStop(input, { ...state, durability }) : null),
  };
}

function planMaintenance(
  input: PlanInput,
  base: PlanBody,
  request: Extract<OperationRequest, { kind: 'set-maintenance' }>,
): PlanBody {
  const { node, on } = request;
  const { state } = input;
  const member = state?.members[node];
  let refusal = base.refusal;
  if (!refusal && !member) refusal = `${node} is no member of this cluster. See: quantadb nodes.`;
  if (!refusal && on && state?.reign.primary === node) {
    refusal = `${node} is the primary. Switch over first: quantadb switchover --to <standby>.`;
  }
  if (!refusal && !on && !member?.maintenance) refusal = `${node} is not in maintenance.`;
  if (!on)
    return {
      ...base,
      summary: `End the maintenance of ${node}: it takes reads and may become primary again.`,
      refusal,
    };
  const until =
    on.minutes === null ? 'until somebody ends it' : `for ${on.minutes} minutes, then it ends by itself`;
  return {
    ...base,
    summary: `Put ${node} in maintenance ${until}: its health endpoints send reads elsewhere, and it is never made primary.`,
    warnings: maintenanceWarnings(input, node),
    refusal,
  };
}

function planSwitchover(input: PlanInput, base: PlanBody, to: string | null): PlanBody {
  const { state } = input;
  const candidate = to ?? bestCandidate(input);
  return {
    ...base,
    summary: candidate
      ? `Switch over from ${state?.reign.primary ?? 'nobody'} to ${candidate}.`
      : 'Switch over.',
    writePause: 'about a second: sessions on the old primary are ended, new writes wait for the new one',
    refusal: base.refusal ?? whyNotSwitchover(input, candidate),
  };
}

/** Why this node cannot take over, with the next step; null when it can. Checked again by the decider before it starts. */
export function whyNotSwitchover(input: PlanInput, candidate: string | null): string | null {
  const { state } = input;
  if (!state) return 'There is no cluster.';
  if (state.failover && state.failover.state !== 'REJOIN')
    return 'A failover runs. Wait for its end: quantadb events.';
  if (candidate === null) return 'No standby of the synchronous set is streaming. See: quantadb status.';
  if (candidate === state.reign.primary) return `${candidate} is the primary already.`;
  const member = state.members[candidate];
  if (!member) return `${candidate} is no member of this cluster. See: quantadb nodes.`;
  if (!state.syncSet.electors.includes(candidate)) {
    return `${candidate} is outside the synchronous set and may miss acknowledged writes. Choose one of: ${state.syncSet.electors.join(', ') || 'none yet'}.`;
  }
  if (member.maintenance) return `${candidate} is in maintenance. End it first.`;
  if (member.policy.noFailover)
    return `${candidate} is set to be never made primary. Change that first: quantadb node set ${candidate} --failover yes.`;
  const report = input.reports.get(candidate);
  if (!report) return `${candidate}'s daemon does not answer. See: quantadb status.`;
  return report.state === 'streaming'
    ? null
    : `${candidate} is ${report.state}, not streaming: ${report.detail || 'see quantadb status'}.`;
}

/** The streaming member of the set with the highest priority; among equals the one with the least replay lag. */
export function bestCandidate(input: PlanInput): string | null {
  const { state } = input;
  if (!state) return null;
  const standbys = input.reports.get(state.reign.primary ?? '')?.standbys ?? [];
  const lag = new Map(standbys.map((standby) => [standby.name, standby.lagBytes ?? Number.MAX_SAFE_INTEGER]));
  const able = state.syncSet.electors.filter((name) => whyNotSwitchover(input, name) === null);
  const priority = (name: string) => state.members[name]?.policy.priority ?? 0;
  const lagOf = (name: string) => lag.get(name) ?? Number.MAX_SAFE_INTEGER;
  able.sort((left, right) => priority(right) - priority(left) || lagOf(left) - lagOf(right));
  return able[0] ?? null;
}

function whyNoPrimary(input: PlanInput): string | null {
  const primary = input.state?.reign.primary;
  const report = primary ? input.reports.get(primary) : undefined;
  return report?.role === 'primary'
    ? null
    : 'There is no primary to clone from right now. See: quantadb status.';
}

function quorumWords(input: PlanInput): string {
  if (!input.state) return 'none';
  const nodes = `${dataMembers(input.state).length} data nodes`;
  return `${voterWords(input.votersNow.size)}, ${nodes}, writes wait for ${syncSetWords(input.state)}`;
}

function quorumAfterWords(voters: number, state: ClusterState | null): string {
  if (!state) return 'none';
  const { standbys, count } = intendedTarget(state);
  const set = { ...state.syncSet, standbys, count };
  const nodes = `${dataMembers(state).length} data nodes`;
  return `${voterWords(voters)}, ${nodes}, writes wait for ${syncSetWords({ syncSet: set })}`;
}

/** Whom a commit waits for: "1 of node-2, node-3". */
export function syncSetWords({ syncSet }: Pick<ClusterState, 'syncSet'>): string {
  return syncSet.count === 0 ? 'no standby' : `${syncSet.count} of ${syncSet.standbys.join(', ')}`;
}

function withMember(state: ClusterState, { name, kind }: AddedHost): ClusterState {
  const template = Object.values(state.members)[0];
  if (!template || state.members[name]) return state;
  const added = {
    ...template,
    name,
    kind,
    zone: null,
    policy: usualPolicy,
    phase: 'active' as const,
    maintenance: null,
  };
  return { ...state, members: { ...state.members, [name]: { ...added, raftId: Number.MAX_SAFE_INTEGER } } };
}

function voterWords(voters: number): string {
  const survives = Math.floor((voters - 1) / 2);
  return `${voters} ${voters === 1 ? 'voter' : 'voters'} (survives the loss of ${survives})`;
}

export function pendingSteps(kind: keyof typeof operationSteps): OperationStep[] {
  return operationSteps[kind].map((name) => ({
    name,
    state: 'pending',
    detail: '',
    startedAtMs: null,
    endedAtMs: null,
  }));
}
