import type { RestorePoint } from '../contract/backup.ts';
import { parseLsn, walFileName } from '../postgres/lsn.ts';
import { messageOf } from '../shared/errors.ts';
import type { Commander } from './commander.ts';
import type { StepContext } from './operation-runner.ts';
import type { Peers } from './peer-protocol.ts';
import { memberOf, submitOrRefuse } from './step-helpers.ts';

const pointDeadlineMs = 45_000;
const askDeadlineMs = 15_000;

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
  const primary = memberOf(state, state.reign.primary ?? '');
  const known = state.backup?.points.find((point) => point.name === name);
  if (known) {
    const words = `at ${known.lsn} of timeline ${known.timeline}`;
    const { archiving, segmentBytes } = await peers.call(primary, 'backup-node', {
      input: { clusterId: state.clusterId },
      deadlineMs: askDeadlineMs,
    });
    return { words, hasLeft: hasArrived(known, archiving?.lastWal ?? null, segmentBytes ?? null) };
  }
  const written = await peers.call(primary, 'create-restore-point', {
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

/** Whether the segment of a point that was set before has left since (pure): segments leave in the order in which they are written. */
export function hasArrived(
  { timeline, lsn }: Pick<RestorePoint, 'timeline' | 'lsn'>,
  lastWal: string | null,
  segmentBytes: number | null,
): boolean {
  if (lastWal === null || segmentBytes === null) return false;
  return lastWal.slice(0, 24) >= walFileName(timeline, parseLsn(lsn) - 1n, segmentBytes);
}
