import { oversize, type Statement } from '../classify/classifier.ts';
import type { PinReason } from '../classify/facts.ts';
import type { Wire, WireHandlers } from '../net/wire.ts';
import type { PreparedStatement } from '../pool/prepared.ts';
import type { Waiter } from '../pool/wait-queue.ts';
import {
  commandComplete,
  errorResponse,
  type PostgresError,
  parameterStatus,
  query,
  readyForQuery,
} from '../protocol/build.ts';
import { frontend, headerBytes, transactionStatus } from '../protocol/codes.ts';
import { MessageCursor } from '../protocol/cursor.ts';
import { frontendRules } from '../protocol/limits.ts';
import { expect } from '../server/expectations.ts';
import type { PreparedItem, ServerConnection, ServerLoss, ServerUser } from '../server/server-connection.ts';
import { Conversation, isSameSettings, type SessionSettings, settingsSync } from '../server/settings-sync.ts';
import { ExtendedProtocol } from './extended.ts';
import { FailedTransaction } from './failed-transaction.ts';
import { Flight } from './flight.ts';
import { answerLoss } from './loss.ts';
import type { SessionContext } from './session-context.ts';
import type { SessionView } from './session-view.ts';
import { SettingsTracker } from './settings-tracker.ts';

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

const postponedBytesMax = 256 * 1024;
const unsentBytesMax = 1024 * 1024;
/** Not ASCII-safe: a quote or a backslash may be half of a character. */
const unsafeEncodings = new Set(['SJIS', 'BIG5', 'GBK', 'UHC', 'GB18030', 'JOHAB', 'SHIFT_JIS_2004']);
/** It differs between the servers of a cluster, and says nothing of the session. */
const untold = new Set(['in_hot_standby']);

/** One client after its login: reads what it asks, finds a server for it, forwards both ways. */
export class ClientSession implements WireHandlers, ServerUser, Waiter, SessionView {
  readonly id: number;
  readonly secret: Buffer;
  readonly wire: Wire;
  readonly context: SessionContext;
  readonly connectedAtMs: number;
  readonly applicationName: string;
  readonly cursor = new MessageCursor(frontendRules);
  readonly named = new Map<string, PreparedStatement>();
  readonly settings: SettingsTracker;
  readonly flight = new Flight();
  readonly failedTransaction = new FailedTransaction();
  unnamed: PreparedStatement | null = null;
  server: ServerConnection | null = null;
  pin: PinReason | null = null;
  isWaiting = false;
  waitingSinceMs = 0;
  /** After an error of the router's own in the extended protocol: up to the next Sync. */
  isSkipping = false;
  transactions = 0;

  private readonly extended: ExtendedProtocol;
  private told: Map<string, string>;
  private toldText = '';
  private postponed: Buffer[] = [];
  private postponedBytes = 0;
  private isClosed = false;
  private isEscaping = false;
  private willUnpin = false;
  private isStreamIgnored = false;

  constructor(options: SessionOptions) {
    this.id = options.id;
    this.secret = options.secret;
    this.wire = options.wire;
    this.context = options.context;
    this.applicationName = options.applicationName;
    this.settings = new SettingsTracker(options.settings);
    this.told = options.told;
    this.connectedAtMs = options.context.nowMs();
    this.extended = new ExtendedProtocol(this);
    this.lookAtParameters();
    if (options.context.isSessionPooling) this.pin = 'session mode';
  }

  get isIdle(): boolean {
    return (
      this.server !== null && this.server.outstanding === 0 && this.server.status === transactionStatus.idle
    );
  }

  /** Its transaction, or its statement, has not ended; waiting for a server does not count. */
  get isBusy(): boolean {
    return this.server !== null && (this.server.isAsked || this.server.status !== transactionStatus.idle);
  }

  // What the client says.

  bytes(buffer: Buffer, length: number): void {
    this.context.counters.bytesFromClients += length;
    if (this.isWaiting || this.postponedBytes > 0) this.postpone(buffer.subarray(0, length));
    else this.work(buffer, 0, length);
  }

