import { stat } from 'node:fs/promises';
import { outdatedWords } from '@quantadb/engine/contract/operation-plan';
import type { OperationRequest } from '@quantadb/engine/contract/operations';
import type { ClusterStatus } from '@quantadb/engine/contract/status';
import { pollUntil } from '@quantadb/engine/shared/deadline';
import { writeDurably } from '@quantadb/engine/shared/durable-file';
import { messageOf, QuantaError } from '@quantadb/engine/shared/errors';
import type { DaemonClient } from '../client.ts';
import { loadHostConfig } from '../host-config.ts';
import type { SystemFile } from './installation.ts';
import { demoCluster } from './layout.ts';
import type { Secrets } from './secrets.ts';

export interface BringUpOptions {
  system: SystemFile;
  secrets: Pick<Secrets, 'application'>;
  /** There once the cluster was complete: from then on the members are what people have made them. */
  formedFile: string;
  client(name: string): DaemonClient;
  say(line: string): void;
  /** Ends every wait. */
  signal: AbortSignal;
}

const daemonDeadlineMs = 60_000;
const operationDeadlineMs = 300_000;
const healthyDeadlineMs = 60_000;
const pollMs = 100;
const planAttempts = 5;
const founder = 'node-1';
const joiners = ['node-2', 'node-3'];

/**
 * Waits for the daemons, makes the cluster `demo` if there is none, and completes one that an interrupted first start
 * has left half made.
 *
 * @returns how it is: healthy, or as it was at the end of the wait
 * @throws QuantaError DEADLINE_EXCEEDED without daemons or without a cluster, REFUSED when an operation fails
 */
export async function bringUp(options: BringUpOptions): Promise<ClusterStatus> {
  const { system, say } = options;
  const found = await Promise.all(system.hosts.map((host) => untilAnswers(options, host.name)));
  const isFormed = await exists(options.formedFile);
  if (!isFormed) {
    if (found.every((host) => host.cluster === null)) await createCluster(options);
    const members = await untilSettled(options);
    for (const name of joiners) if (!members.includes(name)) await addNode(options, name);
    await writeDurably(options.formedFile, `${demoCluster}\n`);
  } else {
    say(`Waiting for cluster ${demoCluster} …`);
  }
  return untilHealthy(options);
}

async function createCluster(options: BringUpOptions): Promise<void> {
  options.say(`Making cluster ${demoCluster} on ${founder} …`);
  const { application } = options.secrets;
  await run(options, { kind: 'create-cluster', cluster: demoCluster, application, parameters: {}, hba: [] });
}

async function addNode(options: BringUpOptions, name: string): Promise<void> {
  const host = options.system.hosts.find((each) => each.name === name);
  if (!host) return;
  options.say(`Adding ${name} …`);
  const { addresses, kind } = await loadHostConfig(host.config);
  await run(options, { kind: 'add-node', host: { name, addresses, kind } });
}

async function run(options: BringUpOptions, request: OperationRequest): Promise<void> {
  const client = options.client(founder);
  const operationId = await begin(client, request);
  const ended = async () => {
    const operations = await client.operations().catch(() => []);
    return operations.find((each) => each.id === operationId && each.state !== 'running');
  };
  const operation = await wait(options, ended, { what: request.kind, timeoutMs: operationDeadlineMs });
  if (operation.state === 'done') return;
  throw new QuantaError('REFUSED', `${request.kind} failed: ${operation.error ?? 'no reason was given'}`, {
    hint: 'See daemon.log and state/postgres.log of the hosts in QUANTADB_HOME.',
  });
}

/** Nobody reads the plan: when the cluster has agreed on something else meanwhile it is made anew. */
async function begin(client: DaemonClient, request: OperationRequest): Promise<string> {
  for (let attempt = 1; ; attempt += 1) {
    const plan = await client.plan(request);
    if (plan.refusal) throw new QuantaError('REFUSED', plan.refusal);
    const start = { request, planHash: plan.hash, requestedBy: 'local system', reason: 'first start' };
    try {
      return (await client.start(start)).operationId;
    } catch (error) {
      if (attempt === planAttempts || !messageOf(error).includes(outdatedWords)) throw error;
    }
  }
}

function untilAnswers(options: BringUpOptions, name: string) {
  const answers = () =>
    options
      .client(name)
      .host()
      .catch(() => undefined);
  const what = `the daemon of ${name} answers (see its daemon.log)`;
  return wait(options, answers, { what, timeoutMs: daemonDeadlineMs });
}

/** The members, once there is a primary and no operation of an earlier start still runs. */
function untilSettled(options: BringUpOptions): Promise<string[]> {
  const settled = async () => {
    const client = options.client(founder);
    const status = await client.status().catch(() => null);
    const operations = await client.operations().catch(() => null);
    if (!status?.primary || !operations) return undefined;
    if (operations.some((operation) => operation.state === 'running')) return undefined;
    return status.nodes.map((node) => node.name);
  };
  return wait(options, settled, { what: 'the cluster has a primary', timeoutMs: operationDeadlineMs });
}

/** Healthy, or the last verdict: a cluster that lost a node on purpose must not keep the rest from starting. */
async function untilHealthy(options: BringUpOptions): Promise<ClusterStatus> {
  let last: ClusterStatus | null = null;
  const healthy = async () => {
    for (const { name } of options.system.hosts) {
      const status = await options
        .client(name)
        .status()
        .catch(() => null);
      if (!status) continue;
      last = status;
      if (status.health === 'healthy') return status;
    }
    return undefined;
  };
  try {
    return await wait(options, healthy, { what: 'the cluster is healthy', timeoutMs: healthyDeadlineMs });
  } catch (error) {
    if (last && !options.signal.aborted) return last;
    throw error;
  }
}

function wait<T>(
  options: BringUpOptions,
  condition: () => Promise<T | undefined>,
  given: { what: string; timeoutMs: number },
): Promise<T> {
  return pollUntil(condition, { ...given, intervalMs: pollMs, signal: options.signal });
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
