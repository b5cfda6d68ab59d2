import type { ReadSplit } from '../../contract/read-split.ts';
import type { Statement } from '../classify/classifier.ts';
import type { Counters } from '../counters.ts';
import type { DatabaseInfo } from '../databases.ts';
import type { Wire } from '../net/wire.ts';
import type { CommitOutcomes } from '../outcome/commit-outcomes.ts';
import type { PoolGroup } from '../pool/pool-group.ts';
import type { Wish } from '../pool/pool-resources.ts';
import type { ServerConnection } from '../server/server-connection.ts';
import type { SessionSettings } from '../server/settings-sync.ts';

export interface SessionOptions {
  id: number;
  secret: Buffer;
  wire: Wire;
  context: SessionContext;
  applicationName: string;
  /** What the client asked for in its startup packet, as settings. */
  settings: SessionSettings;
  /** What it has been told of the server's parameters. */
  told: Map<string, string>;
}

/** What a session needs of the router. */
export interface SessionContext {
  group: PoolGroup;
  database: DatabaseInfo;
  counters: Counters;
  isSessionPooling: boolean;
  /** Whether its reads go to standbys, as things are now, and what says so. */
  split(): ReadSplit;
  /** Null: the connection has not asked for it. */
  outcomes: CommitOutcomes | null;
  /** How long a statement waits for a server, or a lost COMMIT for its outcome. */
  waitMaxMs(): number;
  nowMs(): number;
  /** Where a statement outside of a transaction goes. */
  route(statement: Statement, settings: SessionSettings): Wish;
  /** Its reads miss nothing that was acknowledged to anybody before. */
  isStrong(): boolean;
  /** Whether a majority confirms the reign that this router goes by; false when it does not in time. */
  proveReign(): Promise<boolean>;
  /** PAUSE on the router's own database. */
  isPaused(): boolean;
  /** Once it is not any more; false when that takes too long. */
  resumed(): Promise<boolean>;
  /** Whether anything may. */
  isSharing(): boolean;
  /** May be put behind others' on a server that is in use: proven to read only, and quick. */
  mayShare(statement: Statement): boolean;
  /** How many may stand in one line when this is one of them. */
  placesInLine(statement: Statement): number;
  /** How many like this one have to stand in line before another server is worth waking. */
  spreadFrom(statement: Statement): number;
  /** Something that may have written has ended on the primary; perhaps other statements do something else from now on. */
  wrote(redefines: boolean): void;
  isPrimary(node: string): boolean;
  /** The cluster follows another one: there never is a primary. */
  readonly isFollowing: boolean;
  /** Proven to read only: it may be repeated. */
  isProvenRead(statement: Statement): boolean;
  /** Asks PostgreSQL to end what that server is doing; settles when the request has been delivered. */
  cancel(server: ServerConnection): void;
  ended(): void;
}
