import type { ClusterState, Operation, OperationKind } from '../contract/cluster-state.ts';
import type { OperationRequest } from '../contract/operations.ts';
import type { PlanBody, PlanInput } from './plan-body.ts';

/** What can still be done about an operation that runs or has failed: stop it, or go on with it (pure). */

/** What stopping means at each step, in the order of `operationSteps`; null where it has gone too far. */
const cancelEffects: Record<OperationKind, readonly (string | null)[]> = {
  'create-cluster': [],
  'adopt-server': [],
  'add-node': [
    'nothing was changed yet',
    'the node is taken out again',
    'the node is taken out again; its data directory is set aside',
    'the node is taken out again; what was copied is set aside',
  ],
  'remove-node': ['the node stays, and joins the synchronous set again'],
  'replace-node': [
    'nothing was changed yet',
    'the new node is taken out again',
    'the new node is taken out again; its data directory is set aside',
    'the new node is taken out again; what was copied is set aside',
  ],
  switchover: ['nothing was changed yet', 'the primary stays'],
  'set-maintenance': [],
  'set-durability': [null, 'the new durability stands; it is only waited for no longer'],
  'restart-node': [null, 'the node goes on starting by itself; it is only waited for no longer'],
  'rolling-restart': [
    'standbys that were restarted stay so; the others and the primary are not',
    'the standbys stay restarted; the primary is not',
    'the standbys stay restarted; the primary is not',
    null,
    null,
    null,
    'the former primary goes on starting by itself; it is only waited for no longer',
  ],
  'upgrade-postgres': [
    'nothing was changed yet',
    'standbys that were upgraded stay so; the others and the primary are not',
    'the standbys stay upgraded; the primary is not',
    'the standbys stay upgraded; the primary is not',
    null,
    null,
    null,
    'the former primary goes on starting by itself; it is only waited for no longer',
  ],
  'restart-daemons': [
    'daemons that were replaced stay so; the others are not',
    'it is only waited for no longer',
  ],
  'reinitialise-node': [null, 'the node goes on copying by itself; it is only waited for no longer'],
  'set-parameters': ['nothing was changed yet', null, 'the parameters stand; nodes that lag behind follow'],
  'set-access': ['nothing was changed yet', null, 'the lines stand; nodes that lag behind follow'],
  'set-node': [],
  'set-own-durability': [],
  'set-router': [],
  'configure-backup': [],
  'start-backup': [],
  'cancel-backup': [],
  'close-look': [],
  'create-restore-point': [],
  'hold-backup': [],
  'note-backup': [],
  'schedule-operation': [],
  'unschedule-operation': [],
  'restore-cluster': [],
  'restore-in-place': [
    'nothing was changed yet',
    'the copy is removed; the cluster goes on as it is',
    'the copy is removed; the cluster goes on as it is',
    null,
    null,
    'the standbys go on coming back by themselves; they are only waited for no longer',
  ],
  'create-standby-cluster': [],
  'forget-follower': [],
  'promote-cluster': ['nothing was changed yet', 'the source is followed again'],
};

/** What cancelling the operation now would mean; null when it has gone too far. */
export function cancelEffect(operation: Operation): string | null {
  const current = operation.steps.findIndex(({ state }) => state === 'running' || state === 'pending');
  return cancelEffects[operation.kind][current] ?? null;
}

/** Why the operation cannot be gone on with; null when it can. */
export function whyNotRetried(state: ClusterState, id: string): string | null {
  const past = state.pastOperations.find((operation) => operation.id === id);
  if (!past) return `there is no past operation ${id}`;
  if (past.state !== 'failed') return `${past.kind} is ${past.state}: there is nothing to go on with`;
  const isTakenBack = past.steps.some(({ name, state: now }) => name === 'Open for writes' && now !== 'done');
  if (past.kind === 'restore-in-place' && isTakenBack)
    return 'its copy was removed, and the cluster goes on with what it held before: plan it anew';
  const newest = state.pastOperations.at(-1);
  return newest?.id === id ? null : `${newest?.kind} came after it: plan ${past.kind} anew`;
}

