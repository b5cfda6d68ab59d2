import type { Statement } from '../classify/classifier.ts';
import type { PinReason } from '../classify/facts.ts';
import type { Wire, WireHandlers } from '../net/wire.ts';
import type { PreparedStatement } from '../pool/prepared.ts';
import { errorResponse, type PostgresError, readyForQuery } from '../protocol/build.ts';
import { frontend, transactionStatus } from '../protocol/codes.ts';
import { MessageCursor } from '../protocol/cursor.ts';
import { frontendRules } from '../protocol/limits.ts';
import { expect } from '../server/expectations.ts';
import type { ServerConnection } from '../server/server-connection.ts';
import type { PreparedItem, ServerLoss } from '../server/server-user.ts';
import { CommitWatch } from './commit-watch.ts';
import { ExtendedProtocol } from './extended.ts';
import { FailedTransaction } from './failed-transaction.ts';
import { Flight } from './flight.ts';
import { NamedStatements } from './named-statements.ts';
import { cancelWhatRuns, tellWaiting } from './out-of-turn.ts';
import { endAfterViolation, isWrongServer, payError } from './own-answers.ts';
import { Pin } from './pin.ts';
import { Postponed } from './postponed.ts';
import { Recovery } from './recovery.ts';
import { ReignCheck } from './reign-check.ts';
import { type LinkOwner, ServerLink } from './server-link.ts';
import type { SessionContext, SessionOptions } from './session-context.ts';
import type { SessionView } from './session-view.ts';
import { SettingsTracker } from './settings-tracker.ts';
import { SharedUse } from './shared-use.ts';
import { acceptFunctionCall, acceptQuery } from './simple-protocol.ts';
import { ToldParameters } from './told-parameters.ts';

const postponedBytesMax = 256 * 1024;
const unsentBytesMax = 1024 * 1024;

/** One client after its login: reads what it asks, finds a server for it, forwards both ways. */
export class ClientSession implements WireHandlers, LinkOwner, SessionView {
  readonly id: number;
  readonly secret: Buffer;
  readonly wire: Wire;
  readonly context: SessionContext;
  readonly connectedAtMs: number;
  readonly applicationName: string;
  readonly cursor = new MessageCursor(frontendRules);
  readonly named = new NamedStatements();
  readonly settings: SettingsTracker;
  readonly flight = new Flight();
  readonly failedTransaction = new FailedTransaction();
  readonly told: ToldParameters;
  unnamed: PreparedStatement | null = null;
  isClosed = false;
  isWaiting = false;
  waitingSinceMs = 0;
  /** After an error of the router's own in the extended protocol: up to the next Sync. */
  isSkipping = false;
  owedError: PostgresError | null = null;
  transactions = 0;
  readonly pinned: Pin;
  readonly link = new ServerLink(this);
  readonly reign: ReignCheck = new ReignCheck(this);
  readonly shared = new SharedUse(this);
  readonly commits = new CommitWatch(this);
  private readonly extended = new ExtendedProtocol(this);
  readonly postponed = new Postponed();
  readonly keptWaiting = (why: string): void => tellWaiting(this, why);
  readonly recovery = new Recovery(this);
  private isStreamIgnored = false;
  /** Its server has only to read the rest of a message: the data of a COPY that has failed. */
  private isFreeLater = false;

  constructor(options: SessionOptions) {
    ({ id: this.id, secret: this.secret, wire: this.wire, context: this.context } = options);
    this.applicationName = options.applicationName;
    this.settings = new SettingsTracker(options.settings);
    this.told = new ToldParameters(options.told);
    this.connectedAtMs = options.context.nowMs();
    this.pinned = new Pin(options.context.isSessionPooling);
    this.lookAtParameters();
  }

  get pin(): PinReason | null {
    return this.pinned.reason;
  }

  get server(): ServerConnection | null {
    return this.link.server;
  }

  /** It has a server, and nothing is under way there. */
  get isIdle(): boolean {
    const { server } = this;
    return server !== null && server.outstanding === 0 && server.status === transactionStatus.idle;
  }

