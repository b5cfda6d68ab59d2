import type { Statement } from '../classify/classifier.ts';
import type { PinReason } from '../classify/facts.ts';
import type { Wish } from '../pool/pool-resources.ts';
import type { Waiter } from '../pool/wait-queue.ts';
import { readBatch } from '../protocol/batch.ts';
import { type PostgresError, query } from '../protocol/build.ts';
import { frontend, transactionStatus } from '../protocol/codes.ts';
import type { MessageCursor } from '../protocol/cursor.ts';
import type { ServerConnection } from '../server/server-connection.ts';
import type { ServerUser } from '../server/server-user.ts';
import {
  Conversation,
  isSameSettings,
  type SessionSettings,
  settingsSync,
  sqlStateOfTooLong,
} from '../server/settings-sync.ts';
import type { Flight } from './flight.ts';
import type { ReignCheck } from './reign-check.ts';
import type { SessionContext } from './session-context.ts';
import type { SettingsTracker } from './settings-tracker.ts';
import type { SharedUse } from './shared-use.ts';
import type { ToldParameters } from './told-parameters.ts';

/** The session a link belongs to. */
export interface LinkOwner extends ServerUser, Waiter {
  readonly context: SessionContext;
  readonly cursor: MessageCursor;
  readonly settings: SettingsTracker;
  readonly told: ToldParameters;
  readonly pin: PinReason | null;
  readonly shared: SharedUse;
  readonly flight: Flight;
  readonly reign: ReignCheck;
  readonly isClosed: boolean;
  readonly isWaiting: boolean;
  pinTo(reason: PinReason): void;
  say(bytes: Buffer): void;
  /** What the client says from here on is kept until `goOn`. */
  hold(): void;
  goOn(): void;
  denied(error: PostgresError): void;
  /** The session ends with it. */
  fatal(sqlState: string, message: string): void;
}

/** Which server a session has, how it gets one with its own settings, and how it gives it back. */
export class ServerLink {
  server: ServerConnection | null = null;
  /** Its client's next message waits until what was asked before it is settled. */
  isBehind = false;
  /** Its settings are being brought to the server that it has got: what it got it for is about to begin. */
  private isArriving = false;
  private readonly owner: LinkOwner;

  constructor(owner: LinkOwner) {
    this.owner = owner;
  }

  get isBusy(): boolean {
    const { server } = this;
    if (server === null) return false;
    return this.isArriving || server.isAsked || server.status !== transactionStatus.idle;
  }

  /** @returns whether there is one, ready for this session's statements */
  need(statement: Statement | null): boolean {
    const { context, pin, reign } = this.owner;
    if (this.server && !this.mayFollow(this.server, statement)) return false;
    if (!reign.mayPass(this.server)) return false;
    if (this.server) return true;
    const wish = statement && pin === null ? this.route(statement) : null;
    if (wish !== null) context.counters.replicaReads++;
    const server = context.group.acquire(this.owner, wish);
    if (server) this.owner.shared.waitsNoMore();
    return server !== null && this.take(server);
  }

  /**
   * Whether it may be asked right behind what this server has not answered yet. What begins something new there and does not
   * belong there waits until that is settled, to be looked at again as if it had come alone.
   */
  private mayFollow(server: ServerConnection, statement: Statement | null): boolean {
    if (server.outstanding === 0 || server.expected.needsSync || server.isCopyingIn) return true;
    if (server.status !== transactionStatus.idle && !this.owner.flight.mayBeOver) return true;
    this.isBehind = !this.belongsOn(server, statement);
    return !this.isBehind;
  }

  private belongsOn(server: ServerConnection, statement: Statement | null): boolean {
    const { context, pin } = this.owner;
    // What is under way will be asked again, or was asked before the proof that this one needs.
    if (server.isUnsaid || context.isStrong()) return false;
    if (context.isPrimary(server.node)) return true;
    return statement !== null && pin === null && this.route(statement) !== null;
  }

  /** To a standby goes only what has come whole: what follows in the same batch could not be asked anywhere else. */
  private route(statement: Statement): Wish {
    const { context, cursor, settings } = this.owner;
    const wish = context.route(statement, settings.current);
    if (wish === null || cursor.type === frontend.query || context.isFollowing) return wish;
    // All that follows in its batch is in that transaction.
    if (statement.facts.beginsReadOnly) return wish;
    return readBatch(cursor.buffer, cursor.start, cursor.aheadEnd) ? wish : null;
  }

  /** @returns false while the session's settings are being brought there */
  take(server: ServerConnection): boolean {
    this.server = server;
    const { owner } = this;
    const wanted = owner.settings.current;
    server.attach(owner);
    if (server.settings === wanted || isSameSettings(server.settings, wanted)) {
      this.tellParameters(server);
      return true;
    }
    owner.context.counters.settingsSyncs++;
    owner.hold();
    this.isArriving = true;
    server.unnamed = null;
    const conversation = new Conversation(({ error, isLost }) => {
      this.isArriving = false;
      if (isLost) return;
      if (error) {
        this.settingsRefused(server, error);
        return;
      }
      server.settings = wanted;
      if (owner.isClosed) return;
      this.tellParameters(server);
      owner.goOn();
    });
    server.runInternal(settingsSync(server.settings, wanted), conversation);
    return false;
  }