export function planCancel(
  { state }: PlanInput,
  base: PlanBody,
  request: Extract<OperationRequest, { kind: 'cancel-operation' }>,
): PlanBody & { kind: OperationKind } {
  const operation = state?.operation;
  const kind = operation?.kind ?? 'switchover';
  const nothing = { ...base, kind, summary: 'Cancel an operation.', steps: [] };
  if (!operation) return { ...nothing, refusal: 'No operation runs. See: quantadb operations.' };
  if (request.operation !== null && request.operation !== operation.id)
    return { ...nothing, refusal: `Operation ${request.operation} does not run. See: quantadb operations.` };
  const effect = cancelEffect(operation);
  const step = operation.steps.find(({ state: now }) => now === 'running');
  return {
    ...base,
    kind,
    summary: `Cancel ${kind}: ${effect ?? 'not possible now'}.`,
    steps: [],
    refusal:
      effect === null
        ? `${kind} has gone too far to be cancelled (${step?.name ?? 'its last step'}). Wait for its end.`
        : null,
  };
}

export function planRetry(
  { state }: PlanInput,
  base: PlanBody,
  request: Extract<OperationRequest, { kind: 'retry-operation' }>,
): PlanBody & { kind: OperationKind } {
  const failed = failedOperation(state, request.operation);
  if (!state || !failed) {
    const refusal = base.refusal ?? nothingToRetry(state, request.operation);
    return { ...base, kind: 'switchover', summary: 'Go on with a failed operation.', steps: [], refusal };
  }
  const left = remaining(failed);
  const why = whyNotRetried(state, failed.id);
  return {
    ...base,
    kind: failed.kind,
    summary: `Go on with ${failed.kind} from “${left[0] ?? 'its end'}”, which failed: ${failed.error ?? 'no reason is known'}`,
    steps: left,
    writePause: 'as the plan of the operation said',
    refusal: base.refusal ?? (why ? `It cannot be gone on with: ${why}.` : null),
  };
}

function nothingToRetry(state: ClusterState | null, id: string | null): string {
  const newest = state?.pastOperations.at(-1);
  if (id === null && newest)
    return `The newest operation, ${newest.kind}, has not failed. Name the one that has: quantadb operations tells its id.`;
  return 'No failed operation is known under that name. See: quantadb operations.';
}

/** The operation that was asked for, or the newest; null unless it has failed. */
export function failedOperation(state: ClusterState | null, id: string | null): Operation | null {
  const past = state?.pastOperations ?? [];
  const found = id === null ? past.at(-1) : past.find((operation) => operation.id === id);
  return found?.state === 'failed' ? found : null;
}

/** The failed operation once more: what is done stays done. */
export function retried(
  failed: Operation,
  fresh: Pick<Operation, 'id' | 'requestedBy' | 'reason' | 'startedAtMs'> & { epoch: number },
): Operation {
  const { epoch, ...own } = fresh;
  return {
    ...failed,
    ...own,
    state: 'running',
    params:
      hasLeftItsReign(failed) || !('epoch' in failed.params) ? failed.params : { ...failed.params, epoch },
    steps: failed.steps.map((step) =>
      step.state === 'done'
        ? step
        : { ...step, state: 'pending', detail: '', startedAtMs: null, endedAtMs: null },
    ),
    error: null,
    endedAtMs: null,
    retryOf: failed.id,
  };
}

/** A switchover that has stopped its primary is about the reign it began in; before that, about the one that stands. */
function hasLeftItsReign({ steps }: Operation): boolean {
  return steps.some(({ name, state }) => name === 'Stop the primary cleanly' && state === 'done');
}

function remaining({ steps }: Operation): string[] {
  return steps.filter(({ state }) => state !== 'done').map(({ name }) => name);
}
