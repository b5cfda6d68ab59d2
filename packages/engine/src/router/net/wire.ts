import net from 'node:net';
import type { TLSSocket } from 'node:tls';
import { giveSlab, slabBytes, takeSlab } from './slabs.ts';

export interface WireHandlers {
  /** `buffer[0, length)`; the memory is read into again as soon as this returns. */
  bytes(buffer: Buffer, length: number): void;
  /** Once, whatever ended it. */
  closed(error: Error | null): void;
  /** What was written has been taken by the kernel after a time of waiting. */
  drained(): void;
}

/**
 * One memory for every read of this process: a read is delivered at once and worked off before the next one, and
 * whatever has to last longer is copied.
 */
const readBuffer = Buffer.allocUnsafeSlow(64 * 1024);

/** A socket with reads into shared memory and with writes put together: one `flush`, one system call. */
export class Wire {
  private socket: net.Socket;
  private handlers: WireHandlers;
  private slab: Buffer | null = null;
  private filledBytes = 0;
  private readonly sending: Buffer[] = [];
  private readonly written = () => {
    const slab = this.sending.shift();
    if (slab) giveSlab(slab);
  };
  /** Set by whoever doubts its peer: nothing has come since. */
  isSilent = false;
  private isClosed = false;
  private isPaused = false;
  private error: Error | null = null;

  private constructor(socket: net.Socket, handlers: WireHandlers) {
    this.socket = socket;
    this.handlers = handlers;
  }

  /** Takes an accepted socket over. It must not have read anything yet (`pauseOnConnect`). */
  static accept(accepted: net.Socket, handlers: WireHandlers): Wire {
    const { _handle: handle } = accepted as unknown as { _handle: unknown };
    // The only way to give an accepted socket a buffer to read into (Node.js offers `onread` for outgoing ones alone).
    const options = { handle, onread: onread(() => wire), allowHalfOpen: false };
    const socket = new net.Socket(options as unknown as net.SocketConstructorOpts);
    const wire: Wire = new Wire(socket, handlers);
    wire.listen(socket);
    socket.setNoDelay(true);
    socket.resume();
    return wire;
  }

  static connect(target: { path: string } | { host: string; port: number }, handlers: WireHandlers): Wire {
    const options = { ...target, noDelay: true, keepAlive: true, keepAliveInitialDelay: 10_000 };
    const socket = net.connect({ ...options, onread: onread(() => wire) } as net.NetConnectOpts);
    const wire: Wire = new Wire(socket, handlers);
    wire.listen(socket);
    return wire;
  }

  get raw(): net.Socket {
    return this.socket;
  }

  get remoteAddress(): string {
    return this.socket.remoteAddress ?? '';
  }

  use(handlers: WireHandlers): void {
    this.handlers = handlers;
  }

  /** From here on TLS lies between the socket and the handlers. */
  upgrade(wrap: (socket: net.Socket) => TLSSocket): TLSSocket {
    const plain = this.socket;
    const secure = wrap(plain);
    this.socket = secure;
    this.listen(secure);
    secure.on('data', (chunk: Buffer) => this.received(chunk, chunk.length));
    return secure;
  }

  /** Copies; it is sent with the next flush. */
  append(bytes: Buffer, start: number, end: number): void {
    if (this.isClosed) return;
    let position = start;
    while (position < end) {
      this.slab ??= takeSlab();
      const room = slabBytes - this.filledBytes;
      const count = Math.min(room, end - position);
      if (count < 256) {
        // For a handful of bytes a loop is cheaper than the call.
        const { slab, filledBytes } = this;
        for (let i = 0; i < count; i++) slab[filledBytes + i] = bytes[position + i] as number;
      } else {
        bytes.copy(this.slab, this.filledBytes, position, position + count);
      }
      this.filledBytes += count;
      position += count;
      if (this.filledBytes === slabBytes) this.flush();
    }
  }

  appendAll(bytes: Buffer): void {
    this.append(bytes, 0, bytes.length);
  }

  flush(): void {
    const { slab } = this;
    if (!slab || this.filledBytes === 0) return;
    const view = slab.subarray(0, this.filledBytes);
    this.slab = null;
    this.filledBytes = 0;
    if (this.isClosed) {
      giveSlab(slab);
      return;
    }
    // The memory is the socket's until it is sent. New memory for every write would keep the garbage collector busy.
    this.sending.push(slab);
    this.socket.write(view, this.written);
  }

  get unsentBytes(): number {
    return this.socket.writableLength;
  }

  pause(): void {
    this.isPaused = true;
    this.socket.pause();
  }

  /** Said after every statement, and almost never needed. */
  resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    this.socket.resume();
  }

  /** Sends what is there, then ends; nothing more is heard of it but `closed`. */
  end(): void {
    if (this.isClosed) return;
    this.flush();
    this.socket.end();
    // A peer that does not read does not keep the socket.
    setTimeout(() => this.destroy(null), lingerMs).unref();
  }

  destroy(error: Error | null): void {
    if (this.isClosed) return;
    this.error = error;
    this.socket.destroy();
  }

  received(buffer: Buffer, length: number): void {
    this.isSilent = false;
    if (!this.isClosed) this.handlers.bytes(buffer, length);
  }

  private listen(socket: net.Socket): void {
    socket.on('error', (error) => {
      this.error ??= error;
    });
    socket.on('drain', () => this.handlers.drained());
    // Without half-open sockets the end of one direction is the end of both.
    socket.on('end', () => socket.destroy());
    socket.on('close', () => this.ended());
  }

  private ended(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    if (this.slab) giveSlab(this.slab);
    this.slab = null;
    this.handlers.closed(this.error);
  }
}

const lingerMs = 2_000;

function onread(wire: () => Wire): net.OnReadOpts {
  return {
    buffer: readBuffer,
    callback: (bytesRead, buffer) => {
      wire().received(buffer as Buffer, bytesRead);
      return true;
    },
  };
}
