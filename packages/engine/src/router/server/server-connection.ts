import { randomBytes } from 'node:crypto';
import { flushSoon } from '../net/flush-soon.ts';
import type { Wire, WireHandlers } from '../net/wire.ts';
import type { PreparedStatement } from '../pool/prepared.ts';
import { closeComplete, parseComplete, readFields, terminate } from '../protocol/build.ts';
import { backend, headerBytes, transactionStatus } from '../protocol/codes.ts';
import { MessageCursor } from '../protocol/cursor.ts';
import { backendRules } from '../protocol/limits.ts';
import { Expectations, expect } from './expectations.ts';
import type { Greeting } from './handshake.ts';
import { nobody } from './nobody.ts';
import { ServerStatements } from './server-statements.ts';
import type { Expected, Internal, PreparedItem, ServerLoss, ServerUser } from './server-user.ts';

const internalRowBytesMax = 64 * 1024;

/** One connection to PostgreSQL after its handshake: what was asked of it, what it has answered, what state it is in. */
export class ServerConnection implements WireHandlers {
  readonly wire: Wire;
  readonly node: string;
  readonly processId: number;
  readonly secret: Buffer;
  /** What PostgreSQL has reported: ParameterStatus. */
  readonly parameters: Map<string, string>;
  private reportedText: string | null = null;
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

  /** What is to be done with it once no cancel request is on its way any more. */
  afterCancels: (() => void) | null = null;

  private readonly cursor = new MessageCursor(backendRules);
  private readonly expected = new Expectations<Expected>();
  private readonly onClosed: (server: ServerConnection) => void;
  /** In shared use: since when the first in line is served. */
  headSinceMs = 0;
  isShared = false;
  private readonly nowMs: () => number;
  private readonly onSharedIdle: (server: ServerConnection) => void;
  private user: ServerUser | null = null;
  private runBuffer: Buffer | null = null;
  private runStart = 0;
  private runEnd = 0;
  /** The answer to what was asked last ends with an error that is not told. */
  private isUnsaid = false;
  private lastFatal = '';
  private hasCutMessage = false;

  constructor(greeting: Greeting, options: ServerConnectionOptions) {
    this.wire = greeting.wire;
    this.node = options.node;
    this.processId = greeting.processId;
    this.secret = greeting.secret;
    this.parameters = greeting.parameters;
    this.settings = noSettings;
    this.nowMs = options.nowMs;
    this.openedAtMs = options.nowMs();
    this.usedAtMs = this.openedAtMs;
    this.onClosed = options.onClosed;
    this.onSharedIdle = options.onSharedIdle;
    this.wire.use(this);
  }

  /** All of what clients are told of the parameters, as one text to compare. */
  get reported(): string {
    this.reportedText ??= [...this.parameters].filter(([name]) => !untold.has(name)).join('\0');
    return this.reportedText;
  }

  get currentUser(): ServerUser | null {
    return this.user;
  }

  get outstanding(): number {
    return this.expected.length;
  }

  /** Something of the client's has not been answered yet. */
  get isAsked(): boolean {
    return this.whatIsAsked().isAsked;
  }

