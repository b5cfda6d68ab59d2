import { randomBytes, timingSafeEqual } from 'node:crypto';
import { type ReadSplit, splitOf } from '../contract/read-split.ts';
import type { RouterSettings } from '../contract/router-settings.ts';
import { type Clock, sleep } from '../shared/clock.ts';
import type { Logger } from '../shared/logger.ts';
import type { LoggedIn } from './client/login.ts';
import { ClientSession } from './client/session.ts';
import type { SessionContext } from './client/session-context.ts';
import { Welcome } from './client/welcome.ts';
import type { Counters } from './counters.ts';
import type { Databases } from './databases.ts';
import type { CommitOutcomes } from './outcome/commit-outcomes.ts';
import type { Groups } from './pool/groups.ts';
import { backendKeyData, parameterStatus, readyForQuery } from './protocol/build.ts';
import { transactionStatus } from './protocol/codes.ts';
import type { EpochProof } from './reads/epoch-proof.ts';
import { ReadPolicy, type ReadPolicyOptions } from './reads/read-policy.ts';
import type { ServerConnection } from './server/server-connection.ts';
import type { SessionSettings } from './server/settings-sync.ts';
import { type CrewPlace, idsOf } from './worker/crew-questions.ts';

export interface SessionDeskOptions {
  groups: Groups;
  databases: Databases;
  counters: Counters;
  logger: Logger;
  outcomes: CommitOutcomes;
  epochs: EpochProof;
  nowMs(): number;
  settings(): RouterSettings;
  reads: Pick<ReadPolicyOptions, 'balancer' | 'monitor' | 'clock' | 'topology' | 'busyOn'>;
  cancel(server: ServerConnection): void;
  place: CrewPlace;
}

/** Cancel keys of protocol 3.0 have four bytes; newer ones may be as long as they like. */
const secretBytes = { old: 4, new: 32 };

/** Everybody who is logged in. */
export class SessionDesk {
  readonly sessions = new Map<number, ClientSession>();
  private readonly options: SessionDeskOptions;
  private nextId = 1;

  constructor(options: SessionDeskOptions) {
    this.options = options;
  }

  /** A client has proven who it is: as soon as its database has answered, it is ready. */
  open(login: LoggedIn): void {
    const { wire, options, credential } = login;
    const group = this.options.groups.get(options.user, options.database, credential);
    const welcome = new Welcome({
      ...{ group, wire, settings: options.settings, rest: login.rest },
      database: this.options.databases.get(options.database),
      ready: (parameters, rest) => this.begin(login, parameters, rest),
    });
    welcome.start();
  }

  /** @returns how many have a transaction under way */
  busyIn(database: string | null): number {
    const isIn = (session: ClientSession) => database === null || session.context.group.database === database;
    return [...this.sessions.values()].filter((session) => session.isBusy && isIn(session)).length;
  }

  /**
   * @param secret as the client got it
   * @returns whether it is the session's here
   */
  cancel(processId: number, secret: Buffer): boolean {
    const session = this.sessions.get(processId);
    if (!session || session.secret.length !== secret.length || !timingSafeEqual(session.secret, secret))
      return false;
    session.cancel();
    return true;
  }

  /** Ends every session: at once where nothing runs, the others after their transaction or at the deadline. */
  async drain(deadlineMs: number, clock: Clock): Promise<void> {
    const endMs = clock.monotonicMs() + deadlineMs;
    for (;;) {
      const isOver = clock.monotonicMs() >= endMs;
      for (const session of [...this.sessions.values()]) {
        const isFree = session.server === null && !session.isWaiting;
        if (isFree || isOver || session.isIdle)
          session.fatal('57P01', 'terminating connection due to administrator command');
      }
      if (this.sessions.size === 0) return;
      await sleep(clock, drainStepMs);
    }
  }

  private begin(login: LoggedIn, parameters: Map<string, string>, rest: Buffer): void {
    const { wire, options, minorVersion } = login;
    const id = this.newId();
    const secret = randomBytes(minorVersion >= 2 ? secretBytes.new : secretBytes.old);
    const group = this.options.groups.get(options.user, options.database, login.credential);
    const session = new ClientSession({
      ...{ id, secret, wire, applicationName: options.applicationName, settings: options.settings },
      context: this.contextOf(login, () => {
        this.sessions.delete(id);
        group.sessions--;
      }),
      told: new Map(parameters),
    });
    group.sessions++;
    this.sessions.set(id, session);
    for (const [name, value] of parameters) wire.appendAll(parameterStatus(name, value));
    wire.appendAll(backendKeyData(id, secret));
    wire.appendAll(readyForQuery(transactionStatus.idle));
    wire.flush();
    wire.use(session);
    if (rest.length > 0) session.bytes(rest, rest.length);
  }

  private contextOf({ options, credential }: LoggedIn, ended: () => void): SessionContext {
    const { groups, databases, counters, nowMs, settings, cancel } = this.options;
    const database = databases.get(options.database);
    const { reads } = this.options;
    const { user } = options;
    const split = remembered(settings, (now) =>
      splitOf(now, {
        user,
        database: options.database,
        asked: options.split,
        bySuffix: options.splitBySuffix,
      }),
    );
    const consistency = () => options.consistency ?? settings().consistency;
    const policy = new ReadPolicy({
      ...reads,
      settings,
      isSplit: () => split().isOn,
      consistency,
      isProvenRead: (statement) => database.catalogue.isProvenRead(statement),
    });
    return {
      ...{ database, counters, nowMs, cancel, ended, split },
      group: groups.get(options.user, options.database, credential),
      isSessionPooling: settings().pooling === 'session',
      outcomes: options.findsOutcomes ? this.options.outcomes : null,
      waitMaxMs: () => settings().queueTimeoutMs,
      route: (statement, own) => (isSerializable(own) && !this.isFollowing ? null : policy.route(statement)),
      wrote: (redefines) => {
        if (redefines) database.catalogue.changed();
        policy.wrote();
      },
      isPrimary: (node) => this.options.reads.topology().primary === node,
      isStrong: () => consistency() === 'strong',
      proveReign: () => this.options.epochs.prove(settings().queueTimeoutMs),
      isSharing: () => settings().sharing,
      mayShare: (statement) => {
        const { sharing, sharedStatementMs } = settings();
        // What shares a server does so at once; a strong read waits for its proof first.
        if (!sharing || consistency() === 'strong' || !database.catalogue.isProvenRead(statement))
          return false;
        return statement.times.mayShare(sharedStatementMs);
      },
      isProvenRead: (statement) => database.catalogue.isProvenRead(statement),
    };
  }

  private get isFollowing(): boolean {
    return this.options.reads.topology().follows !== null;
  }

  /** Positive, and not one that is in use: clients may show it as a process id. */
  private newId(): number {
    const { first, count } = idsOf(this.options.place);
    for (;;) {
      const id = first + this.nextId;
      this.nextId = this.nextId + 1 >= count ? 1 : this.nextId + 1;
      if (!this.sessions.has(id)) return id;
    }
  }
}

/** No standby has such transactions. In a cluster that follows another one PostgreSQL says so itself. */
function isSerializable(settings: SessionSettings): boolean {
  return settings.get('default_transaction_isolation') === 'serializable';
}

/** Asked for every statement, worked out once for settings that stay. */
function remembered(
  settings: () => RouterSettings,
  workOut: (now: RouterSettings) => ReadSplit,
): () => ReadSplit {
  let seen = settings();
  let found = workOut(seen);
  return () => {
    const now = settings();
    if (now === seen) return found;
    seen = now;
    found = workOut(now);
    return found;
  };
}

const drainStepMs = 20;
