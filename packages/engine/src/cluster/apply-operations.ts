import type { Operation } from '../contract/cluster-state.ts';
import { outdatedWords } from '../contract/operation-plan.ts';
import { restoreEnded } from './apply-restore.ts';
import type { CommandOf, CommandResult } from './commands.ts';
import type { Draft } from './draft.ts';
import { cancelEffect, whyNotRetried } from './operation-follow-up.ts';
import { forgetScheduled } from './scheduling.ts';

/** Operation commands (pure): one long-running change at a time, as durable steps. */

const pastOperationsMax = 50;

export function beginOperation(draft: Draft, command: CommandOf<'begin-operation'>): CommandResult {
  const { state } = draft;
  if (state.operation?.id === command.operation.id) return { ok: true };
  if (state.operation) {
    return { ok: false, reason: `another operation runs: ${state.operation.kind} (${state.operation.id})` };
  }
  const { retryOf } = command.operation;
  const refusal = retryOf === undefined ? null : whyNotRetried(state, retryOf);
  if (refusal) return { ok: false, reason: refusal };
  // The draft counts this command already, so the plan's revision is one behind.
  if (command.revision !== state.revision - 1) return { ok: false, reason: `the cluster ${outdatedWords}` };
  state.operation = command.operation;
  forgetScheduled(draft, command.operation.id);
  draft.event(
    'info',
    'operation-started',
    `${command.operation.kind} started by ${command.operation.requestedBy}.`,
  );
  return { ok: true };
}

export function stepOperation(draft: Draft, command: CommandOf<'step-operation'>): CommandResult {
  const operation = draft.state.operation;
  if (operation?.id !== command.id) return { ok: false, reason: 'that operation does not run' };
  const step = operation.steps[command.step];
  if (!step) return { ok: false, reason: `the operation has no step ${command.step}` };
  // What has not begun stays undone; the step that runs may still say how far it came, or that it is done.
  if (operation.cancel && step.state !== 'running')
    return { ok: false, reason: 'the operation is being cancelled' };
  if (step.state === 'pending') step.startedAtMs = draft.atMs;
  step.state = command.change.state;
  step.detail = command.change.detail;
  if (['done', 'failed', 'skipped'].includes(step.state)) step.endedAtMs = draft.atMs;
  return { ok: true };
}

/** Only marks it: the decider stops the step, takes back what was begun, and ends the operation. */
export function cancelOperation(draft: Draft, command: CommandOf<'cancel-operation'>): CommandResult {
  const { operation } = draft.state;
  if (operation?.id !== command.id) return { ok: false, reason: 'that operation does not run' };
  if (operation.cancel) return { ok: true };
  if (cancelEffect(operation) === null)
    return { ok: false, reason: `${operation.kind} has gone too far to be cancelled` };
  operation.cancel = { by: command.by, atMs: draft.atMs };
  draft.event('info', 'operation-cancelled', `${command.by} wants ${operation.kind} to stop.`);
  return { ok: true };
}

export function endOperation(draft: Draft, command: CommandOf<'end-operation'>): CommandResult {
  const { state } = draft;
  const operation = state.operation;
  if (operation?.id !== command.id) {
    const ended = state.pastOperations.some((past) => past.id === command.id);
    return ended ? { ok: true } : { ok: false, reason: 'that operation does not run' };
  }
  operation.state = command.state;
  operation.error = command.error;
  operation.endedAtMs = draft.atMs;
  closeSteps(operation, draft.atMs);
  state.pastOperations.push(operation);
  if (state.pastOperations.length > pastOperationsMax) state.pastOperations.shift();
  state.operation = null;
  restoreEnded(draft, operation.id);
  noteEnd(draft, operation);
  return { ok: true };
}

/** The step that ran carries the operation's error: both are said by one command, so no crash comes in between. */
function closeSteps(operation: Operation, atMs: number): void {
  if (operation.state === 'done') return;
  for (const step of operation.steps) {
    if (step.state === 'pending' && operation.state === 'cancelled') step.state = 'skipped';
    if (step.state !== 'running') continue;
    step.state = operation.state === 'failed' ? 'failed' : 'skipped';
    step.detail = operation.error ?? step.detail;
    step.endedAtMs = atMs;
  }
}

function noteEnd(draft: Draft, operation: Operation): void {
  const failed = operation.state === 'failed';
  const message = failed
    ? `${operation.kind} failed: ${operation.error}`
    : `${operation.kind} is ${operation.state}.`;
  draft.event(failed ? 'warning' : 'info', 'operation-ended', message);
}
