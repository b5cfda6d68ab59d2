import type { Operation } from '@quantadb/engine/contract/cluster-state';
import type { OperationRequest } from '@quantadb/engine/contract/operations';
import type { ClusterStatus } from '@quantadb/engine/contract/status';
import { pollUntil } from '@quantadb/engine/shared/deadline';
import { QuantaError } from '@quantadb/engine/shared/errors';
import type { DaemonClient } from '../client.ts';
import { loadHostConfig } from '../host-config.ts';
import type { Secrets, SystemFile } from './installation.ts';
import { demoCluster } from './layout.ts';

export interface BringUpOptions {
  system: SystemFile;
  secrets: Secrets;
  client(name: string): DaemonClient;
  say(line: string): void;
}

const daemonDeadlineMs = 60_000;
const operationDeadlineMs = 300_000;
const healthyDeadlineMs = 90_000;
const pollMs = 100;
const founder = 'node-1';
const joiners = ['node-2', 'node-3'];

/** Waits for the daemons, makes the cluster `demo` if there is none, and completes one that was left half made. */
export async function bringUp(options: BringUpOptions): Promise<ClusterStatus> {
  await Promise.all(options.system.hosts.map((host) => untilAnswers(options, host.name)));
  const members = new Set<string>();
  for (const { name } of options.system.hosts) {
    const host = await options.client(name).host();
    if (host.cluster) members.add(name);
  }
  if (members.size === 0) {
    options.say(`Making cluster ${demoCluster} on ${founder} …`);
    const request = {
      kind: 'create-cluster',
      cluster: demoCluster,
      application: options.secrets.application,
    } as const;
    await run(options, founder, { ...request, parameters: {}, hba: [] });
    members.add(founder);
  }
  await untilPrimary(options, [...members]);
  // Only the first start adds nodes: later on the members are what people have made them.
  const isNew = members.size === 1 && members.has(founder);
  for (const name of isNew ? joiners : []) await addNode(options, name);
  return untilHealthy(options);
}

async function addNode(options: BringUpOptions, name: string): Promise<void> {
  const host = options.system.hosts.find((each) => each.name === name);
  if (!host) return;
  options.say(`Adding ${name} …`);
  const { addresses, kind } = await loadHostConfig(host.config);
  await run(options, founder, { kind: 'add-node', host: { name, addresses, kind } });
}

async function run(options: BringUpOptions, via: string, request: OperationRequest): Promise<Operation> {
  const client = options.client(via);
  const plan = await client.plan(request);
  if (plan.refusal) throw new QuantaError('REFUSED', plan.refusal);
  const { operationId } = await client.start({
    request,
    planHash: plan.hash,
    requestedBy: 'local system',
    reason: 'first start',
  });
  const ended = async () => {
    const operations = await client.operations().catch(() => []);
    return operations.find((each) => each.id === operationId && each.state !== 'running');
  };
  const operation = await pollUntil(ended, {
    what: request.kind,
    timeoutMs: operationDeadlineMs,
    intervalMs: pollMs,
  });
  if (operation.state === 'done') return operation;
  throw new QuantaError('REFUSED', `${request.kind} failed: ${operation.error ?? 'no reason was given'}`, {
    hint: 'See daemon.log and state/postgres.log of the hosts in QUANTADB_HOME.',
  });
}

function untilAnswers(options: BringUpOptions, name: string): Promise<unknown> {
  const answers = () =>
    options
      .client(name)
      .host()
      .catch(() => undefined);
  const what = `the daemon of ${name} answers (see its daemon.log)`;
  return pollUntil(answers, { what, timeoutMs: daemonDeadlineMs, intervalMs: pollMs });
}

function untilPrimary(options: BringUpOptions, members: string[]): Promise<unknown> {
  const found = async () => {
    for (const name of members) {
      const status = await options
        .client(name)
        .status()
        .catch(() => null);
      if (status?.primary) return status;
    }
    return undefined;
  };
  return pollUntil(found, {
    what: 'the cluster has a primary',
    timeoutMs: healthyDeadlineMs,
    intervalMs: pollMs,
  });
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
    return await pollUntil(healthy, {
      what: 'the cluster is healthy',
      timeoutMs: healthyDeadlineMs,
      intervalMs: pollMs,
    });
  } catch (error) {
    if (last) return last;
    throw error;
  }
}
