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

type Refusal = Extract<ConnectFailure, { kind: 'refused' }>;

/** Too many connections, starting up, shutting down, recovering, or closed. */
export function isTemporary(refusal: Refusal): boolean {
  const { sqlState } = refusal;
  return sqlState.startsWith('53') || sqlState.startsWith('57P') || isClosed(refusal);
}

/**
 * A node that cannot prove that it may serve takes nobody in, by a line of pg_hba.conf that rejects everybody; the cluster may call it
 * the primary for a moment longer. Lines of the cluster's own that reject a client are judged before a server is asked.
 * PostgreSQL gives it no code of its own: an adopted server with other `lc_messages` than English ones is told of at once, as any refusal.
 */
export function isClosed({ sqlState, detail }: Refusal): boolean {
  return sqlState === '28000' && detail.startsWith('pg_hba.conf rejects ');
}