  get isReusable(): boolean {
    return (
      !this.isClosed &&
      !this.isDoomed &&
      this.cancels === 0 &&
      this.expected.length === 0 &&
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

  /** One Query of one of several users; it is sent with those of the others who ask in the same moment. */
  sendShared(user: ServerUser, buffer: Buffer, start: number, end: number): void {
    this.isShared = true;
    if (this.expected.length === 0) {
      this.user = user;
      this.headSinceMs = this.nowMs();
    }
    this.expected.push(expect.query, user);
    this.wire.append(buffer, start, end);
    flushSoon(this.wire);
  }

  isHead(user: ServerUser): boolean {
    return this.user === user;
  }

  /** The client has gone: its answer is for nobody. */
  forgetShared(user: ServerUser): void {
    this.expected.replace(user, nobody);
    if (this.user === user) this.user = nobody;
  }

  /** Whoever waits behind the first in line asks somewhere else. What they asked here is answered to nobody. */
  moveOthersAway(first: ServerUser | null = this.user): void {
    this.isDoomed = true;
    for (const user of this.expected.everyItem()) {
      if (user === null || user === first || user === nobody || !('forward' in user)) continue;
      this.expected.replace(user, nobody);
      user.lost({ ...lostToNobody, detail: 'the one before it takes long' });
    }
  }

  sendPrepared(kind: number, item: PreparedItem, bytes: Buffer): void {
    this.expected.push(kind, item);
    if (bytes.length > 0) this.wire.appendAll(bytes);
    // What is only said has its turn at once when nothing is before it.
    if (bytes.length === 0) this.sayWhatIsDue();
  }

  /** The router's own messages, closed by a Sync or being one Query. */
  runInternal(bytes: Buffer, internal: Internal): void {
    this.expected.push(expect.internal, internal);
    this.cursor.collectBytesMax = internalRowBytesMax;
    this.wire.appendAll(bytes);
    this.wire.flush();
  }

  /** The client ends its COPY; a Sync before this one was swallowed by it. */
  sendCopyEnd(buffer: Buffer, start: number, end: number): void {
    if (this.isCopyingIn) this.isCopyingIn = false;
    else this.expected.push(expect.copyEnd, null);
    this.wire.append(buffer, start, end);
  }

  /** A cancel request has been delivered, or never will be: whoever waits for that may go on. */
  cancelEnded(): void {
    const { afterCancels } = this;
    if (this.cancels > 0 || afterCancels === null) return;
    this.afterCancels = null;
    afterCancels();
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
    this.emit();
    this.user?.flush();
    if (cursor.violation) this.destroy();
  }

  closed(error: Error | null): void {
    if (this.isClosed) return;
    this.isClosed = true;
    const loss: ServerLoss = {
      status: this.status,
      ...this.whatIsAsked(),
      isCutMessage: this.hasCutMessage,
      detail: this.lastFatal || (error?.message ?? 'the connection to the server was closed'),
    };
    const sharers: ServerUser[] = [];
    for (; this.expected.length > 0; this.expected.shift()) {
      const item = this.expected.headItem;
      if (item && 'forward' in item) sharers.push(item);
      else if (item && 'lost' in item) item.lost();
    }
    const { user } = this;
    this.user = null;
    this.onClosed(this);
    if (!this.isShared) user?.lost(loss);
    sharers.forEach((sharer, index) => {
      sharer.lost({ ...lostToNobody, detail: loss.detail, isCutMessage: index === 0 && loss.isCutMessage });
    });
  }

  drained(): void {
    this.user?.serverDrained();
  }

  /** Of the client's; the router's own conversations do not count. */
  private whatIsAsked(): { isAsked: boolean; asked: number[] } {
    const kinds = [...Array(this.expected.length).keys()].map((index) => this.expected.kindAt(index));
    const asked = kinds.filter((kind) => kind !== expect.internal);
    return { isAsked: asked.length > 0, asked };
  }

  private take(): void {
    const { cursor, expected } = this;
    const { type } = cursor;
    if (type === backend.dataRow || type === backend.copyData) {
      if (expected.headKind === expect.internal) this.hear();
      else this.extend();
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
        if (expected.headKind !== expect.internal) this.extend();
        return;
      case backend.notificationResponse:
        this.extend();
        return;
      default:
        if (expected.headKind === expect.internal) this.hear();
        else this.answer(type);
    }
  }

  /** What answers a message of the extended protocol, or is a part of what a Query is answered with. */
  private answer(type: number): void {
    const { expected } = this;
    const head = expected.headKind;
    switch (type) {
      case backend.parseComplete:
      case backend.closeComplete:
        if (head !== expect.injectedParse && head !== expect.injectedClose) this.extend();
        expected.shift();
        break;
      case backend.bindComplete:
        this.extend();
        expected.shift();
        break;
      case backend.rowDescription:
      case backend.noData:
        this.extend();
        if (head !== expect.describe || !this.cursor.isLast) return;
        expected.shift();
        break;
      case backend.commandComplete:
      case backend.emptyQueryResponse:
      case backend.portalSuspended:
        this.extend();
        this.isCopyingIn = false;
        if (head !== expect.execute) return;
        expected.shift();
        break;
      case backend.copyInResponse:
      case backend.copyBothResponse:
        this.extend();
        this.beginCopyIn();
        return;
      default:
        this.extend();
        return;
    }
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
      this.cursor.collectBytesMax = expected.headKind === expect.internal ? internalRowBytesMax : 0;
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
    if (!this.isUnsaid) this.extend();
    if (this.isShared) {
      this.nextSharer(status);
      return;
    }
    this.emit();
    this.sayWhatIsDue();
    if (expected.length > 0) return;
    this.tellSettled(this.user, status);
  }

  private tellSettled(user: ServerUser | null, status: number): void {
    const { isUnsaid } = this;
    this.isUnsaid = false;
    user?.flush();
    if (isUnsaid) user?.again();
    else user?.settled(status);
  }

  private nextSharer(status: number): void {
    const { expected, user } = this;
    this.emit();
    this.user = expected.headItem as ServerUser | null;
    this.headSinceMs = this.nowMs();
    if (expected.length === 0) {
      this.isShared = false;
      this.user = null;
      // First it is free, then the next statement is looked for: that may be one for it.
      this.onSharedIdle(this);
    }
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
        this.runBuffer = null;
        return;
      }
    }
    if (head === expect.internal) {
      this.hear();
      return;
    }
    if (head === expect.none) return;
    if (this.user?.retriesAfter(sqlState)) {
      this.isUnsaid = true;
      this.runBuffer = null;
      if (head !== expect.query && head !== expect.sync) this.dropUntilSync(sqlState);
      return;
    }
    this.user?.failed(sqlState);
    this.extend();
    if (head !== expect.query && head !== expect.sync) this.dropUntilSync(sqlState);
  }