  closed(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    for (const entry of this.named.values()) entry.users--;
    if (this.isWaiting) this.context.group.abandon(this);
    this.leaveServer();
    this.context.ended();
  }

  drained(): void {
    this.server?.wire.resume();
  }

  /** What has come, message by message, as far as there is a server for it. */
  private work(buffer: Buffer, start: number, end: number): void {
    const { cursor } = this;
    cursor.load(buffer, start, end);
    while (!this.isClosed && cursor.next()) {
      if (this.accept()) continue;
      this.hold();
      this.postpone(cursor.takeBack());
      break;
    }
    if (this.isClosed) return;
    if (cursor.violation) {
      this.fatal(
        '08P01',
        `invalid frontend message (type ${cursor.violation.type}, ${cursor.violation.reason})`,
      );
      return;
    }
    const { server } = this;
    if (server) {
      server.wire.flush();
      if (server.wire.unsentBytes > unsentBytesMax) this.wire.pause();
    }
    this.wire.flush();
  }

  /** @returns false when there is no server for it yet: the same message comes again then */
  private accept(): boolean {
    const { cursor } = this;
    const { type, buffer, start, end } = cursor;
    if (!cursor.isFirst) {
      if (!this.isStreamIgnored) this.server?.send(expect.none, buffer, start, end);
      return true;
    }
    this.isStreamIgnored = false;
    if (this.isSkipping && type !== frontend.sync && type !== frontend.terminate) return this.ignore();
    switch (type) {
      case frontend.query:
        return this.acceptQuery();
      case frontend.sync:
        return this.acceptSync();
      case frontend.terminate:
        this.wire.end();
        this.closed();
        return true;
      case frontend.copyData:
        if (!this.server) return this.ignore();
        this.server.send(expect.none, buffer, start, end);
        return true;
      case frontend.copyDone:
      case frontend.copyFail:
        this.server?.sendCopyEnd(buffer, start, end);
        return true;
      case frontend.functionCall:
        if (this.failedTransaction.isActive) return this.refuseInFailedTransaction(true);
        if (!this.needServer(null)) return false;
        this.flight.askedUnknown();
        this.server?.send(expect.query, buffer, start, end);
        return true;
      case frontend.password:
        this.fatal('08P01', 'a password was not asked for');
        return true;
      default:
        return this.extended.accept();
    }
  }

  private acceptQuery(): boolean {
    const { buffer, start, end, isLast } = this.cursor;
    const statement = isLast ? this.classify(buffer, start + headerBytes, end - 1) : oversize;
    if (this.failedTransaction.isActive) {
      const ends = this.failedTransaction.endsWith(statement);
      if (!ends) return this.refuseInFailedTransaction(true);
      this.say(commandComplete('ROLLBACK'));
      this.say(readyForQuery(transactionStatus.idle));
      return true;
    }
    if (this.deallocateHere(statement)) return true;
    if (!this.needServer(statement)) return false;
    const { server } = this;
    if (!server) return true;
    // A simple Query ends the unnamed statement.
    this.unnamed = null;
    server.unnamed = null;
    this.note(statement);
    this.flight.keep(buffer, start, end);
    server.send(expect.query, buffer, start, end);
    return true;
  }

  private acceptSync(): boolean {
    const { server, cursor } = this;
    if (this.isSkipping || !server) {
      this.isSkipping = false;
      this.say(
        readyForQuery(this.failedTransaction.isActive ? transactionStatus.failed : transactionStatus.idle),
      );
      return true;
    }
    this.flight.keep(cursor.buffer, cursor.start, cursor.end);
    server.send(server.isCopyingIn ? expect.none : expect.sync, cursor.buffer, cursor.start, cursor.end);
    return true;
  }

  classify(buffer: Buffer, start: number, end: number): Statement {
    return this.context.database.classifier.classify(buffer, { start, end }, this.isEscaping);
  }

