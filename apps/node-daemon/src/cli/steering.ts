import type { NodeReport } from '@quantadb/engine/contract/node-report';
import type { OperationPlan, OperationRequest } from '@quantadb/engine/contract/operations';
import type { RestoreWay } from '@quantadb/engine/contract/restore-target';
import { QuantaError } from '@quantadb/engine/shared/errors';
import { DaemonClient } from '../client.ts';
import { loadHostConfig } from '../host-config.ts';
import type { ConsoleClient, Intent } from './console-client.ts';
import type { Witness } from './follow.ts';
import { parseAddress, type Target } from './target.ts';

export interface Confirmed {
  planHash: string;
  /** That the plan has shown, of a restore. */
  way?: RestoreWay;
  requestedBy: string;
  reason: string;
}

/** One change on its way: through the console, or straight through a daemon when there is no console. */
export interface Steering {
  plan(): Promise<OperationPlan>;
  start(options: Confirmed): Promise<string>;
  /** Who can tell how it goes on; asked for before the start. */
  witnesses(): Promise<Witness[]>;
}

export async function throughConsole(
  client: ConsoleClient,
  intent: Intent,
  clusterName: string | undefined,
): Promise<Steering> {
  const { id } = await client.cluster(clusterName);
  const wanted = 'host' in intent ? { ...intent, host: placeOf(intent.host).name } : intent;
  return {
    plan: () => client.plan(id, wanted),
    start: ({ requestedBy: _, ...given }) => client.start(id, { intent: wanted, ...given }),
    witnesses: async () => [client.witness(id)],
  };
}

export async function throughDaemon(target: Target, intent: Intent): Promise<Steering> {
  const request = await requestOf(target, intent);
  const client = await target.writer();
  return {
    plan: () => client.plan(request),
    start: async (options) => (await client.start({ request, ...options })).operationId,
    witnesses: () => target.witnesses(),
  };
}

async function requestOf(target: Target, intent: Intent): Promise<OperationRequest> {
  if (intent.kind !== 'add-node' && intent.kind !== 'replace-node') return intent;
  const { name, at } = placeOf(intent.host);
  const { addresses, kind } = at ? await reportOf(name, at) : await loadHostConfig(target.configFileOf(name));
  return { ...intent, host: { name, addresses, kind } };
}

/** `node-4`, or where no console knows it `node-4@10.0.0.4:7100`. */
function placeOf(text: string): { name: string; at: { host: string; port: number } | null } {
  const [name = '', place] = text.split('@');
  return { name, at: place === undefined ? null : parseAddress(place) };
}

/** What a host says of itself; whether that is true its certificate proves to the cluster. @throws QuantaError REFUSED */
async function reportOf(name: string, at: { host: string; port: number }): Promise<NodeReport> {
  const report = await DaemonClient.plain(at).node();
  if (report.name === name) return report;
  throw new QuantaError('REFUSED', `the host at ${at.host}:${at.port} is ${report.name}, not ${name}`);
}
