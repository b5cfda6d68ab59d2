import type { OperationPlan, OperationRequest } from '@quantadb/engine/contract/operations';
import { loadHostConfig } from '../host-config.ts';
import type { ConsoleClient, Intent } from './console-client.ts';
import type { Witness } from './follow.ts';
import type { Target } from './target.ts';

/** One change on its way: through the console, or straight through a daemon when there is no console. */
export interface Steering {
  plan(): Promise<OperationPlan>;
  start(options: { planHash: string; requestedBy: string; reason: string }): Promise<string>;
  /** Who can tell how it goes on; asked for before the start. */
  witnesses(): Promise<Witness[]>;
}

export async function throughConsole(
  client: ConsoleClient,
  intent: Intent,
  clusterName: string | undefined,
): Promise<Steering> {
  const { id } = await client.cluster(clusterName);
  return {
    plan: () => client.plan(id, intent),
    start: ({ planHash, reason }) => client.start(id, { intent, planHash, reason }),
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
  const { addresses, kind } = await loadHostConfig(target.configFileOf(intent.host));
  return { ...intent, host: { name: intent.host, addresses, kind } };
}
