import type { Durability } from '../contract/cluster-state.ts';
import type { FreshRequest, OperationPlan, OperationRequest } from '../contract/operations.ts';
import { barOf } from '../failover/bars.ts';
import { isApart } from '../replication/apart.ts';
import { planAccess } from './access-change.ts';
import { planNode } from './node-change.ts';
import { planCancel, planRetry } from './operation-follow-up.ts';
import { operationSteps } from './operation-steps.ts';
import { planOwnDurability } from './own-durability.ts';
import { planBackup, restoreWords } from './plan-backup.ts';
import { maintenanceWarnings, type PlanBody, type PlanInput } from './plan-body.ts';
import { planRestoreInPlace } from './plan-in-place.ts';
import { planAdd, planAdoption, planRemove, planReplace, whyWritesWouldStop } from './plan-members.ts';
import {
  planDaemons,
  planParameters,
  planReinitialise,
  planRestart,
  planRollingRestart,
  planUpgrade,
} from './plan-restart.ts';
import { planFollow, planForget, planPromotion, whyNotWhileFollowing } from './plan-standby.ts';
import { countWords, quorumAfterWords, quorumWords } from './plan-words.ts';
import { planRouter } from './router-change.ts';
import { planSchedule, planUnschedule } from './scheduling.ts';

/** What an operation will do, from the agreed state and what the nodes report (pure). */

export const planLifetimeMs = 10 * 60_000;
/** What a cluster begins with. */
const foundingKinds: ReadonlySet<OperationRequest['kind']> = new Set([
  'create-cluster',
  'adopt-server',
  'restore-cluster',
  'create-standby-cluster',
]);

/** The plan without its hash and expiry, which the caller adds. */
export function planOf(
  input: PlanInput,
  request: OperationRequest,
): PlanBody & { kind: OperationPlan['kind'] } {
  const before = quorumWords(input);
  const base: PlanBody = {
    summary: '',
    steps: [],
    writePause: 'none',
    quorumBefore: before,
    quorumAfter: before,
    warnings: [],
    refusal: commonRefusal(input, request),
  };
  if (request.kind === 'cancel-operation') return planCancel(input, base, request);
  if (request.kind === 'retry-operation') return planRetry(input, base, request);
  const steps = [...operationSteps[request.kind]];
  return { kind: request.kind, ...planFresh(input, { ...base, steps }, request) };
}

function planFresh(input: PlanInput, base: PlanBody, request: FreshRequest): PlanBody {
  switch (request.kind) {
    case 'create-cluster':
    case 'restore-cluster':
      return planBeginning(input, base, request);
    case 'adopt-server':
      return planAdoption(input, base, request.cluster);
    case 'restore-in-place':
      return planRestoreInPlace(input, base, request);
    case 'create-standby-cluster':
      return planFollow(input, base, request);
    case 'promote-cluster':
      return planPromotion(input, base, request);
    case 'forget-follower':
      return planForget(input, base, request.cluster);
    case 'add-node':
      return planAdd(input, base, request.host);
    case 'remove-node':
      return planRemove(input, base, request.node);
    case 'replace-node':
      return planReplace(input, base, request);
    case 'switchover':
      return planSwitchover(input, base, request.to);
    case 'set-maintenance':
      return planMaintenance(input, base, request);
    case 'set-node':
      return planNode(input, base, request.node, request.change);
    case 'set-durability':
      return planDurability(input, base, request.durability);
    case 'set-own-durability':
      return planOwnDurability(input, base, request.change);
    case 'restart-node':
      return planRestart(input, base, request.node);
    case 'reinitialise-node':
      return planReinitialise(input, base, request.node);
    case 'set-router':
      return planRouter(input, base, request.settings);
    case 'set-access':
      return planAccess(input, base, request.change);
    case 'set-parameters':
      return planParameters(base, request.parameters);
    case 'configure-backup':
    case 'start-backup':
    case 'cancel-backup':
    case 'close-look':
    case 'create-restore-point':
    case 'hold-backup':
    case 'note-backup':
      return planBackup(input, base, request);
    case 'rolling-restart': {
      const candidate = bestCandidate(input);
      return planRollingRestart(input, base, { candidate, refusal: whyNotSwitchover(input, candidate) });
    }
    case 'upgrade-postgres': {
      const candidate = bestCandidate(input);
      const switchover = { candidate, refusal: whyNotSwitchover(input, candidate) };
      return planUpgrade(input, base, { directory: request.directory, switchover });
    }
    case 'restart-daemons':
      return planDaemons(input, base);
    case 'schedule-operation':
      return planSchedule(input, base, request, planOf(input, request.request));
    case 'unschedule-operation':
      return planUnschedule(input.state, base, request.id);
  }
}

function planBeginning(
  { self }: PlanInput,
  base: PlanBody,
  request: Extract<FreshRequest, { kind: 'create-cluster' | 'restore-cluster' }>,
): PlanBody {
  const words =
    request.kind === 'restore-cluster'
      ? restoreWords(request, self)
      : { summary: `Create cluster ${request.cluster} on ${self}.` };
  return { ...base, ...words, quorumBefore: 'none', quorumAfter: '1 voter' };
}

function commonRefusal(input: PlanInput, request: OperationRequest): string | null {
  if (foundingKinds.has(request.kind)) {
    return input.state ? `This host belongs to cluster ${input.state.name} already.` : null;
  }
  if (!input.state) return 'This host is in no cluster. Ask a daemon of the cluster, or create one first.';
  const { operation } = input.state;
  if (operation) return `Another operation runs (${operation.kind}). Wait for its end: quantadb operations.`;
  return input.state.source ? whyNotWhileFollowing(input.state.source, request.kind) : null;
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
    on.minutes === null
      ? 'until somebody ends it'
      : `for ${countWords(on.minutes, 'minute')}, then it ends by itself`;
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
    warnings: [...base.warnings, ...slotWarnings(input, candidate)],
    refusal: base.refusal ?? whyNotSwitchover(input, candidate),
  };
}

function slotWarnings(input: PlanInput, candidate: string | null): string[] {
  const notReady = input.reports.get(candidate ?? '')?.slotsNotReady ?? [];
  return notReady.map(
    ({ name, reason }) =>
      `${candidate} is not ready for the logical slot ${name} (${reason}): it would be dropped, and its consumer would have to start over.`,
  );
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
  const apart = isApart(member) ? barOf(member) : null;
  if (apart) return `${candidate} is never made primary: ${apart.why}. ${apart.cure}`;
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