  giveBack(server: ServerConnection): void {
    this.server = null;
    server.detach();
    this.owner.context.group.release(server);
  }

  /** Once it has done this. */
  giveBackAfter(server: ServerConnection, bytes: Buffer): void {
    this.server = null;
    server.detach();
    server.runInternal(bytes, new Conversation(() => this.owner.context.group.release(server)));
  }

  /** After a transaction that may have changed settings: what they are now is what the next server gets. */
  readSettingsBack(server: ServerConnection): void {
    const { owner } = this;
    const { settings } = owner;
    // After a RESET nothing may run before the values of the client's start are back.
    if (settings.hasResets) owner.hold();
    const question = settings.question();
    server.unnamed = null;
    if (!question) {
      settings.answered(null);
      this.settingsKnown(server);
      return;
    }
    const conversation = new Conversation(({ rows, error, isLost }) => {
      if (isLost) return;
      if (error) {
        this.settingsUnknown(server, error);
        return;
      }
      settings.answered(rows[0] ?? null);
      server.settings = settings.onServer;
      if (!owner.isClosed && this.server === server) this.settingsKnown(server);
    });
    server.runInternal(question, conversation);
  }

  /** A timeout, or a cancel request that came late. Whoever had this server next would have what was set, and this session not. */
  private settingsUnknown(server: ServerConnection, error: { sqlState: string; message: string }): void {
    const { owner } = this;
    const isHere = !owner.isClosed && this.server === server;
    // Nothing is wrong with it where it is. What a RESET has undone would have to be brought back there, and is as unknown.
    const isKept = isHere && error.sqlState === sqlStateOfTooLong && !owner.settings.isResetting;
    owner.settings.answered(null);
    if (isKept) {
      owner.pinTo('a setting too long to be carried');
      if (owner.isWaiting) owner.goOn();
      return;
    }
    server.isDoomed = true;
    if (!isHere) return;
    // What one may not read one could not set.
    if (error.sqlState !== notPermitted) {
      owner.fatal('57P01', `the settings of this session cannot be read back: ${error.message}`);
      return;
    }
    if (owner.pin === null && server.outstanding === 0) this.giveBack(server);
    if (owner.isWaiting) owner.goOn();
  }

  /**
   * The client has gone: its transaction ends, and what ties a server to it goes too. A server that has got a part of a message
   * would take the next one's words for the rest of it; one that still waits for a Sync would do them in the same transaction, or
   * not at all after an error.
   */
  leave(isMessageCut: boolean): void {
    const { server, owner } = this;
    if (!server) return;
    this.server = null;
    server.detach();
    const { context, pin } = owner;
    if (server.isAsked || server.isDoomed || server.expected.needsSync || isMessageCut) {
      // The commit of somebody who has gone waits for standbys all the same: stopped, it would be seen by others before them.
      if (!owner.flight.mayBeCommitting(server.status)) context.cancel(server);
      server.destroy();
      return;
    }
    const isIdle = server.status === transactionStatus.idle;
    if (isIdle && pin === null) {
      if (server.outstanding === 0) context.group.release(server);
      else server.runInternal(query(''), new Conversation(() => context.group.release(server)));
      return;
    }
    const conversation = new Conversation(({ error }) => {
      // What was pinned in a transaction may hold more than a ROLLBACK takes back, and COMMIT AND CHAIN keeps what was set.
      const isMore = !isIdle && (pin !== null || owner.settings.isTouched);
      if (error || isMore) server.isDoomed = true;
      if (isIdle) server.settings = noSettings;
      context.group.release(server);
    });
    server.statements.forgetAll();
    server.runInternal(query(isIdle ? 'DISCARD ALL' : 'ROLLBACK'), conversation);
  }

  private tellParameters(server: ServerConnection): void {
    const { told } = this.owner;
    if (!told.isTrueOf(server)) told.tell(server, (bytes) => this.owner.say(bytes));
  }

  private settingsRefused(server: ServerConnection, error: { sqlState: string; message: string }): void {
    server.isDoomed = true;
    this.giveBack(server);
    const message = `the settings of this session cannot be restored: ${error.message}`;
    this.owner.denied({ severity: 'ERROR', sqlState: error.sqlState, message });
  }

  private settingsKnown(server: ServerConnection): void {
    const { owner } = this;
    const isFree = server.outstanding === 0 && server.status === transactionStatus.idle;
    if (isFree && owner.pin === null) this.giveBack(server);
    else if (isFree && !isSameSettings(server.settings, owner.settings.current)) {
      this.bringSettings(server);
      return;
    }
    if (owner.isWaiting) owner.goOn();
  }

  /** A pinned session keeps its server, and what its client gave at its start has to come back there. */
  private bringSettings(server: ServerConnection): void {
    const wanted = this.owner.settings.current;
    const conversation = new Conversation(({ error, isLost }) => {
      if (isLost || this.owner.isClosed) return;
      if (error) {
        // It would go on with other settings than its client was told of.
        server.isDoomed = true;
        this.owner.fatal('57P01', `the settings of this session cannot be restored: ${error.message}`);
        return;
      }
      server.settings = wanted;
      if (this.owner.isWaiting && this.server === server) this.owner.goOn();
    });
    server.runInternal(settingsSync(server.settings, wanted), conversation);
  }
}

const noSettings: SessionSettings = new Map();
const notPermitted = '42501';
