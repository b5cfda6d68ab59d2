import type net from 'node:net';
import { type SecureContext, TLSSocket } from 'node:tls';
import type { Account } from '../auth/account.ts';
import { Authenticator } from '../auth/authenticator.ts';
import type { Wire, WireHandlers } from '../net/wire.ts';
import {
  authentication,
  authenticationCode,
  errorResponse,
  negotiateProtocolVersion,
} from '../protocol/build.ts';
import { frontend, headerBytes } from '../protocol/codes.ts';
import { MessageCursor } from '../protocol/cursor.ts';
import { frontendRules } from '../protocol/limits.ts';
import { newestMinorVersion, readStartupPacket, startupBytesMax } from '../protocol/startup.ts';
import type { ServerCredential } from '../server/handshake.ts';
import { readStartupOptions, type StartupOptions } from './startup-options.ts';

export interface ClientTls {
  context: SecureContext;
  channelBinding: Buffer;
}

export interface LoggedIn {
  wire: Wire;
  options: StartupOptions;
  credential: ServerCredential;
  account: Account;
  minorVersion: number;
  /** What the client has sent already. */
  rest: Buffer;
}

export interface LoginConnection {
  address: string;
  isTls: boolean;
  account: Account | null;
  /** The name in the certificate that it has proven to be its own; null: none. */
  certificate: string | null;
}

export interface LoginContext {
  /** Null: this router speaks no TLS. */
  tls(): ClientTls | null;
  timeoutMs: number;
  mockSecret: Buffer;
  wallMs(): number;
  findAccount(user: string, database: string): Promise<Account | null | 'unknown'>;
  /** What a database name means whose end says where reads go; null: it has no such end. */
  suffixOf(database: string): { database: string; isOn: boolean } | null;
  /** Whether this client may try at all, from where it comes; a message when not. */
  whyRefused(options: StartupOptions, connection: LoginConnection): string | null;
  cancelRequested(processId: number, secret: Buffer): void;
  loggedIn(login: LoggedIn): void;
  ended(login: ClientLogin): void;
}

const directProtocol = 'postgresql';

/** One client from its first byte to its proof of who it is. */
export class ClientLogin implements WireHandlers {
  private readonly context: LoginContext;
  private readonly timer: NodeJS.Timeout;
  private wire: Wire | null = null;
  private received: Buffer = Buffer.alloc(0);
  private cursor: MessageCursor | null = null;
  private isTls = false;
  private isOver = false;
  private isBusy = false;
  private options: StartupOptions | null = null;
  private account: Account | null = null;
  private authenticator: Authenticator | null = null;
  private minorVersion = 0;

  constructor(context: LoginContext) {
    this.context = context;
    this.timer = setTimeout(() => this.refuse('08P01', 'the login took too long'), context.timeoutMs);
  }

  start(wire: Wire): void {
    this.wire = wire;
  }

  bytes(buffer: Buffer, length: number): void {
    if (this.isOver) return;
    if (this.received.length + length > receivedBytesMax) {
      this.refuse('08P01', 'too much was said before the login');
      return;
    }
    this.received = Buffer.concat([this.received, buffer.subarray(0, length)]);
    this.work();
  }

  closed(): void {
    this.end();
  }

  drained(): void {
    // What is said here is small.
  }

  /** The router is about to stop. */
  shutDown(): void {
    this.refuse('57P01', 'terminating connection due to administrator command');
  }

  private work(): void {
    while (!this.isOver && !this.isBusy && this.received.length > 0) {
      const isDone = this.authenticator === null ? this.readPacket() : this.readPassword();
      if (!isDone) return;
    }
  }

  /** @returns whether there may be more to read */
  private readPacket(): boolean {
    const { packet, bytesRead } = readStartupPacket(this.received);
    const isFirst = !this.isTls;
    switch (packet.kind) {
      case 'incomplete':
        return false;
      case 'ssl':
        this.answerSsl(bytesRead);
        return false;
      case 'gss':
        this.received = this.received.subarray(bytesRead);
        this.send(Buffer.from('N'));
        return true;
      case 'tls':
        if (isFirst) this.beginDirectTls();
        else this.refuse('08P01', 'invalid length of startup packet');
        return false;
      case 'cancel':
        this.context.cancelRequested(packet.processId, packet.secret);
        this.wire?.end();
        this.end();
        return false;
      case 'startup':
        this.received = Buffer.from(this.received.subarray(bytesRead));
        this.isBusy = true;
        void this.beginLogin(packet.parameters, packet.minorVersion);
        return false;
      case 'invalid':
        this.refuse(packet.sqlState, packet.reason);
        return false;
    }
  }

  private answerSsl(bytesRead: number): void {
    const tls = this.context.tls();
    // Whatever came behind the request was not encrypted, and would be read as if it were (CVE-2021-23214).
    if (this.received.length > bytesRead || this.isTls) {
      this.refuse('08P01', 'received unencrypted data after SSL request');
      return;
    }
    this.received = Buffer.alloc(0);
    this.send(Buffer.from(tls ? 'S' : 'N'));
    if (tls) this.beginTls(tls, null);
  }

  private beginDirectTls(): void {
    const tls = this.context.tls();
    const { received } = this;
    this.received = Buffer.alloc(0);
    if (tls) this.beginTls(tls, received);
    else this.refuse('08P01', 'this router does not offer TLS');
  }

