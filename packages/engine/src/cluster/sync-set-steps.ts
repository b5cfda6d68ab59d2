import { type ClusterState, durabilitySchema } from '../contract/cluster-state.ts';
import { ownDurabilityChangeSchema, ownerWords } from '../contract/own-durability.ts';
import { intendedTarget, isInSyncSet } from '../replication/sync-target.ts';
import type { SynchronousReplicationManager } from '../replication/synchronous-replication-manager.ts';
import { nextSyncStep } from '../replication/transitions.ts';
import { type Clock, systemClock } from '../shared/clock.ts';
import { pollUntil } from '../shared/deadline.ts';
import { QuantaError } from '../shared/errors.ts';
import { isWriteSafe } from './apply-sync-set.ts';
import type { Commander } from './commander.ts';
import { hostOf, nodeOf } from './operation-params.ts';
import type { StepContext, StepHandler } from './operation-runner.ts';
import type { Peers } from './peer-protocol.ts';
import { syncSetWords } from './plan-words.ts';
import { memberOf } from './step-helpers.ts';

interface SyncSetResources {
  synchronous: SynchronousReplicationManager;
  commander: Commander;
  clock?: Clock;
}

const commandDeadlineMs = 5000;
const deadlineMs = 60_000;
/** A standby that is down keeps a new durability from being complete, and nobody from going on. */
const changeDeadlineMs = 15_000;
/** A little longer than the primary itself waits for its standbys. */
const askDeadlineMs = 30_000;

/** Steps of operations that wait for the sync set, which the decider moves by itself once the members call for it. */

/** Not to be waited for yet is no failure: the standby joins the set whenever it has caught up. */
export function enterSyncSet(resources: SyncSetResources): StepHandler {
  return async (context) => {
    const host = hostOf(context);
    if (host.kind !== 'data') return `a ${host.kind} holds no data`;
    if (context.state().source) return 'there is none while the cluster follows another one';
    const entered = await untilSyncSet(resources, context, (state) => isWhole(state, host.name));
    return entered ? `writes wait for ${syncSetWords(context.state())}` : 'it joins once it has caught up';
  };
}

/** @throws QuantaError REFUSED when the node cannot be spared now */
export function leaveSyncSet(resources: SyncSetResources): StepHandler {
  return async (context) => {
    const node = nodeOf(context);
    const left = await untilSyncSet(resources, context, (state) => !isInSyncSet(state, node));
    if (left) return `writes wait for ${syncSetWords(context.state())}`;
    const why = resources.synchronous.waitingFor() ?? 'no reason is known';
    throw new QuantaError('REFUSED', `${node} could not leave the synchronous set: ${why}`, {
      hint: 'Bring the other standbys up (see quantadb status), then remove it again.',
    });
  };
}

export function setDurability(resources: SyncSetResources): StepHandler {
  return async (context) => {
    const durability = durabilitySchema.parse(context.operation.params);
    const command = { kind: 'set-durability' as const, durability };
    const result = await resources.commander.submit(command, commandDeadlineMs);
    if (!result.ok) throw new QuantaError('REFUSED', `the durability was not changed: ${result.reason}`);
    return `${durability.mode} ${durability.strictness}; the synchronous set follows by itself`;
  };
}

/** From `async` on, commits have to be seen to wait first: every older statement must end, and the standbys catch up. */
export function waitUntilWriteSafe(resources: SyncSetResources): StepHandler {
  return async (context) => {
    if (context.state().durability.mode === 'async') return 'writes wait for nobody';
    const isThere = (state: ClusterState) => isWriteSafe(state) && isAtRest(state);
    const reached = await untilSyncSet(resources, context, isThere, changeDeadlineMs);
    const words = `writes wait for ${syncSetWords(context.state())}`;
    if (reached) return words;
    const why = resources.synchronous.waitingFor() ?? 'the standbys have not confirmed yet';
    return isWriteSafe(context.state())
      ? `${words}; more follow by themselves: ${why}`
      : `${words}, but a failover may still lose what was written before: ${why}`;
  };
}

/** False when the set did not get there in time. */
async function untilSyncSet(
  resources: SyncSetResources,
  context: StepContext,
  isReached: (state: ClusterState) => boolean,
  limitMs = deadlineMs,
): Promise<boolean> {
  const clock = resources.clock ?? systemClock;
  const endMs = clock.monotonicMs() + limitMs;
  let said = '';
  const look = async () => {
    if (isReached(context.state())) return true;
    if (clock.monotonicMs() >= endMs) return false;
    const waiting = resources.synchronous.waitingFor();
    const words = `writes wait for ${syncSetWords(context.state())}${waiting ? `; ${waiting}` : ''}`;
    if (words !== said) await context.progress(words);
    said = words;
    return undefined;
  };
  const limits = { timeoutMs: deadlineMs * 2, intervalMs: 100, signal: context.signal };
  return pollUntil(look, { what: 'the synchronous set moves', ...limits });
}

/** Nothing is left to move, as long as every standby keeps up. */
function isAtRest(state: ClusterState): boolean {
  const { syncSet, syncProgress, reign } = state;
  const { unconfirmed } = syncProgress;
  const step = nextSyncStep({ set: syncSet, unconfirmed }, reign.primary ?? '', intendedTarget(state));
  return step.kind === 'done';
}

/** The standby's vote counts, commits wait for it, and the set is at rest. */
function isWhole({ syncSet, syncProgress }: ClusterState, name: string): boolean {
  const isMember = syncSet.electors.includes(name) && syncSet.standbys.includes(name);
  return isMember && syncProgress.unconfirmed.length === 0;
}

/** On the primary of now; the change travels in the WAL like any other. */
export function setOwnDurability({ peers }: { peers: Peers }): StepHandler {
  return async (context) => {
    const state = context.state();
    const { role, database, mode } = context.operation.params;
    const change = ownDurabilityChangeSchema.parse({ role, database, mode });
    const primary = memberOf(state, state.reign.primary ?? '');
    const input = { clusterId: state.clusterId, change };
    const answer = await peers.call(primary, 'set-own-durability', { input, deadlineMs: askDeadlineMs });
    if (!answer.ok) throw new QuantaError('REFUSED', answer.reason);
    return `${ownerWords(change)}: ${change.mode ?? 'as the cluster'}`;
  };
}
