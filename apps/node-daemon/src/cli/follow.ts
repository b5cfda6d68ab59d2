import type { Operation } from '@quantadb/engine/contract/cluster-state';
import type { ClusterStatus } from '@quantadb/engine/contract/status';
import { pollUntil } from '@quantadb/engine/shared/deadline';
import { QuantaError } from '@quantadb/engine/shared/errors';
import { cloneText, stepText } from './format.ts';

const followDeadlineMs = 24 * 3_600_000;
const followEveryMs = 200;
/** How long nobody may know of an operation, as during a failover, before it is given up. */
export const silenceMsMax = 60_000;

/** Somebody who can tell how an operation goes on. */
export interface Witness {
  operations(): Promise<Operation[]>;
  status(): Promise<ClusterStatus | null>;
}

/** Where the lines of a progress go: on a terminal the last one is redrawn. */
export interface ProgressOutput {
  isTerminal: boolean;
  write(text: string): void;
}

/**
 * Shows an operation's steps until its end, as whoever knows most tells them.
 *
 * @throws QuantaError PEER_UNREACHABLE when nobody has known of it for a minute
 */
export async function follow(
  id: string,
  witnesses: Witness[],
  output: ProgressOutput | null,
): Promise<Operation> {
  const show = output ? progressWriter(output) : () => undefined;
  let heardAtMs = performance.now();
  const ended = async () => {
    const views = await Promise.all(witnesses.map((witness) => witness.operations().catch(() => [])));
    const operation = newestView(views.flat(), id);
    if (operation) heardAtMs = performance.now();
    if (performance.now() - heardAtMs > silenceMsMax) throw lostSight();
    if (!operation) return undefined;
    const isCloning = operation.kind === 'add-node' && operation.state === 'running';
    show(operation, output && isCloning ? await cloneOf(witnesses) : null);
    return operation.state === 'running' ? undefined : operation;
  };
  return pollUntil(ended, {
    what: 'the end of the operation',
    timeoutMs: followDeadlineMs,
    intervalMs: followEveryMs,
  });
}

/**
 * The view of an operation that is furthest (pure): a daemon that restarts, or that has left its cluster, goes on
 * telling what it knew last.
 */
export function newestView(views: Operation[], id: string): Operation | undefined {
  const progressOf = (operation: Operation) =>
    operation.state === 'running'
      ? operation.steps.filter((step) => step.state !== 'pending').length
      : Number.POSITIVE_INFINITY;
  return views
    .filter((operation) => operation.id === id)
    .reduce<Operation | undefined>(
      (best, next) => (best && progressOf(best) >= progressOf(next) ? best : next),
      undefined,
    );
}

/** Each step once when it has ended; on a terminal also a line that moves. */
export function progressWriter(output: ProgressOutput): (operation: Operation, clone: string | null) => void {
  const told = new Set<string>();
  return (operation, clone) => {
    if (output.isTerminal) output.write('\r\u001b[K');
    for (const step of operation.steps) {
      if (step.state === 'pending' || step.state === 'running' || told.has(step.name)) continue;
      told.add(step.name);
      output.write(`${stepText(step)}\n`);
    }
    const running = operation.steps.find((step) => step.state === 'running');
    if (output.isTerminal && running) output.write(`${stepText(running)}${clone ? ` ${clone}` : ''}`);
  };
}

async function cloneOf(witnesses: Witness[]): Promise<string | null> {
  const asked = witnesses.map(async (witness) => {
    const status = await witness.status();
    if (!status) throw new Error('in no cluster');
    return status;
  });
  const status = await Promise.any(asked).catch(() => null);
  const clone = status?.nodes.find((node) => node.clone)?.clone;
  return clone ? cloneText(clone) : null;
}

function lostSight(): QuantaError {
  return new QuantaError(
    'PEER_UNREACHABLE',
    'no daemon that can be reached knows of the operation any more',
    {
      hint: 'It goes on when its cluster does: `quantadb operations` tells how it ended.',
    },
  );
}
