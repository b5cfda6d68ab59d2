import { randomBytes } from 'node:crypto';
import { connect as connectTls, type SecureContext } from 'node:tls';
import { md5Answer } from '../auth/md5.ts';
import { ScramClient, type ScramKeys, scramMechanism } from '../auth/scram.ts';
import { dialTarget, needsTls, type ServerAddress } from '../net/target.ts';
import { Wire, type WireHandlers } from '../net/wire.ts';
import { authenticationCode, password, readFields } from '../protocol/build.ts';
import { backend, headerBytes } from '../protocol/codes.ts';
import { MessageCursor } from '../protocol/cursor.ts';
import { backendRules } from '../protocol/limits.ts';
import { buildSslRequest, buildStartup } from '../protocol/startup.ts';

export type ServerCredential =
  | { kind: 'scram'; keys: ScramKeys }
  | { kind: 'md5'; hash: string }
  | { kind: 'none' };

export interface HandshakeOptions {
  address: ServerAddress;
  user: string;
  database: string;
  credential: ServerCredential;
  tls: SecureContext;
  timeoutMs: number;
  /** Beside user and database. */
  parameters: readonly (readonly [string, string])[];
}

export type ConnectFailure =
  /** Nobody there, or nobody who answers in time. */
  | { kind: 'unreachable'; detail: string }
  /** PostgreSQL's own words; `raw` is its ErrorResponse. */
  | { kind: 'refused'; sqlState: string; detail: string; raw: Buffer }
  | { kind: 'untrusted'; detail: string };

export interface Greeting {
  wire: Wire;
  processId: number;
  secret: Buffer;
  parameters: Map<string, string>;
}

type Outcome = { ok: true; greeting: Greeting } | { ok: false; failure: ConnectFailure };

/** Connects to PostgreSQL in a client's name and waits until it is ready for the first statement. */
export function shakeHands(options: HandshakeOptions): Promise<Outcome> {
  return new Promise((resolve) => {
    new Handshake(options, resolve).begin();
  });
}

class Handshake implements WireHandlers {
  private readonly options: HandshakeOptions;
  private readonly settle: (outcome: Outcome) => void;
  private readonly cursor = new MessageCursor(backendRules);
  private readonly parameters = new Map<string, string>();
  private readonly timer: NodeJS.Timeout;
  private wire: Wire;
  private scram: ScramClient | null = null;
  private processId = 0;
  private secret: Buffer = Buffer.alloc(0);
  private isAskingForTls = false;
  private isSettled = false;
  private hasProvenServer = false;

  constructor(options: HandshakeOptions, settle: (outcome: Outcome) => void) {
    this.options = options;
    this.settle = settle;
    this.wire = Wire.connect(dialTarget(options.address), this);
    this.timer = setTimeout(() => {
      this.fail({ kind: 'unreachable', detail: `no answer within ${options.timeoutMs} ms` });
    }, options.timeoutMs);
  }

  begin(): void {
    if (needsTls(this.options.address)) {
      this.isAskingForTls = true;
      this.wire.appendAll(buildSslRequest());
    } else {
      this.sendStartup();
    }
    this.wire.flush();
  }

  bytes(buffer: Buffer, length: number): void {
    if (this.isAskingForTls) {
      this.answerToTls(buffer, length);
      return;
    }
    this.cursor.load(buffer, 0, length);
    while (!this.isSettled && this.cursor.next()) this.take();
    if (this.cursor.violation)
      this.fail({ kind: 'untrusted', detail: 'it does not speak PostgreSQL’s protocol' });
    if (!this.isSettled) this.wire.flush();
  }

  closed(error: Error | null): void {
    this.fail({ kind: 'unreachable', detail: error?.message ?? 'the connection was closed' });
  }

  drained(): void {
    // Nothing waits for it: what is sent here is small.
  }