  /** What it changes for longer than its transaction, noted before it is sent. */
  note(statement: Statement): void {
    const { context } = this;
    context.counters.statements++;
    this.flight.asked(statement, context.isProvenRead(statement));
    if (statement.isPlain) return;
    const { facts } = statement;
    this.settings.touched(facts);
    if (facts.pin) this.pinTo(facts.pin);
    if (facts.unpins) this.willUnpin = true;
    if (facts.deallocates === 'all') {
      for (const entry of this.named.values()) entry.users--;
      this.named.clear();
      this.server?.statements.forgetAll();
    }
  }

  pinTo(reason: PinReason): void {
    if (this.pin === null) this.context.counters.pins++;
    this.pin ??= reason;
  }

  /** DEALLOCATE of what the client has prepared through the protocol: the name is only known here. */
  private deallocateHere(statement: Statement): boolean {
    const { deallocates } = statement.facts;
    if (statement.facts.kind !== 'deallocate' || deallocates === null || deallocates === 'all') return false;
    const status = this.server?.status ?? transactionStatus.idle;
    const isBusy = (this.server?.outstanding ?? 0) > 0;
    const entry = this.named.get(deallocates.name);
    if (!entry || isBusy || status === transactionStatus.failed) return false;
    entry.users--;
    this.named.delete(deallocates.name);
    this.say(commandComplete('DEALLOCATE'));
    this.say(readyForQuery(status));
    return true;
  }

  // What the router itself says.

  say(bytes: Buffer): void {
    this.wire.appendAll(bytes);
  }

  ignore(): true {
    this.isStreamIgnored = true;
    return true;
  }

  refuse(error: PostgresError, isSimple: boolean): true {
    this.say(errorResponse(error));
    const status = this.failedTransaction.isActive ? transactionStatus.failed : transactionStatus.idle;
    if (isSimple) this.say(readyForQuery(status));
    else this.isSkipping = true;
    return this.ignore();
  }

  refuseInFailedTransaction(isSimple: boolean): true {
    return this.refuse(this.failedTransaction.nextError(), isSimple);
  }

  fatal(sqlState: string, message: string): void {
    this.say(errorResponse({ severity: 'FATAL', sqlState, message }));
    this.wire.end();
    this.closed();
  }

  // Servers.

  /** @returns whether there is one, ready for this session's statements */
  needServer(statement: Statement | null): boolean {
    if (this.server) return true;
    const wish = statement && this.pin === null ? this.context.route(statement) : null;
    const server = this.context.group.acquire(this, wish);
    return server !== null && this.take(server);
  }

  granted(server: ServerConnection): void {
    if (this.isClosed) {
      this.context.group.release(server);
      return;
    }
    if (this.take(server)) this.goOn();
  }

  denied(error: PostgresError): void {
    if (this.isClosed) return;
    this.isWaiting = false;
    const isSimple = this.postponed[0]?.[0] === frontend.query;
    const bytes = this.takePostponed();
    this.cursor.load(bytes, 0, bytes.length);
    if (this.cursor.next()) this.refuse(error, isSimple || this.cursor.type === frontend.functionCall);
    const rest = this.cursor.unreadBytes > 0 ? bytes.subarray(bytes.length - this.cursor.unreadBytes) : null;
    this.wire.flush();
    if (rest) this.work(rest, 0, rest.length);
  }

  /** A cancel request while nothing runs for it yet. */
  cancelWaiting(): boolean {
    if (!this.isWaiting || this.server) return false;
    this.context.group.abandon(this);
    this.denied({ severity: 'ERROR', sqlState: '57014', message: 'canceling statement due to user request' });
    return true;
  }

