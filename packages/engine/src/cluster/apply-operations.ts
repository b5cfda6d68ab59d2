import type { CommandOf, CommandResult } from './commands.ts';
import type { Draft } from './draft.ts';

/** Operation commands (pure): one long-running change at a time, as durable steps. */

const pastOperationsMax = 50;

export function beginOperation(draft: Draft, command: CommandOf<'begin-operation'>): CommandResult {
  const { state } = draft;
  if (state.operation?.id === command.operation.id) return { ok: true };
  if (state.operation) {
    return { ok: false, reason: `another operation runs: ${state.operation.kind} (${state.operation.id})` };
  }
  // The draft counts this command already, so the plan's revision is one behind.
  if (command.revision !== state.revision - 1)
    return { ok: false, reason: 'the cluster has changed since the plan was made' };
  state.operation = command.operation;
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
  if (step.state === 'pending') step.startedAtMs = draft.atMs;
  step.state = command.change.state;
  step.detail = command.change.detail;
  if (['done', 'failed', 'skipped'].includes(step.state)) step.endedAtMs = draft.atMs;
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
  state.pastOperations.push(operation);
  if (state.pastOperations.length > pastOperationsMax) state.pastOperations.shift();
  state.operation = null;
  const failed = command.state === 'failed';
  const message = failed
    ? `${operation.kind} failed: ${command.error}`
    : `${operation.kind} is ${command.state}.`;
  draft.event(failed ? 'warning' : 'info', 'operation-ended', message);
  return { ok: true };
}