  /** After an error PostgreSQL ignores everything up to the next Sync, Queries too. */
  private dropUntilSync(sqlState: string): void {
    const { expected } = this;
    while (
      expected.length > 0 &&
      expected.headKind !== expect.sync &&
      expected.headKind !== expect.internal
    ) {
      const item = expected.headItem as PreparedItem | null;
      if (item) {
        // What was only to be said is prepared here already.
        if (expected.headKind !== expect.saidParse && item.kind === 'parse')
          this.statements.forget(item.statement);
        if (item.kind === 'parse' && this.unnamed === item.statement) this.unnamed = null;
        this.user?.undone(item);
      }
      expected.shift();
    }
    // "cached plan must not change result type", "prepared statement does not exist": prepare anew the next time.
    if (sqlState === '0A000' || sqlState === '26000') this.statements.forgetAll();
  }

  private parameterStatus(): void {
    const { buffer, start, end } = this.cursor;
    const [name = '', value = ''] = buffer.toString('utf8', start + headerBytes, end - 1).split('\0');
    this.parameters.set(name, value);
    this.reportedText = null;
    if (this.expected.headKind !== expect.internal && this.user?.wantsParameter(name)) this.extend();
  }

  /** A Sync that was sent before the end of the data is swallowed by the COPY (PostgreSQL: CopyGetData). */
  private beginCopyIn(): void {
    const { expected } = this;
    for (let i = 1; i < expected.length; ) {
      const kind = expected.kindAt(i);
      if (kind === expect.copyEnd) {
        expected.removeAt(i);
        return;
      }
      if (kind !== expect.sync) i++;
      else expected.removeAt(i);
    }
    this.isCopyingIn = true;
  }

  /** Answers to what the server was never asked, when their turn has come. */
  private sayWhatIsDue(): void {
    const { expected } = this;
    for (;;) {
      const head = expected.headKind;
      if (head === expect.saidParse) this.say(parseComplete);
      else if (head === expect.saidClose) this.say(closeComplete);
      else if (head !== expect.copyEnd) return;
      expected.shift();
    }
  }

  private say(bytes: Buffer): void {
    this.emit();
    this.user?.forward(bytes, 0, bytes.length);
  }

  private hear(): void {
    const { buffer, start, end, type } = this.cursor;
    (this.expected.headItem as Internal).message(type, buffer, start, end);
  }

  /** The piece the cursor stands on goes to the client; what lies side by side goes together. */
  private extend(): void {
    const { cursor } = this;
    if (this.runBuffer === cursor.buffer && this.runEnd === cursor.start) {
      this.runEnd = cursor.end;
    } else {
      this.emit();
      this.runBuffer = cursor.buffer;
      this.runStart = cursor.start;
      this.runEnd = cursor.end;
    }
    this.hasCutMessage = !cursor.isLast;
  }

  private emit(): void {
    const { runBuffer } = this;
    if (runBuffer === null) return;
    this.runBuffer = null;
    this.user?.forward(runBuffer, this.runStart, this.runEnd);
  }
}

export interface ServerConnectionOptions {
  node: string;
  nowMs(): number;
  onClosed(server: ServerConnection): void;
  /** Everybody who shared it has been answered. */
  onSharedIdle(server: ServerConnection): void;
}

/** It differs between the servers of a cluster, and says nothing of the session. */
const untold = new Set(['in_hot_standby']);

/** A shared statement that was not answered. */
const lostToNobody: ServerLoss = {
  status: transactionStatus.idle,
  isAsked: true,
  asked: [expect.query],
  isCutMessage: false,
  detail: '',
};

const noSettings: ReadonlyMap<string, string> = new Map();

/** Shutdown, crash and recovery; what is left of FATAL is between the client and its statement (a timeout, say). */
function isAboutTheServer(sqlState: string): boolean {
  return ['57P01', '57P02', '57P03', '57P04'].includes(sqlState);
}
