import { randomBytes, timingSafeEqual } from 'node:crypto';
import { type Clock, sleep } from '../shared/clock.ts';
import type { Logger } from '../shared/logger.ts';
import type { LoggedIn } from './client/login.ts';
import { ClientSession } from './client/session.ts';
import { Welcome } from './client/welcome.ts';
import { LoginContext, type RouterParts } from './login-context.ts';
import { backendKeyData, parameterStatus, readyForQuery } from './protocol/build.ts';
import { transactionStatus } from './protocol/codes.ts';
import { type CrewPlace, idsOf } from './worker/crew-questions.ts';

export interface SessionDeskOptions extends RouterParts {
  logger: Logger;
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
    const { wire, options, credential, account } = login;
    const group = this.options.groups.get(options.user, options.database, credential);
    group.useDefaults(account.defaults);
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

  /**
   * Ends every session: at once where nothing runs, the others after their transaction or at the deadline. Who has waited for a server
   * for a while, with nothing asked of it yet, finds one elsewhere sooner than here.
   */
  async drain(deadlineMs: number, clock: Clock): Promise<void> {
    const endMs = clock.monotonicMs() + deadlineMs;
    for (;;) {
      const isOver = clock.monotonicMs() >= endMs;
      for (const session of [...this.sessions.values()]) {
        const isFree = session.server === null && !session.isWaiting;
        if (isFree || isOver || session.isIdle || waitsInVain(session))
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
      context: new LoginContext(this.options, login, () => {
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

/** What it has asked of a server that it shares, or of a lost COMMIT, is on its way. */
function waitsInVain(session: ClientSession): boolean {
  const { isWaiting, server, isBusy, recovery, waitingSinceMs, context } = session;
  if (!isWaiting || server !== null || isBusy || recovery.isFindingOut) return false;
  return context.nowMs() - waitingSinceMs > drainWaitMs;
}

const drainStepMs = 20;
/** Longer than most switchovers, and than a pool keeps anybody waiting that is not too small. */
const drainWaitMs = 2_000;
