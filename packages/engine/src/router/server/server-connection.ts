import { randomBytes } from 'node:crypto';
import { flushSoon } from '../net/flush-soon.ts';
import type { Wire, WireHandlers } from '../net/wire.ts';
import type { PreparedStatement } from '../pool/prepared.ts';
import { closeComplete, parseComplete, readFields, terminate } from '../protocol/build.ts';
import { backend, headerBytes, transactionStatus } from '../protocol/codes.ts';
import { MessageCursor } from '../protocol/cursor.ts';
import { backendRules } from '../protocol/limits.ts';
import { effect, effectOf, isAboutTheServer } from './answers.ts';
import { isCancelledWait, tellDoubt } from './cancelled-wait.ts';
import { hear, internalBytesMax } from './conversations.ts';
import { Expectations, expect } from './expectations.ts';
import type { Greeting } from './handshake.ts';
import { dropUntilSync, endAll, lossOf, tellSharers } from './line.ts';
import { nobody } from './nobody.ts';
import { ReportedParameters } from './reported-parameters.ts';
import { Run } from './run.ts';
import { ServerStatements } from './server-statements.ts';
import type { Expected, Internal, PreparedItem, ServerUser } from './server-user.ts';
import { SharedLine } from './shared-line.ts';

export interface ServerConnectionOptions {
  node: string;
  nowMs(): number;
  onClosed(server: ServerConnection): void;
  /** Everybody who shared it has been answered. */
  onSharedIdle(server: ServerConnection): void;
}

/** One connection to PostgreSQL after its handshake: what was asked of it, what it has answered, what state it is in. */
export class ServerConnection implements WireHandlers {
  readonly wire: Wire;
  readonly node: string;
  readonly processId: number;
  readonly secret: Buffer;
  private readonly reports: ReportedParameters;
  readonly statements = new ServerStatements(randomBytes(4).toString('hex'));
  /** Session settings as they were last brought here, by name. */
  settings: ReadonlyMap<string, string>;
  /** Which statement is the unnamed one. */
  unnamed: PreparedStatement | null = null;
  status: number = transactionStatus.idle;
  readonly openedAtMs: number;
  usedAtMs: number;
  /** To be closed instead of used again. */
  isDoomed = false;
  /** Cancel requests on their way: none of them may hit somebody else's statement. */
  cancels = 0;
  isClosed = false;
  isCopyingIn = false;
  /** A commit has stopped waiting for standbys, or may have: its success is not told as one. */
  isDoubtful = false;

  /** What is to be done with it once no cancel request is on its way any more. */
  afterCancels: (() => void) | null = null;

  private readonly cursor = new MessageCursor(backendRules);
  readonly expected = new Expectations<Expected>();
  private readonly onClosed: (server: ServerConnection) => void;
  /** In shared use: by whom. */
  readonly line = new SharedLine();
  private readonly nowMs: () => number;
  private readonly onSharedIdle: (server: ServerConnection) => void;
  private user: ServerUser | null = null;
  private readonly run = new Run();
  /** What is under way has met an error that is not told: all of it is asked again elsewhere, so nothing of it is forwarded. */
  isUnsaid = false;
  private lastFatal = '';

  constructor(greeting: Greeting, options: ServerConnectionOptions) {
    this.wire = greeting.wire;
    this.node = options.node;
    this.processId = greeting.processId;
    this.secret = greeting.secret;
    this.reports = new ReportedParameters(greeting.parameters);
    this.settings = noSettings;
    ({ nowMs: this.nowMs, onClosed: this.onClosed, onSharedIdle: this.onSharedIdle } = options);
    this.openedAtMs = this.usedAtMs = options.nowMs();
    this.wire.use(this);
  }

  get parameters(): ReadonlyMap<string, string> {
    return this.reports.values;
  }

  /** All of what clients are told of the parameters, as one text to compare. */
  get reported(): string {
    return this.reports.asText;
  }

  get currentUser(): ServerUser | null {
    return this.user;
  }

  get outstanding(): number {
    return this.expected.length;
  }

  /** Something of the client's has not been answered yet. */
  get isAsked(): boolean {
    return this.expected.asked().length > 0;
  }

  get isReusable(): boolean {
    return (
      !this.isClosed &&
      !this.isDoomed &&
      this.cancels === 0 &&
      this.expected.length === 0 &&
      !this.expected.needsSync &&
      this.status === transactionStatus.idle
    );
  }

  attach(user: ServerUser): void {
    this.user = user;
  }

  detach(): void {
    this.user = null;
    this.wire.resume();
  }

  /** A whole message or the first piece of one, as it came, with what it will be answered with. */
  send(kind: number, buffer: Buffer, start: number, end: number): void {
    if (kind !== expect.none) this.expected.push(kind, null);
    this.wire.append(buffer, start, end);
  }

