import type { Counters } from '../counters.ts';
import type { ConnectFailure } from '../server/handshake.ts';
import type { ServerConnection } from '../server/server-connection.ts';
import type { RouterSettings } from '../settings.ts';
import type { RouterTopology } from '../topology.ts';
import type { PoolGroup } from './pool-group.ts';

export type Opened = { ok: true; server: ServerConnection } | { ok: false; failure: ConnectFailure };

/** What all pools of a router share. */
export interface PoolResources {
  topology(): RouterTopology;
  settings(): RouterSettings;
  counters: Counters;
  nowMs(): number;
  /** PAUSE on the admin database. */
  isPaused(database: string): boolean;
  /** Whether one more connection to that server is within its limit; makes room among idle ones if it can. */
  mayOpen(node: string): boolean;
  connect(group: PoolGroup, node: string, onClosed: (server: ServerConnection) => void): Promise<Opened>;
}

/** Why a statement for the primary has to wait (pure); null: it need not. */
export function whyWaiting(topology: RouterTopology): string | null {
  if (topology.primary === null) return 'the cluster has no primary at the moment';
  return topology.drain;
}