  private answerToTls(buffer: Buffer, length: number): void {
    // More than the one byte would have been said by somebody who sits before the encryption (CVE-2021-23222).
    if (length !== 1 || buffer[0] !== 0x53) {
      this.fail({ kind: 'untrusted', detail: 'it does not offer TLS' });
      return;
    }
    this.isAskingForTls = false;
    const { tls, address } = this.options;
    const secure = this.wire.upgrade((socket) =>
      connectTls({ socket, secureContext: tls, host: address.host }),
    );
    secure.once('secureConnect', () => {
      this.sendStartup();
      this.wire.flush();
    });
  }

  private sendStartup(): void {
    const { user, database, parameters } = this.options;
    this.wire.appendAll(buildStartup([['user', user], ['database', database], ...parameters]));
  }

  private take(): void {
    const { buffer, start, end, type } = this.cursor;
    switch (type) {
      case backend.authentication:
        this.authenticate(
          buffer.readInt32BE(start + headerBytes),
          buffer.subarray(start + headerBytes + 4, end),
        );
        return;
      case backend.parameterStatus: {
        const [name = '', value = ''] = buffer.toString('utf8', start + headerBytes, end - 1).split('\0');
        this.parameters.set(name, value);
        return;
      }
      case backend.backendKeyData:
        this.processId = buffer.readInt32BE(start + headerBytes);
        this.secret = Buffer.from(buffer.subarray(start + headerBytes + 4, end));
        return;
      case backend.errorResponse: {
        const fields = readFields(buffer, start, end);
        const detail = fields.get('M') ?? '';
        const raw = Buffer.from(buffer.subarray(start, end));
        this.fail({ kind: 'refused', sqlState: fields.get('C') ?? '', detail, raw });
        return;
      }
      case backend.readyForQuery:
        this.succeed();
        return;
      case backend.noticeResponse:
      case backend.negotiateProtocolVersion:
        return;
      default:
        this.fail({ kind: 'untrusted', detail: `it says ${String.fromCharCode(type)} before it is ready` });
    }
  }

  private authenticate(code: number, data: Buffer): void {
    const { credential } = this.options;
    if (code === authenticationCode.ok) {
      // A server that let us in without proving that it knows the verifier may be anybody on the way.
      if (credential.kind === 'scram' && this.scram && !this.hasProvenServer)
        this.fail({ kind: 'untrusted', detail: 'it skipped its own proof' });
      return;
    }
    if (code === authenticationCode.sasl && credential.kind === 'scram') {
      this.scram = new ScramClient(credential.keys, randomBytes(18).toString('base64'));
      const first = Buffer.from(this.scram.first());
      const length = Buffer.alloc(4);
      length.writeInt32BE(first.length, 0);
      this.wire.appendAll(password(Buffer.concat([Buffer.from(`${scramMechanism}\0`), length, first])));
      return;
    }
    if (code === authenticationCode.saslContinue && this.scram) {
      const final = this.scram.final(data.toString());
      if (final === null) this.fail({ kind: 'untrusted', detail: 'its SCRAM challenge is not understood' });
      else this.wire.appendAll(password(Buffer.from(final)));
      return;
    }
    if (code === authenticationCode.saslFinal && this.scram) {
      this.hasProvenServer = this.scram.verify(data.toString());
      if (!this.hasProvenServer) this.fail({ kind: 'untrusted', detail: 'it does not know the password' });
      return;
    }
    if (code === authenticationCode.md5 && credential.kind === 'md5') {
      this.wire.appendAll(
        password(Buffer.from(`${md5Answer(credential.hash, Buffer.from(data.subarray(0, 4)))}\0`)),
      );
      return;
    }
    this.fail({
      kind: 'untrusted',
      detail: `it asks for a kind of authentication (${code}) that cannot be given`,
    });
  }

  private succeed(): void {
    if (this.isSettled) return;
    this.isSettled = true;
    clearTimeout(this.timer);
    const { wire, processId, secret, parameters } = this;
    this.settle({ ok: true, greeting: { wire, processId, secret, parameters } });
  }

  private fail(failure: ConnectFailure): void {
    if (this.isSettled) return;
    this.isSettled = true;
    clearTimeout(this.timer);
    this.wire.destroy(null);
    this.settle({ ok: false, failure });
  }
}
