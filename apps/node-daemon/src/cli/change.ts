import { userInfo } from 'node:os';
import { createInterface } from 'node:readline/promises';
import type { Operation } from '@quantadb/engine/contract/cluster-state';
import type { OperationRequest } from '@quantadb/engine/contract/operations';
import { pollUntil } from '@quantadb/engine/shared/deadline';
import { QuantaError } from '@quantadb/engine/shared/errors';
import type { DaemonClient } from '../client.ts';
import { cloneText, planText, stepText } from './format.ts';
import { UsageError } from './usage-error.ts';

export interface ChangeOptions {
  client: DaemonClient;
  request: OperationRequest;
  reason: string;
  /** Goes on without asking. */
  yes: boolean;
  json: boolean;
}

const followDeadlineMs = 24 * 3_600_000;
const followEveryMs = 200;

/** Plan, confirmation, start, progress to the end: the same for every change. */
export async function change(options: ChangeOptions): Promise<Operation> {
  const { client, request, json } = options;
  const plan = await client.plan(request);
  if (plan.refusal) throw new QuantaError('REFUSED', plan.refusal);
  if (!json) process.stdout.write(`${planText(plan)}\n\n`);
  await confirm(options);
  const requestedBy = userInfo().username;
  const { operationId } = await client.start({
    request,
    planHash: plan.hash,
    requestedBy,
    reason: options.reason,
  });
  const operation = await follow(client, operationId, json ? () => undefined : progressWriter());
  if (operation.state === 'done') return operation;
  throw new QuantaError(
    'REFUSED',
    `${operation.kind} ended as ${operation.state}: ${operation.error ?? 'no reason was given'}`,
    {
      hint: '`quantadb events` tells what happened meanwhile.',
    },
  );
}

async function confirm(options: ChangeOptions): Promise<void> {
  if (options.yes) return;
  if (!process.stdin.isTTY || options.json)
    throw new UsageError('there is nobody to confirm: add --yes to go on without asking');
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question('Go on? [y/N] ');
  terminal.close();
  if (!/^y(es)?$/i.test(answer.trim()))
    throw new QuantaError('REFUSED', 'not confirmed; nothing was changed');
}

type Show = (operation: Operation, clone: string | null) => void;

async function follow(client: DaemonClient, id: string, show: Show): Promise<Operation> {
  const ended = async () => {
    const operations = await client.operations().catch(() => []);
    const operation = operations.find((each) => each.id === id);
    if (!operation) return undefined;
    show(operation, operation.kind === 'add-node' ? await cloneOf(client) : null);
    return operation.state === 'running' ? undefined : operation;
  };
  return pollUntil(ended, { what: 'the operation', timeoutMs: followDeadlineMs, intervalMs: followEveryMs });
}

async function cloneOf(client: DaemonClient): Promise<string | null> {
  const status = await client.status().catch(() => null);
  const clone = status?.nodes.find((node) => node.clone)?.clone;
  return clone ? cloneText(clone) : null;
}

/** Each step once when it has ended; on a terminal also a line that moves. */
function progressWriter(): Show {
  const told = new Set<string>();
  const isTerminal = process.stdout.isTTY;
  return (operation, clone) => {
    if (isTerminal) process.stdout.write('\r\u001b[K');
    for (const step of operation.steps) {
      if (step.state === 'pending' || step.state === 'running' || told.has(step.name)) continue;
      told.add(step.name);
      process.stdout.write(`${stepText(step)}\n`);
    }
    const running = operation.steps.find((step) => step.state === 'running');
    if (isTerminal && running) process.stdout.write(`${stepText(running)}${clone ? ` ${clone}` : ''}`);
  };
}
