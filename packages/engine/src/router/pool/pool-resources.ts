import type { RouterSettings } from '../../contract/router-settings.ts';
import type { Counters } from '../counters.ts';
import type { ConnectFailure, ServerCredential } from '../server/handshake.ts';
import type { ServerConnection } from '../server/server-connection.ts';
import type { SessionSettings } from '../server/settings-sync.ts';
import type { RouterTopology } from '../topology.ts';

export type Opened = { ok: true; server: ServerConnection } | { ok: false; failure: ConnectFailure };

/** In whose name a pool connects. */
export interface PoolIdentity {
  readonly user: string;
  readonly database: string;
  readonly credential: ServerCredential;
  sharedIdle(server: ServerConnection): void;
}

/** `null`: the primary, whichever node that is; else a node that serves reads. */
export type Wish = string | null;

/** What a statement needs of a server that others use too. */
export interface ToShare {
  settings: SessionSettings;
  told: { isTrueOf(server: ServerConnection): boolean };
  /** How many may be in line there, itself among them. */
  places: number;
  /** So many in one line are served sooner than the first of another one. */
  spreadFrom: number;
}

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
  connect(group: PoolIdentity, node: string, onClosed: (server: ServerConnection) => void): Promise<Opened>;
}

/** Why there is no use in waiting for the primary (pure); null: there is. */
export function whyNever({ follows }: Pick<RouterTopology, 'follows'>): string | null {
  if (follows === null) return null;
  return `this cluster follows ${follows} and takes no writes: it serves statements that only read`;
}

/** Why a statement for the primary has to wait (pure); null: it need not. */
export function whyWaiting(topology: RouterTopology): string | null {
  if (topology.primary === null) return 'the cluster has no primary at the moment';
  return topology.drain;
}

/** Too many connections, starting up, shutting down, recovering. */
export function isTemporary(sqlState: string): boolean {
  return sqlState.startsWith('53') || sqlState.startsWith('57P');
}