  private beginTls(tls: ClientTls, direct: Buffer | null): void {
    this.isTls = true;
    const secure = this.wire?.upgrade((socket) => {
      if (direct) {
        // Flowing, it would throw away what is given back to it.
        socket.pause();
        socket.unshift(direct);
      }
      return new TLSSocket(socket, {
        isServer: true,
        secureContext: tls.context,
        ALPNProtocols: [directProtocol],
        // Who has none says so, and pg_hba.conf says whether that matters.
        ...{ requestCert: true, rejectUnauthorized: false },
      });
    });
    secure?.once('secure', () => {
      // Without it another protocol's client could be led here (PostgreSQL demands it too).
      if (direct && secure.alpnProtocol !== directProtocol) this.wire?.destroy(null);
    });
  }

  private async beginLogin(parameters: ReadonlyMap<string, string>, minorVersion: number): Promise<void> {
    const read = readStartupOptions(parameters);
    if (!read.ok) {
      this.refuse(read.refusal.sqlState, read.refusal.message);
      return;
    }
    const { options } = read;
    this.minorVersion = Math.min(minorVersion, newestMinorVersion);
    if (minorVersion > newestMinorVersion || options.unknownProtocolOptions.length > 0)
      this.send(negotiateProtocolVersion(this.minorVersion, options.unknownProtocolOptions));
    const account = await this.accountFor(options).catch(() => 'unknown' as const);
    if (this.isOver) return;
    if (account === 'unknown') {
      this.refuse('57P03', 'no server of the cluster could be asked who may log in');
      return;
    }
    const { wire } = this;
    const certificate = wire ? provenNameOf(wire.raw) : null;
    const connection = { address: wire?.remoteAddress ?? '', isTls: this.isTls, account, certificate };
    const refusal = this.context.whyRefused(options, connection);
    if (refusal !== null) {
      this.refuse('28000', refusal);
      return;
    }
    this.options = options;
    this.account = account;
    this.authenticator = new Authenticator({
      ...{ user: options.user, account, mockSecret: this.context.mockSecret, nowMs: this.context.wallMs() },
      channelBinding: this.isTls ? (this.context.tls()?.channelBinding ?? null) : null,
    });
    this.cursor = new MessageCursor(frontendRules);
    this.send(this.authenticator.begin());
    this.isBusy = false;
    this.work();
  }

  /** Settles which database is meant: one that really bears the name, else the one without the suffix. */
  private async accountFor(options: StartupOptions): Promise<Account | null | 'unknown'> {
    const { context } = this;
    const account = await context.findAccount(options.user, options.database);
    const meant = context.suffixOf(options.database);
    if (meant === null || account === null || account === 'unknown' || account.canConnect !== null)
      return account;
    options.database = meant.database;
    options.splitBySuffix = meant.isOn;
    return context.findAccount(options.user, options.database);
  }

  private readPassword(): boolean {
    const { cursor, authenticator } = this;
    if (!cursor || !authenticator) return false;
    const bytes = this.received;
    cursor.load(bytes, 0, bytes.length);
    const isThere = cursor.next();
    if (cursor.violation || (isThere && cursor.type !== frontend.password)) {
      this.refuse('08P01', 'expected a password message');
      return false;
    }
    if (!isThere) {
      // The cursor has collected what came of it.
      this.received = Buffer.alloc(0);
      return false;
    }
    const body = Buffer.from(cursor.buffer.subarray(cursor.start + headerBytes, cursor.end));
    this.received = Buffer.from(bytes.subarray(bytes.length - cursor.unreadBytes));
    const step = authenticator.next(body);
    if (step.kind === 'failed') this.refuse(step.sqlState, step.message);
    else if (step.kind === 'continue') this.send(step.reply);
    else {
      if (step.reply) this.wire?.appendAll(step.reply);
      this.wire?.appendAll(authentication(authenticationCode.ok));
      this.finish(step.credential);
    }
    return step.kind === 'continue';
  }

  private finish(credential: ServerCredential): void {
    const { wire, options, account, minorVersion, received } = this;
    this.end();
    if (!wire || !options || !account) return;
    this.context.loggedIn({ wire, options, credential, account, minorVersion, rest: received });
  }

  private send(bytes: Buffer): void {
    this.wire?.appendAll(bytes);
    this.wire?.flush();
  }

  private refuse(sqlState: string, message: string): void {
    if (this.isOver) return;
    this.wire?.appendAll(errorResponse({ severity: 'FATAL', sqlState, message }));
    this.wire?.end();
    this.end();
  }

  private end(): void {
    if (this.isOver) return;
    this.isOver = true;
    clearTimeout(this.timer);
    this.context.ended(this);
  }
}

/** The name in a certificate that the client holds the key of and that our authority has issued, as OpenSSL sees it. */
function provenNameOf(socket: net.Socket): string | null {
  if (!(socket instanceof TLSSocket)) return null;
  const certificate = socket.getPeerCertificate();
  // Only a tls.Server looks at this by itself.
  const { ssl } = socket as unknown as { ssl: { verifyError(): Error | null | undefined } | null };
  if (!certificate.subject || !ssl || ssl.verifyError()) return null;
  const { CN } = certificate.subject;
  return typeof CN === 'string' ? CN : null;
}

const receivedBytesMax = startupBytesMax + 64 * 1024;