  /** @returns false while its settings are being brought there */
  private take(server: ServerConnection): boolean {
    this.server = server;
    const wanted = this.settings.current;
    if (server.settings === wanted || isSameSettings(server.settings, wanted)) {
      server.attach(this);
      this.tellParameters(server);
      return true;
    }
    this.context.counters.settingsSyncs++;
    this.isWaiting = true;
    server.unnamed = null;
    const conversation = new Conversation(({ error, isLost }) => {
      if (error && !isLost) this.settingsRefused(server, error);
      else if (!isLost) {
        server.settings = wanted;
        if (this.isClosed) return;
        this.tellParameters(server);
        this.goOn();
      }
    });
    server.attach(this);
    server.runInternal(settingsSync(server.settings, wanted), conversation);
    return false;
  }

  private settingsRefused(server: ServerConnection, error: { sqlState: string; message: string }): void {
    server.isDoomed = true;
    this.server = null;
    server.detach();
    this.context.group.release(server);
    const message = `the settings of this session cannot be restored: ${error.message}`;
    this.denied({ severity: 'ERROR', sqlState: error.sqlState, message });
  }

  /** What the client says from here on is kept until `goOn`. */
  private hold(): void {
    this.isWaiting = true;
    this.waitingSinceMs = this.context.nowMs();
  }

  private goOn(): void {
    this.isWaiting = false;
    const bytes = this.takePostponed();
    this.wire.resume();
    this.work(bytes, 0, bytes.length);
  }

  private postpone(bytes: Buffer): void {
    this.postponed.push(Buffer.from(bytes));
    this.postponedBytes += bytes.length;
    if (this.postponedBytes > postponedBytesMax) this.wire.pause();
  }

  private takePostponed(): Buffer {
    const bytes =
      this.postponed.length === 1 ? (this.postponed[0] ?? noBytes) : Buffer.concat(this.postponed);
    this.postponed = [];
    this.postponedBytes = 0;
    return bytes;
  }

  /** ParameterStatus for whatever differs from what the client was told last. */
  private tellParameters(server: ServerConnection): void {
    if (this.toldText === server.reported) return;
    for (const [name, value] of server.parameters) {
      if (this.told.get(name) === value || untold.has(name)) continue;
      this.told.set(name, value);
      this.say(parameterStatus(name, value));
    }
    this.toldText = server.reported;
    this.lookAtParameters();
  }

  private lookAtParameters(): void {
    this.isEscaping = this.told.get('standard_conforming_strings') === 'off';
    if (unsafeEncodings.has(this.told.get('client_encoding') ?? ''))
      this.pinTo('a client encoding that is not ASCII-safe');
  }

  // What the server says.

  forward(buffer: Buffer, start: number, end: number): void {
    this.context.counters.bytesToClients += end - start;
    this.flight.answered();
    this.wire.append(buffer, start, end);
  }

  flush(): void {
    this.wire.flush();
    if (this.wire.unsentBytes > unsentBytesMax) this.server?.wire.pause();
  }

  failed(_sqlState: string): void {
    this.willUnpin = false;
  }

  undone(item: PreparedItem): void {
    if (item.name === '' || this.named.get(item.name) === item.statement) {
      if (item.kind === 'parse' && item.name !== '') {
        this.named.delete(item.name);
        item.statement.users--;
      }
      if (item.kind === 'parse' && item.name === '') this.unnamed = null;
      return;
    }
    // A Close that was not carried out.
    if (item.kind === 'close' && !this.named.has(item.name)) {
      this.named.set(item.name, item.statement);
      item.statement.users++;
    }
  }

  wantsParameter(name: string): boolean {
    return !this.settings.isGoingBack(name);
  }

  serverDrained(): void {
    this.wire.resume();
  }

  settled(status: number): void {
    const { server } = this;
    if (!server || status !== transactionStatus.idle) return;
    this.transactions++;
    this.context.counters.transactions++;
    this.flight.reset();
    this.extended.settled();
    if (this.toldText !== server.reported) this.heardParameters(server);
    if (this.willUnpin) {
      this.willUnpin = false;
      if (!this.context.isSessionPooling) this.pin = null;
    }
    if (this.settings.isTouched) this.readSettingsBack(server);
    else if (this.pin === null) this.giveServerBack(server);
  }

