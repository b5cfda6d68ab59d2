import { userInfo } from 'node:os';
import { createInterface } from 'node:readline/promises';
import type { Operation } from '@quantadb/engine/contract/cluster-state';
import { QuantaError } from '@quantadb/engine/shared/errors';
import { follow } from './follow.ts';
import { planText } from './format.ts';
import type { Steering } from './steering.ts';
import { UsageError } from './usage-error.ts';

export interface ChangeOptions {
  steering: Steering;
  reason: string;
  /** Goes on without asking. */
  yes: boolean;
  /** How the operation ends when all goes well; usually `done`. */
  wanted?: 'done' | 'cancelled';
  json: boolean;
}

/** Plan, confirmation, start, progress to the end: the same for every change. */
export async function change(options: ChangeOptions): Promise<Operation> {
  const { steering, json } = options;
  const plan = await steering.plan();
  if (plan.refusal) throw new QuantaError('REFUSED', plan.refusal);
  if (!json) process.stdout.write(`${planText(plan)}\n\n`);
  await confirm(options);
  // Asked for before the start: the operation may take the daemon that is asked out of the cluster.
  const witnesses = await steering.witnesses();
  const { reason } = options;
  const { hash: planHash, way } = plan;
  const given = { planHash, requestedBy: userName(), reason, ...(way ? { way } : {}) };
  const operationId = await steering.start(given).catch(maybeStarted);
  const output = { isTerminal: process.stdout.isTTY, write: (text: string) => process.stdout.write(text) };
  const operation = await follow(operationId, witnesses, json ? null : output);
  if (operation.state === (options.wanted ?? 'done')) return operation;
  throw new QuantaError(
    'REFUSED',
    `${operation.kind} ended as ${operation.state}: ${operation.error ?? 'no reason was given'}`,
    {
      hint: '`quantadb events` tells what happened meanwhile.',
    },
  );
}

/** Whoever was asked may have passed it on before its answer was lost: then it goes on without anybody here. */
function maybeStarted(error: unknown): never {
  const isLost =
    error instanceof QuantaError && (error.code === 'PEER_UNREACHABLE' || error.code === 'DEADLINE_EXCEEDED');
  if (!isLost) throw error;
  throw new QuantaError(
    error.code,
    `nobody answered to the start, so it may have begun all the same (${error.message})`,
    { cause: error, hint: 'See whether it runs before you ask again: quantadb operations.' },
  );
}

/** @throws UsageError where nobody can be asked, QuantaError REFUSED after a no */
export async function confirm(options: Pick<ChangeOptions, 'yes' | 'json'>): Promise<void> {
  if (options.yes) return;
  if (!process.stdin.isTTY || options.json)
    throw new UsageError('there is nobody to confirm: add --yes to go on without asking');
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question('Go on? [y/N] ');
  terminal.close();
  if (!/^y(es)?$/i.test(answer.trim()))
    throw new QuantaError('REFUSED', 'not confirmed; nothing was changed');
}

/** An account without a name, as containers have it, is known by its number. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}
