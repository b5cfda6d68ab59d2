import type { Wire, WireHandlers } from '../net/wire.ts';
import { errorResponse, type PostgresError } from '../protocol/build.ts';
import type { Greeting } from '../server/handshake.ts';

const unsentBytesMax = 1024 * 1024;
const earlyBytesMax = 64 * 1024;

export interface ReplicationSessionOptions {
  wire: Wire;
  /** What the client has sent behind its password. */
  rest: Buffer;
  ended(): void;
}

/** A replicating client and a server of its own, until one of them ends: all bytes go across as they are. */
export class ReplicationSession implements WireHandlers {
  node: string | null = null;
  processId = 0;
  secret: Buffer = Buffer.alloc(0);
  cancels = 0;
  isOver = false;
  private readonly client: Wire;
  private readonly onEnded: () => void;
  private server: Wire | null = null;
  private early: Buffer;

  constructor({ wire, rest, ended }: ReplicationSessionOptions) {
    this.client = wire;
    this.early = rest;
    this.onEnded = ended;
    wire.use(this);
  }

  /** @param hello what the client is told first */
  begin(node: string, { wire, processId, secret }: Greeting, hello: Buffer): void {
    if (this.isOver) {
      wire.destroy(null);
      return;
    }
    Object.assign(this, { node, processId, secret });
    this.server = wire;
    wire.use({
      bytes: (buffer, length) => pass(buffer, length, { from: wire, to: this.client }),
      closed: () => this.end(),
      drained: () => this.client.resume(),
    });
    this.client.appendAll(hello);
    this.client.flush();
    const { early } = this;
    this.early = Buffer.alloc(0);
    if (early.length > 0) this.bytes(early, early.length);
  }

  bytes(buffer: Buffer, length: number): void {
    const { server, client } = this;
    if (server) {
      pass(buffer, length, { from: client, to: server });
      return;
    }
    this.early = Buffer.concat([this.early, buffer.subarray(0, length)]);
    if (this.early.length > earlyBytesMax)
      this.refuse({
        severity: 'FATAL',
        sqlState: '08P01',
        message: 'too much was said before the session was ready',
      });
  }

  closed(): void {
    this.end();
  }

  drained(): void {
    this.server?.resume();
  }

  refuse(error: PostgresError | Buffer): void {
    if (this.isOver) return;
    this.client.appendAll(Buffer.isBuffer(error) ? error : errorResponse(error));
    this.end();
  }

  /** What the server has said last goes out before. */
  end(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.client.end();
    // PostgreSQL hears of it as of any lost client: a Terminate in the middle of a COPY would be an error.
    this.server?.end();
    this.onEnded();
  }

  cancelEnded(): void {
    // Nobody waits for this server.
  }
}

function pass(buffer: Buffer, length: number, { from, to }: { from: Wire; to: Wire }): void {
  to.append(buffer, 0, length);
  to.flush();
  // The other one's `drained` goes on with it.
  if (to.unsentBytes > unsentBytesMax) from.pause();
}
