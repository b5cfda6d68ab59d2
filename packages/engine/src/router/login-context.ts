import { type ReadSplit, splitOf } from '../contract/read-split.ts';
import type { RouterSettings } from '../contract/router-settings.ts';
import type { Statement } from './classify/classifier.ts';
import type { LoggedIn } from './client/login.ts';
import type { SessionContext } from './client/session-context.ts';
import type { Counters } from './counters.ts';
import type { DatabaseInfo, Databases } from './databases.ts';
import type { CommitOutcomes } from './outcome/commit-outcomes.ts';
import type { Groups } from './pool/groups.ts';
import type { PoolGroup } from './pool/pool-group.ts';
import type { Wish } from './pool/pool-resources.ts';
import type { EpochProof } from './reads/epoch-proof.ts';
import { ReadPolicy, type ReadPolicyOptions } from './reads/read-policy.ts';
import type { ServerConnection } from './server/server-connection.ts';
import type { SessionSettings } from './server/settings-sync.ts';

/** What every session of a router has in common. */
export interface RouterParts {
  groups: Groups;
  databases: Databases;
  counters: Counters;
  outcomes: CommitOutcomes;
  epochs: EpochProof;
  nowMs(): number;
  settings(): RouterSettings;
  reads: Pick<ReadPolicyOptions, 'balancer' | 'monitor' | 'clock' | 'topology' | 'busyOn'>;
  cancel(server: ServerConnection): void;
  /** Functions, views or operators of that database are others now, to the other workers of this router too. */
  redefined(database: string): void;
}

/** Of how long a line may take: up to here one busy server is sooner done than another one that has to be woken. */
const shortLineShare = 0.2;

/**
 * What a session needs of the router, for one that has logged in. A class, and no object put together for each session: it is asked
 * several times for every statement, and objects of one shape are looked into much
 * faster than objects of many (and a spread gives every object a shape of its own).
 */
export class LoginContext implements SessionContext {
  readonly group: PoolGroup;
  readonly database: DatabaseInfo;
  readonly counters: Counters;
  readonly isSessionPooling: boolean;
  readonly outcomes: CommitOutcomes | null;
  private readonly parts: RouterParts;
  private readonly login: LoggedIn;
  private readonly policy: ReadPolicy;
  private readonly whenEnded: () => void;
  private splitSeen: RouterSettings | null = null;
  private splitFound: ReadSplit | null = null;

  constructor(parts: RouterParts, login: LoggedIn, whenEnded: () => void) {
    const { options, credential } = login;
    this.parts = parts;
    this.login = login;
    this.whenEnded = whenEnded;
    this.group = parts.groups.get(options.user, options.database, credential);
    this.database = parts.databases.get(options.database);
    this.counters = parts.counters;
    this.isSessionPooling = parts.settings().pooling === 'session';
    this.outcomes = options.findsOutcomes ? parts.outcomes : null;
    const { balancer, monitor, clock, topology, busyOn } = parts.reads;
    this.policy = new ReadPolicy({
      balancer,
      monitor,
      clock,
      topology,
      busyOn,
      settings: parts.settings,
      isSplit: () => this.split().isOn,
      consistency: () => this.consistency,
      isProvenRead: (statement) => this.isProvenRead(statement),
    });
  }

  /** Asked for every statement, worked out once for settings that stay. */
  split(): ReadSplit {
    const now = this.parts.settings();
    if (now === this.splitSeen && this.splitFound !== null) return this.splitFound;
    const { user, database, split, splitBySuffix } = this.login.options;
    this.splitSeen = now;
    this.splitFound = splitOf(now, { user, database, asked: split, bySuffix: splitBySuffix });
    return this.splitFound;
  }

  waitMaxMs(): number {
    return this.parts.settings().queueTimeoutMs;
  }

  nowMs(): number {
    return this.parts.nowMs();
  }

  route(statement: Statement, settings: SessionSettings): Wish {
    return isSerializable(settings) && !this.isFollowing ? null : this.policy.route(statement);
  }

  isStrong(): boolean {
    return this.consistency === 'strong';
  }

  proveReign(): Promise<boolean> {
    return this.parts.epochs.prove(this.parts.settings().queueTimeoutMs);
  }

  isPaused(): boolean {
    return this.parts.groups.isPaused(this.database.name);
  }

  resumed(): Promise<boolean> {
    return this.parts.groups.resumed(this.database.name, this.waitMaxMs());
  }

  isSharing(): boolean {
    return this.parts.settings().sharing;
  }

  mayShare(statement: Statement): boolean {
    const { sharing, sharedStatementMs } = this.parts.settings();
    // What shares a server does so at once; a strong read waits for its proof first.
    if (!sharing || this.isStrong() || !this.isProvenRead(statement)) return false;
    return statement.times.mayShare(sharedStatementMs);
  }

  placesInLine(statement: Statement): number {
    const { sharedDepth, sharedStatementMs } = this.parts.settings();
    return Math.min(sharedDepth, statement.times.placesInLine(sharedStatementMs));
  }

  spreadFrom(statement: Statement): number {
    return statement.times.placesInLine(this.parts.settings().sharedStatementMs * shortLineShare);
  }

  wrote(redefines: boolean): void {
    if (redefines) {
      this.database.catalogue.changed();
      this.parts.redefined(this.database.name);
    }
    this.policy.wrote();
  }

  isPrimary(node: string): boolean {
    return this.parts.reads.topology().primary === node;
  }

  isProvenRead(statement: Statement): boolean {
    return this.database.catalogue.isProvenRead(statement);
  }

  cancel(server: ServerConnection): void {
    this.parts.cancel(server);
  }

  ended(): void {
    this.whenEnded();
  }

  private get consistency() {
    return this.login.options.consistency ?? this.parts.settings().consistency;
  }

  get isFollowing(): boolean {
    return this.parts.reads.topology().follows !== null;
  }
}

/** No standby has such transactions. In a cluster that follows another one PostgreSQL says so itself. */
function isSerializable(settings: SessionSettings): boolean {
  return settings.get('default_transaction_isolation') === 'serializable';
}
