import type { RestorePlanning } from '@quantadb/engine/contract/restore';
import type { RestoreTarget } from '@quantadb/engine/contract/restore-target';
import { QuantaError } from '@quantadb/engine/shared/errors';
import type { ConsoleClient } from './console-client.ts';
import type { Steering } from './steering.ts';

interface Wanted {
  client: ConsoleClient;
  clusterId: string;
  host: string;
  cluster: string;
  target: RestoreTarget;
}

/**
 * A moment of a running cluster becomes a new one through the console: the secrets of the repository go from host to host, and
 * nobody types them.
 *
 * @param onPlanned shown what moment it is before anything is confirmed
 */
export function restoreIntoThroughConsole(
  { client, clusterId, ...wanted }: Wanted,
  onPlanned: (planning: RestorePlanning) => void,
): Steering {
  return {
    plan: async () => {
      const { planning, plan } = await client.planRestoreInto(clusterId, wanted);
      onPlanned(planning);
      if (plan) return plan;
      throw new QuantaError('REFUSED', 'the host has made no plan for that');
    },
    start: ({ requestedBy: _, ...given }) => client.startRestoreInto(clusterId, { ...wanted, ...given }),
    witnesses: async () => [client.foundingWitness(wanted.cluster)],
  };
}
