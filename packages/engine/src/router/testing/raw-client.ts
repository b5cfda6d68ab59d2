import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import net from 'node:net';
import { ScramClient } from '../auth/scram.ts';
import { authenticationCode, password as passwordMessage, readFields } from '../protocol/build.ts';
import { backend, headerBytes } from '../protocol/codes.ts';
import { MessageCursor } from '../protocol/cursor.ts';
import { backendRules } from '../protocol/limits.ts';
import { buildStartup } from '../protocol/startup.ts';

export interface Answer {
  type: string;
  body: Buffer;
}

/** A client that sends exactly the bytes it is given, and shows every message that comes back. */
export class RawClient {
  readonly answers: Answer[] = [];
  processId = 0;
  secret: Buffer = Buffer.alloc(0);
  isClosed = false;
  private readonly socket: net.Socket;
  private readonly cursor = new MessageCursor(backendRules);
  private readonly password: string;
  private scram: ScramClient | null = null;
  private parts: Buffer[] = [];
  private wake: () => void = () => undefined;

  private constructor(socket: net.Socket, password: string) {
    this.socket = socket;
    this.password = password;
    this.cursor.collectBytesMax = 1 << 20;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.received(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.isClosed = true;
      this.wake();
    });
  }

  static async login(port: number, parameters: [string, string][], password = 'secret'): Promise<RawClient> {
    const client = new RawClient(net.connect({ host: '127.0.0.1', port }), password);
    client.send(buildStartup(parameters));
    await client.until((answer) => answer.type === 'Z' || answer.type === 'E');
    return client;
  }

  send(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  /** In two packets, cut there. */
  async sendCut(bytes: Buffer, offset: number): Promise<void> {
    this.socket.write(bytes.subarray(0, offset));
    await readElsewhere();
    this.socket.write(bytes.subarray(offset));
  }

  async sendSingly(bytes: Buffer): Promise<void> {
    for (const [index] of bytes.entries()) {
      this.socket.write(bytes.subarray(index, index + 1));
      await readElsewhere();
    }
  }

  /** Waits for the n-th answer from now that fits, and gives all that came since the last call. */
  async until(fits: (answer: Answer) => boolean, count = 1): Promise<Answer[]> {
    const timer = setTimeout(() => this.destroy(), 20_000);
    while (this.answers.filter(fits).length < count && !this.isClosed) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    clearTimeout(timer);
    return this.answers.splice(0);
  }

  ready(count = 1): Promise<Answer[]> {
    return this.until((answer) => answer.type === 'Z', count);
  }

  /** Reads nothing any more, until `resume`. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  destroy(): void {
    this.socket.destroy();
  }

  private received(chunk: Buffer): void {
    this.cursor.load(chunk, 0, chunk.length);
    while (this.cursor.next()) {
      const { buffer, start, end, isFirst, isLast, type } = this.cursor;
      if (isFirst) this.parts = [];
      this.parts.push(Buffer.from(buffer.subarray(start, end)));
      if (isLast) this.message(type, Buffer.concat(this.parts));
    }
    this.wake();
  }

  private message(type: number, message: Buffer): void {
    const body = message.subarray(headerBytes);
    if (type === backend.authentication) this.authenticate(body);
    else if (type === backend.backendKeyData) {
      this.processId = body.readInt32BE(0);
      this.secret = body.subarray(4);
    } else this.answers.push({ type: String.fromCharCode(type), body });
  }

  private authenticate(body: Buffer): void {
    const code = body.readInt32BE(0);
    const data = body.subarray(4).toString();
    if (code === authenticationCode.sasl) {
      // Its keys depend on the salt, which only comes with the answer; the first message needs none of them.
      const none = Buffer.alloc(32);
      this.nonce = randomBytes(12).toString('base64');
      const first = Buffer.from(
        new ScramClient({ clientKey: none, storedKey: none, serverKey: none }, this.nonce).first(),
      );
      const length = Buffer.alloc(4);
      length.writeInt32BE(first.length, 0);
      this.send(passwordMessage(Buffer.concat([Buffer.from('SCRAM-SHA-256\0'), length, first])));
    }
    if (code === authenticationCode.saslContinue) {
      this.scram = new ScramClient(keysOf(this.password, data), this.nonce);
      this.send(passwordMessage(Buffer.from(this.scram.final(data) ?? '')));
    }
  }

  private nonce = '';
}

function keysOf(password: string, serverFirst: string) {
  const [, salt = '', iterations = ''] = /,s=([^,]+),i=(\d+)/.exec(serverFirst) ?? [];
  const salted = pbkdf2Sync(password, Buffer.from(salt, 'base64'), Number(iterations), 32, 'sha256');
  const hmac = (text: string) => createHmac('sha256', salted).update(text).digest();
  const clientKey = hmac('Client Key');
  return {
    clientKey,
    storedKey: createHash('sha256').update(clientKey).digest(),
    serverKey: hmac('Server Key'),
  };
}

/** All of an event loop's turn: a reader in this process has read what was written before. */
async function readElsewhere(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/**
 * What an answer says, for comparing: errors without the place in PostgreSQL's source, columns without the number of their
 * table, and the names under which the router prepares statements (docs/router.md) as anybody's.
 */
export function textOf({ type, body }: Answer): string {
  if (type === 'T') return `T ${withoutTables(body).toString('latin1')}`;
  if (type !== 'E' && type !== 'N') return `${type} ${body.toString('latin1')}`;
  const fields = readFields(Buffer.concat([Buffer.alloc(headerBytes), body]), 0, body.length + headerBytes);
  const text = (fields.get('M') ?? '').replace(/prepared statement "[^"]*"/, 'prepared statement "…"');
  return `${type} ${fields.get('V')} ${fields.get('C')} ${text}`;
}

function withoutTables(body: Buffer): Buffer {
  const made = Buffer.from(body);
  for (let position = 2; position < made.length; ) {
    const tail = made.indexOf(0, position) + 1;
    made.fill(0, tail, tail + 4);
    position = tail + 18;
  }
  return made;
}