  /** Something was asked of its server that has not been answered, if only by the router. */
  private get isAsking(): boolean {
    return this.server !== null && this.server.outstanding > 0;
  }

  /** Its transaction, or its statement, has not ended; waiting for a server does not count. */
  get isBusy(): boolean {
    return this.shared.isActive || this.link.isBusy;
  }

  // What the client says.

  bytes(buffer: Buffer, length: number): void {
    this.context.counters.bytesFromClients += length;
    if (this.isWaiting || this.postponed.bytes > 0) this.postpone(Buffer.from(buffer.subarray(0, length)));
    else this.work(buffer, 0, length);
  }

  closed(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.named.removeAll();
    if (this.isWaiting) this.context.group.abandon(this);
    this.shared.leave();
    this.link.leave(!this.cursor.isLast);
    this.context.ended();
  }

  drained(): void {
    this.server?.wire.resume();
    this.shared.goesOn();
    // What it said while it did not read.
    if (!this.isWaiting && this.postponed.bytes > 0) this.goOn();
  }

  /** What has come, message by message, as far as there is a server for it. */
  private work(buffer: Buffer, start: number, end: number): void {
    const { cursor } = this;
    if (this.wire.unsentBytes > unsentBytesMax) {
      // It asks and does not read: what it has not been told yet is kept here, so nothing more is asked for it.
      this.postpone(Buffer.from(buffer.subarray(start, end)));
      this.wire.pause();
      return;
    }
    cursor.load(buffer, start, end);
    while (!this.isClosed && !this.isWaiting && cursor.next()) {
      if (this.accept()) continue;
      this.hold();
      this.postpone(cursor.takeBack());
    }
    if (this.isClosed) return;
    if (cursor.violation) {
      endAfterViolation(this, cursor.violation);
      return;
    }
    // A statement that shares a server is waited for before the next one is looked at.
    const rest = cursor.takeUnread();
    if (rest) this.postpone(Buffer.from(rest));
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
      if (cursor.isLast && this.isFreeLater) this.freeServer();
      return true;
    }
    this.isStreamIgnored = false;
    if (this.owedError !== null && type !== frontend.terminate) return payError(this, type);
    if (this.isIgnored && type !== frontend.sync && type !== frontend.terminate) return this.ignore();
    switch (type) {
      case frontend.query:
        return acceptQuery(this);
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
        return acceptFunctionCall(this);
      case frontend.password:
        this.fatal('08P01', 'a password was not asked for');
        return true;
      default:
        return this.extended.accept();
    }
  }

  private acceptSync(): boolean {
    const { server, cursor } = this;
    if (this.isSkipping || !server) {
      this.isSkipping = false;
      this.say(readyForQuery(this.ownStatus));
      return true;
    }
    this.flight.keep(cursor.buffer, cursor.start, cursor.end);
    server.send(server.isCopyingIn ? expect.none : expect.sync, cursor.buffer, cursor.start, cursor.end);
    return true;
  }

  classify(buffer: Buffer, start: number, end: number): Statement {
    return this.context.database.classifier.classify(buffer, { start, end }, this.told.isEscaping);
  }

  pinTo(reason: PinReason): void {
    if (this.pinned.to(reason)) this.context.counters.pins++;
  }

  // What the router itself says.

  say(bytes: Buffer): void {
    this.wire.appendAll(bytes);
  }

  refuse(error: PostgresError, isSimple: boolean): true {
    this.say(errorResponse(error));
    if (isSimple) this.say(readyForQuery(this.ownStatus));
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

  private get ownStatus(): number {
    return this.failedTransaction.isActive ? transactionStatus.failed : transactionStatus.idle;
  }

  /** After an error in the extended protocol, up to the next Sync. */
  private get isIgnored(): boolean {
    return this.isSkipping || (this.server?.expected.isSkipping ?? false);
  }

  private ignore(): true {
    this.isStreamIgnored = true;
    return true;
  }

  // Servers.

  needServer(statement: Statement | null): boolean {
    return this.link.need(statement);
  }

  granted(server: ServerConnection): void {
    if (this.isClosed) this.context.group.release(server);
    else if (this.link.take(server)) this.goOn();
  }

  denied(error: PostgresError): void {
    if (this.isClosed) return;
    this.waitsNoMore();
    this.reign.ended();
    const { isSimple } = this.postponed;
    const bytes = this.postponed.take();
    this.cursor.load(bytes, 0, bytes.length);
    if (this.cursor.next()) this.refuse(error, isSimple);
    const rest = this.cursor.takeUnread();
    this.wire.flush();
    if (rest) this.work(rest, 0, rest.length);
  }

  /** A cancel request. */
  cancel(): void {
    if (!this.recovery.isFindingOut) cancelWhatRuns(this);
  }

  hold(): void {
    this.isWaiting = true;
    this.waitingSinceMs = this.context.nowMs();
  }

  private waitsNoMore(): void {
    this.isWaiting = this.link.isBehind = false;
    this.shared.waitsNoMore();
  }

  goOn(): void {
    this.waitsNoMore();
    const bytes = this.postponed.take();
    this.wire.resume();
    if (bytes.length > 0) this.work(bytes, 0, bytes.length);
  }

  private postpone(bytes: Buffer): void {
    this.postponed.add(bytes);
    if (this.postponed.bytes > postponedBytesMax) this.wire.pause();
  }

  // What the server says.

  forward(buffer: Buffer, start: number, end: number): void {
    this.context.counters.bytesToClients += end - start;
    this.flight.answered();
    this.named.settled();
    this.wire.append(buffer, start, end);
  }

  flush(): void {
    this.wire.flush();
    if (this.wire.unsentBytes <= unsentBytesMax) return;
    this.server?.wire.pause();
    this.shared.standsStill();
  }

  failed(sqlState: string): void {
    if (sqlState === '08007') this.context.counters.unresolved++;
    this.pinned.failed();
    this.flight.failed();
  }

  retriesAfter(sqlState: string, routine: string): boolean {
    const server = this.server ?? this.shared.server;
    const isPrimary = server !== null && this.context.isPrimary(server.node);
    // Elsewhere it would not be what its server knows of it.
    return isWrongServer(server, { flight: this.flight, isPrimary, sqlState, routine }) && this.pin === null;
  }

  again(): void {
    this.recovery.again();
  }

  undone(item: PreparedItem): void {
    if (item.kind === 'parse' && item.name === '') this.unnamed = null;
    this.named.undone(item);
  }

  wantsParameter(name: string): boolean {
    return !this.settings.isGoingBack(name);
  }

  serverDrained(): void {
    this.wire.resume();
  }

  settled(status: number): void {
    if (status === transactionStatus.idle) this.ended();
    if (this.link.isBehind && !this.isAsking) this.goOn();
  }

  /** Its transaction, or its statement outside of one. */
  private ended(): void {
    this.reign.ended();
    this.transactions++;
    this.context.counters.transactions++;
    const { flight, context } = this;
    if (flight.mayHaveWritten(this.server ?? this.shared.server)) context.wrote(flight.redefines);
    flight.settled(this.context.nowMs());
    if (this.shared.settled()) {
      this.goOn();
      return;
    }
    const { server } = this;
    if (!server) return;
    this.settings.settled();
    if (!this.told.isTrueOf(server)) {
      this.told.heard(server, (name) => this.settings.isGoingBack(name));
      this.lookAtParameters();
    }
    this.pinned.settled();
    this.isFreeLater = !this.cursor.isLast && !this.isStreamIgnored;
    if (!this.isFreeLater) this.freeServer();
  }

  private freeServer(): void {
    this.isFreeLater = false;
    if (!this.server) return;
    if (this.settings.isTouched) this.link.readSettingsBack(this.server);
    else if (this.pin === null) this.link.giveBack(this.server);
  }

  lost(loss: ServerLoss): void {
    this.reign.ended();
    // The rest of a message that it has got a part of is nobody's.
    this.isStreamIgnored = true;
    this.recovery.lost(loss);
  }

  private lookAtParameters(): void {
    if (this.told.isUnsafeEncoding) this.pinTo('a client encoding that is not ASCII-safe');
  }
}
