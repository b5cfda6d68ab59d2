import { messageOf } from '../shared/errors.ts';
import type { Commander } from './commander.ts';
import type { StepContext } from './operation-runner.ts';
import type { Peers } from './peer-protocol.ts';
import { memberOf, submitOrRefuse } from './step-helpers.ts';

const pointDeadlineMs = 45_000;

/**
 * Before an operation after which people may want to be back: a point that bears its name, as words for its step. A point that
 * could not be set holds nothing up.
 */
export async function pointBefore(
  resources: { commander: Commander; peers: Peers },
  context: StepContext,
): Promise<string> {
  if (!context.state().backup?.config) return '';
  const { id, kind } = context.operation;
  const name = `before ${kind} ${id.slice(0, 8)}`;
  try {
    const { words } = await setPoint(resources, context, name);
    return `; restore point "${name}" ${words}`;
  } catch (error) {
    if (context.signal.aborted) throw error;
    return `; no restore point could be set: ${messageOf(error)}`;
  }
}

/** Writes a named point into the primary's WAL, once per name, and says where, and whether the repository has it. */
export async function setPoint(
  { commander, peers }: { commander: Commander; peers: Peers },
  context: StepContext,
  name: string,
): Promise<{ words: string; hasLeft: boolean }> {
  const state = context.state();
  const known = state.backup?.points.find((point) => point.name === name);
  if (known) return { words: `at ${known.lsn} of timeline ${known.timeline}`, hasLeft: true };
  const written = await peers.call(memberOf(state, state.reign.primary ?? ''), 'create-restore-point', {
    input: { clusterId: state.clusterId, name },
    deadlineMs: pointDeadlineMs,
  });
  const { hasLeft, ...point } = written;
  const by = context.operation.requestedBy;
  await submitOrRefuse(commander, { kind: 'note-restore-point', point: { ...point, by } });
  const words = `at ${point.lsn} of timeline ${point.timeline}`;
  if (!state.backup?.config) return { words: `${words}; nothing is archived`, hasLeft: false };
  return { words: `${words}, ${hasLeft ? 'in the repository' : 'not in the repository yet'}`, hasLeft };
}
