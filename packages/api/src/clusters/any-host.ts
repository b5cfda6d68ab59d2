import { QuantaError } from '@quantadb/engine/shared/errors';
import type { Services } from '../services.ts';

/** Any member forwards to the decider; one that is not connected, or cannot find the decider, is passed over. */
export async function withAnyHost<T>(
  services: Pick<Services, 'registry'>,
  clusterId: string,
  work: (host: string) => Promise<T>,
): Promise<T> {
  const hosts = await services.registry.hostsOf(clusterId);
  let last: unknown = new QuantaError(
    'NOT_FOUND',
    'no such cluster, or none of its hosts has ever connected',
  );
  for (const host of hosts) {
    try {
      return await work(host);
    } catch (error) {
      last = error;
      const code = error instanceof QuantaError ? error.code : null;
      if (code !== 'PEER_UNREACHABLE' && code !== 'NO_QUORUM' && code !== 'NOT_LEADER') throw error;
    }
  }
  throw last;
}