  /** One statement of one of several users: what is sent from here to `endShared` is it, up to its ReadyForQuery. */
  beginShared(user: ServerUser): void {
    if (this.line.length === 0) {
      this.user = user;
      this.line.headSinceMs = this.nowMs();
    }
    this.line.join(user);
  }

  endShared(): void {
    // A server with nothing to do begins at once; the others' statements go together while it works.
    if (this.line.length === 1) this.wire.flush();
    else flushSoon(this.wire);
  }

  isHead(user: ServerUser): boolean {
    return this.user === user;
  }

  /** The client has gone: its answer is for nobody. */
  forgetShared(user: ServerUser): void {
    this.line.forget(user);
    if (this.user !== user) return;
    this.user = nobody;
    this.wire.resume();
  }

  /** Whoever waits behind the first in line asks somewhere else. What they asked here is answered to nobody. @returns how many */
  moveOthersAway(first: ServerUser | null = this.user): number {
    const others = this.line.takeOthers(first);
    tellSharers(others, { isCutMessage: false, detail: 'the one before it takes long' });
    return others.length;
  }

  sendPrepared(kind: number, item: PreparedItem, bytes: Buffer): void {
    this.expected.push(kind, item);
    // What is only said has its turn at once when nothing is before it; in shared use with the first answer, so that
    // up to then it can all be asked again.
    if (bytes.length === 0 && this.line.length === 0) this.sayWhatIsDue();
    else this.wire.appendAll(bytes);
  }

  /** The router's own messages, closed by a Sync or being one Query. */
  runInternal(bytes: Buffer, internal: Internal): void {
    this.expected.push(expect.internal, internal);
    this.cursor.collectBytesMax = internalBytesMax;
    this.wire.appendAll(bytes);
    this.wire.flush();
  }

  /** The client ends its COPY, or one that may begin yet; a Sync before this one was swallowed by it. */
  sendCopyEnd(buffer: Buffer, start: number, end: number): void {
    if (this.isCopyingIn) this.isCopyingIn = false;
    else if (this.expected.mayCopyIn) this.expected.push(expect.copyEnd, null);
    this.wire.append(buffer, start, end);
  }

  /** A cancel request has been delivered, or never will be: whoever waits for that may go on. */
  cancelEnded(): void {
    const after = this.cancels > 0 ? null : this.afterCancels;
    if (after) this.afterCancels = null;
    after?.();
  }

  close(): void {
    if (this.isClosed) return;
    this.isDoomed = true;
    this.wire.appendAll(terminate);
    this.wire.end();
  }

  destroy(): void {
    this.isDoomed = true;
    this.wire.destroy(null);
  }

  bytes(buffer: Buffer, length: number): void {
    const { cursor } = this;
    cursor.load(buffer, 0, length);
    while (cursor.next()) this.take();
    this.run.emit(this.user);
    this.user?.flush();
    if (cursor.violation) this.destroy();
  }

  closed(error: Error | null): void {
    if (this.isClosed) return;
    this.isClosed = true;
    const { user, status, run } = this;
    const detail = this.lastFatal || (error?.message ?? 'the connection to the server was closed');
    const loss = lossOf(this.expected, { status, isCutMessage: run.isCut, detail });
    const sharers = this.line.takeAll();
    endAll(this.expected, sharers.length === 0 ? user : null);
    this.user = null;
    this.onClosed(this);
    if (sharers.length === 0) user?.lost(loss);
    else tellSharers(sharers, loss);
  }

  drained(): void {
    this.user?.serverDrained();
  }

  private take(): void {
    const { cursor, expected } = this;
    const { type } = cursor;
    if (type === backend.dataRow || type === backend.copyData) {
      if (expected.headKind === expect.internal) hear(cursor, expected);
      else this.run.extend(this.cursor, this.user);
      return;
    }
    switch (type) {
      case backend.readyForQuery:
        this.ready(cursor.buffer[cursor.start + headerBytes] as number);
        return;
      case backend.errorResponse:
        this.error();
        return;
      case backend.parameterStatus:
        this.parameterStatus();
        return;
      case backend.noticeResponse:
        if (expected.headKind === expect.internal || this.isUnsaid) return;
        this.isDoubtful ||= isCancelledWait(cursor.buffer, cursor.start, cursor.end);
        this.run.pass(cursor, this.user);
        return;
      case backend.notificationResponse:
        this.run.pass(cursor, this.user);
        return;
      default:
        if (expected.headKind === expect.internal) hear(cursor, expected);
        else this.answer(type);
    }
  }