  lost(loss: ServerLoss): void {
    this.server = null;
    if (this.isClosed) return;
    this.isSkipping = false;
    const verdict = this.flight.judge(loss);
    const repeat = this.flight.bytesToRepeat;
    this.flight.reset();
    if (verdict === 'retry' || (verdict === 'nothing' && this.pin === null && this.isWaiting)) {
      this.context.counters.retried++;
      this.repeat(repeat);
      return;
    }
    answerLoss(this, verdict, loss);
  }

  /** Asks again, on another server, what has not been answered. */
  private repeat(bytes: Buffer): void {
    if (bytes.length > 0) this.postponed.unshift(bytes);
    this.postponedBytes += bytes.length;
    this.extended.forgetFlight();
    this.isWaiting = true;
    const server = this.context.group.acquire(this, null);
    if (server && this.take(server)) this.goOn();
  }

  /** ParameterStatus messages were forwarded as they came. */
  private heardParameters(server: ServerConnection): void {
    let isAllTold = true;
    for (const [name, value] of server.parameters) {
      if (untold.has(name)) continue;
      if (this.settings.isGoingBack(name)) isAllTold = false;
      else this.told.set(name, value);
    }
    this.toldText = isAllTold ? server.reported : '';
    this.lookAtParameters();
  }

  /** After a transaction that may have changed settings: what they are now is what the next server gets. */
  private readSettingsBack(server: ServerConnection): void {
    // After a RESET nothing may run before the values of the client's start are back.
    if (this.settings.hasResets) this.hold();
    const question = this.settings.question();
    server.unnamed = null;
    if (!question) {
      this.settings.answered(null);
      this.settingsKnown(server);
      return;
    }
    const conversation = new Conversation(({ rows, error, isLost }) => {
      if (isLost) return;
      this.settings.answered(error ? null : (rows[0] ?? null));
      server.settings = this.settings.onServer;
      if (!this.isClosed && this.server === server) this.settingsKnown(server);
    });
    server.runInternal(question, conversation);
  }

  private settingsKnown(server: ServerConnection): void {
    const isFree = server.outstanding === 0 && server.status === transactionStatus.idle;
    if (isFree && this.pin === null) this.giveServerBack(server);
    else if (isFree && !isSameSettings(server.settings, this.settings.current)) {
      this.bringSettings(server);
      return;
    }
    if (this.isWaiting) this.goOn();
  }

  /** A pinned session keeps its server, and what its client gave at its start has to come back there. */
  private bringSettings(server: ServerConnection): void {
    const wanted = this.settings.current;
    const conversation = new Conversation(({ error, isLost }) => {
      if (isLost) return;
      if (!error) server.settings = wanted;
      if (this.isWaiting && this.server === server) this.goOn();
    });
    server.runInternal(settingsSync(server.settings, wanted), conversation);
  }

  private giveServerBack(server: ServerConnection): void {
    this.server = null;
    server.detach();
    this.context.group.release(server);
  }

  /** The client has gone: its transaction ends, and what ties a server to it goes too. */
  private leaveServer(): void {
    const { server } = this;
    if (!server) return;
    this.server = null;
    server.detach();
    if (server.isAsked || server.isDoomed) {
      this.context.cancel(server);
      server.destroy();
      return;
    }
    const isClean = server.status === transactionStatus.idle && this.pin === null;
    if (isClean) {
      this.context.group.release(server);
      return;
    }
    const cleaning = server.status === transactionStatus.idle ? 'DISCARD ALL' : 'ROLLBACK';
    server.statements.forgetAll();
    const conversation = new Conversation(({ error }) => {
      const mustDiscard = cleaning === 'ROLLBACK' && this.pin !== null;
      if (error || mustDiscard) server.isDoomed = true;
      if (cleaning === 'DISCARD ALL') server.settings = noSettings;
      this.context.group.release(server);
    });
    server.runInternal(query(cleaning), conversation);
  }
}

const noBytes = Buffer.alloc(0);
const noSettings: SessionSettings = new Map();
