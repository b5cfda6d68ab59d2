import type { Socket } from 'node:net';

/** The longest message is a table of every session. */
const lineCharactersMax = 16 * 1024 * 1024;

interface MessageHandlers {
  message(message: unknown): void;
  /** Once. */
  closed(): void;
}

/** Messages as lines of JSON, between two processes of which neither has started the other. */
export class MessageSocket {
  private readonly socket: Socket;
  private readonly handlers: MessageHandlers;
  private parts: string[] = [];
  private partsLength = 0;

  constructor(socket: Socket, handlers: MessageHandlers) {
    this.socket = socket;
    this.handlers = handlers;
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => this.received(chunk));
    // What has failed is told by its end.
    socket.on('error', () => undefined);
    socket.on('close', () => handlers.closed());
  }

  /** @returns when the kernel has it, or the other side has gone */
  send(message: object): Promise<void> {
    if (!this.socket.writable) return Promise.resolve();
    // Whoever does not read hangs, and is told nothing more.
    if (this.socket.writableLength > lineCharactersMax) this.socket.destroy();
    return new Promise((resolve) => this.socket.write(`${JSON.stringify(message)}\n`, () => resolve()));
  }

  close(): void {
    this.socket.destroySoon();
  }

  unref(): void {
    this.socket.unref();
  }

  private received(chunk: string): void {
    const lines = chunk.split('\n');
    const rest = lines.pop() ?? '';
    for (const line of lines) {
      const whole = [...this.parts, line].join('');
      this.parts = [];
      this.partsLength = 0;
      const message = parsed(whole);
      if (message === undefined) {
        this.socket.destroy();
        return;
      }
      this.handlers.message(message);
    }
    if (rest === '') return;
    this.parts.push(rest);
    this.partsLength += rest.length;
    if (this.partsLength > lineCharactersMax) this.socket.destroy();
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