  private answer(type: number): void {
    const { expected, cursor } = this;
    if (this.isDoubtful) tellDoubt(this.run, this.user);
    if (this.line.length > 0) this.sayWhatIsDue();
    const found = effectOf(type, expected.headKind, cursor.isLast);
    if (found !== effect.swallowed) this.run.extend(cursor, this.user);
    if (found === effect.beginsCopy) this.isCopyingIn = expected.beginCopyIn();
    if (found === effect.part || found === effect.beginsCopy) return;
    this.isCopyingIn = false;
    if (type === backend.parseComplete) this.statements.confirm(expected.headItem as PreparedItem | null);
    expected.shift();
    this.sayWhatIsDue();
  }

  private ready(status: number): void {
    const { expected } = this;
    const head = expected.headKind;
    this.status = status;
    this.isCopyingIn = false;
    if (head === expect.internal) {
      const internal = expected.headItem as Internal;
      expected.shift();
      this.cursor.collectBytesMax = expected.headKind === expect.internal ? internalBytesMax : 0;
      internal.done();
      this.sayWhatIsDue();
      return;
    }
    if (head !== expect.query && head !== expect.sync) {
      // Nobody knows any more whose answers these are.
      this.lastFatal = 'the server answered what it was not asked';
      this.destroy();
      return;
    }
    expected.shift();
    if (expected.length === 0) expected.isOpen = false;
    if (this.isDoubtful) tellDoubt(this.run, this.user);
    this.isDoubtful = false;
    this.run.isMuted = this.isUnsaid;
    this.run.extend(this.cursor, this.user);
    if (this.line.length > 0) {
      this.nextSharer(status);
      return;
    }
    this.run.emit(this.user);
    this.sayWhatIsDue();
    if (expected.length > 0) return;
    this.tellSettled(this.user, status);
  }

  private tellSettled(user: ServerUser | null, status: number): void {
    user?.flush();
    const { isUnsaid } = this;
    this.isUnsaid = this.run.isMuted = false;
    if (!isUnsaid) user?.settled(status);
    else user?.again();
  }

  private nextSharer(status: number): void {
    const { line, user } = this;
    this.run.emit(user);
    this.user = line.next(this.nowMs());
    // First it is free, then the next statement is looked for: that may be one for it.
    if (this.user === null) this.onSharedIdle(this);
    this.tellSettled(user, status);
  }

  private error(): void {
    const { cursor, expected } = this;
    const { buffer, start, end } = cursor;
    const fields = readFields(buffer, start, end);
    const sqlState = fields.get('C') ?? '';
    const head = expected.headKind;
    this.isCopyingIn = false;
    if (fields.get('V') === 'FATAL' || fields.get('V') === 'PANIC') {
      // The end of this server's process is the router's to answer for; see the loss of a server.
      this.lastFatal = `${sqlState}: ${fields.get('M') ?? ''}`;
      this.isDoomed = true;
      if (isAboutTheServer(sqlState)) {
        // What came with it is the beginning of an answer without an end: unsaid, it can be asked for again.
        this.run.drop();
        return;
      }
    }
    if (head === expect.internal) {
      hear(cursor, expected);
      return;
    }
    if (head === expect.none) return;
    if (this.isUnsaid || this.user?.retriesAfter(sqlState, fields.get('R') ?? '')) {
      this.isUnsaid = this.run.isMuted = true;
      this.run.drop();
      if (head !== expect.query && head !== expect.sync) this.dropUntilSync(sqlState);
      return;
    }
    this.isDoubtful = false;
    this.user?.failed(sqlState);
    if (this.line.length > 0) this.sayWhatIsDue();
    this.run.extend(this.cursor, this.user);
    if (head !== expect.query && head !== expect.sync) this.dropUntilSync(sqlState);
  }

  private dropUntilSync(sqlState: string): void {
    for (const { item, wasSent } of dropUntilSync(this.expected, this.isUnsaid)) {
      if (wasSent && item.kind === 'parse') this.statements.forget(item);
      if (this.unnamed === item.statement) this.unnamed = null;
      this.user?.undone(item);
    }
    // "cached plan must not change result type", "prepared statement does not exist": prepare anew the next time.
    if (sqlState === '0A000' || sqlState === '26000') this.statements.forgetAll();
  }

  private parameterStatus(): void {
    const { cursor, expected, user } = this;
    const name = this.reports.take(cursor.buffer, cursor.start, cursor.end);
    if (expected.headKind !== expect.internal && user?.wantsParameter(name)) this.run.pass(cursor, user);
  }

  /** Answers to what the server was never asked, when their turn has come. */
  private sayWhatIsDue(): void {
    const { expected } = this;
    for (;;) {
      const head = expected.headKind;
      if (head === expect.saidParse) this.run.say(parseComplete, this.user);
      else if (head === expect.saidClose) this.run.say(closeComplete, this.user);
      else if (head !== expect.copyEnd) return;
      expected.shift();
    }
  }
}

const noSettings: ReadonlyMap<string, string> = new Map();
