import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { z } from 'zod';
import type { PostmasterExit } from '../../postgres/postmaster-host.ts';
import { withDeadline } from '../../shared/deadline.ts';
import { type ErrorCode, errorCodes, messageOf, QuantaError } from '../../shared/errors.ts';
import { encodeRequest, LineSplitter, type ReaperRequest } from './protocol.ts';

export interface CallOptions<Answer> {
  answer: z.ZodType<Answer>;
  timeoutMs: number;
}

interface Pending {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

const maxPendingCalls = 64;
const probeTimeoutMs = 1_000;

const failureShape = { code: z.enum(errorCodes), message: z.string(), hint: z.string().optional() };
const messageSchema = z.union([
  z.object({ id: z.number(), ok: z.literal(true), result: z.unknown() }),
  z.object({ id: z.number(), ok: z.literal(false), ...failureShape }),
  z.object({
    event: z.literal('exit'),
    exit: z.object({ code: z.number().nullable(), signal: z.string().nullable() }),
  }),
  z.object({ event: z.literal('replaced') }),
  z.object({ event: z.literal('rejected'), ...failureShape }),
]);

/** One socket to the reaper: calls with their answers, the announced exits, and the loss of it. */
export class ReaperConnection {
  private readonly socket: Socket;
  private readonly lines = new LineSplitter();
  private readonly pending = new Map<number, Pending>();
  private readonly exitListeners = new Set<(exit: PostmasterExit) => void>();
  private readonly lostListeners = new Set<(error: Error) => void>();
  private nextId = 1;
  private isClosed = false;
  private lost: QuantaError | null = null;
  private isLossAnnounced = false;
  private readonly socketPath: string;

  private constructor(socket: Socket, socketPath: string) {
    this.socket = socket;
    this.socketPath = socketPath;
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => this.received(chunk));
    socket.on('error', (error) => this.lose(gone(error)));
    socket.on('close', () => this.lose(gone(null)));
  }

  /** Null when nobody listens at `socketPath`. */
  static async open(socketPath: string, timeoutMs: number): Promise<ReaperConnection | null> {
    const socket = createConnection(socketPath);
    try {
      await withDeadline('the connection to the reaper', timeoutMs, (signal) =>
        once(socket, 'connect', { signal }),
      );
      return new ReaperConnection(socket, socketPath);
    } catch (error) {
      socket.destroy();
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ECONNREFUSED') return null;
      if (error instanceof QuantaError) throw error;
      throw new QuantaError(
        'PEER_UNREACHABLE',
        `the reaper at ${socketPath} cannot be reached: ${messageOf(error)}`,
        {
          cause: error,
          hint: 'Run the daemon as the user who owns this socket.',
        },
      );
    }
  }

  async call<Answer>(request: ReaperRequest, { answer, timeoutMs }: CallOptions<Answer>): Promise<Answer> {
    if (this.isClosed) throw new QuantaError('REFUSED', 'the connection to the reaper is closed');
    if (this.lost) throw this.lost;
    if (this.pending.size >= maxPendingCalls)
      throw new QuantaError('REFUSED', 'too many calls wait for the reaper');
    const id = this.nextId++;
    const line = encodeRequest({ ...request, id });
    try {
      const result = await withDeadline(`the reaper's answer to ${request.method}`, timeoutMs, () => {
        const promise = new Promise<unknown>((resolve, reject) => this.pending.set(id, { resolve, reject }));
        this.socket.write(line);
        return promise;
      });
      return parsed(answer, result);
    } finally {
      this.pending.delete(id);
    }
  }

  onExit(listener: (exit: PostmasterExit) => void): () => void {
    this.exitListeners.add(listener);
    return () => this.exitListeners.delete(listener);
  }

  /** A listener that comes after the loss is called too. */
  onLost(listener: (error: Error) => void): () => void {
    const { lost } = this;
    if (lost && this.isLossAnnounced) queueMicrotask(() => listener(lost));
    else this.lostListeners.add(listener);
    return () => this.lostListeners.delete(listener);
  }

  close(): void {
    this.isClosed = true;
    this.lostListeners.clear();
    this.exitListeners.clear();
    this.socket.destroySoon();
    this.rejectAll(new QuantaError('REFUSED', 'the connection to the reaper was closed'));
  }

  private received(chunk: string): void {
    try {
      for (const line of this.lines.push(chunk)) this.take(parsed(messageSchema, JSON.parse(line)));
    } catch (error) {
      this.lose(error instanceof QuantaError ? error : unreadable(messageOf(error)));
    }
  }

  private take(message: z.infer<typeof messageSchema>): void {
    if ('event' in message) {
      if (message.event === 'exit') for (const listener of [...this.exitListeners]) listener(message.exit);
      if (message.event === 'replaced') this.lose(replaced());
      if (message.event === 'rejected') this.lose(errorOf(message));
      return;
    }
    const call = this.pending.get(message.id);
    if (message.ok) call?.resolve(message.result);
    else call?.reject(errorOf(message));
  }

  private lose(error: QuantaError): void {
    if (this.isClosed || this.lost) return;
    this.lost = error;
    this.socket.destroy();
    this.rejectAll(error);
    void this.announceLoss(error);
  }

  /** A reset connection swallows the reaper's last words, so whether it lives is found out by knocking again. */
  private async announceLoss(error: QuantaError): Promise<void> {
    const lives = error.code === 'PEER_UNREACHABLE' && (await isListening(this.socketPath));
    const reason = lives ? replaced() : error;
    this.lost = reason;
    this.isLossAnnounced = true;
    for (const listener of [...this.lostListeners]) listener(reason);
  }

  private rejectAll(error: QuantaError): void {
    for (const call of this.pending.values()) call.reject(error);
    this.pending.clear();
  }
}

/**
 * An accepted connection proves nothing yet: a killed process may close its sockets in any order. A reaper that lives
 * answers, if only with a refusal; one that neither answers nor hangs up is taken for alive.
 */
async function isListening(socketPath: string): Promise<boolean> {
  const socket = createConnection(socketPath);
  // What failed is read from the rejected waits below.
  socket.on('error', () => undefined);
  const end = new AbortController();
  try {
    return await withDeadline('an answer of the reaper', probeTimeoutMs, async () => {
      await once(socket, 'connect', { signal: end.signal });
      socket.write(encodeRequest({ id: 0, method: 'status', params: null }));
      const answered = once(socket, 'data', { signal: end.signal }).then(() => true);
      const hungUp = once(socket, 'close', { signal: end.signal }).then(() => false);
      return await Promise.race([answered, hungUp]);
    });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A full queue of connections (EAGAIN) is somebody's queue.
    return code === 'EAGAIN' || code === 'DEADLINE_EXCEEDED';
  } finally {
    end.abort();
    socket.destroy();
  }
}

function parsed<Value>(schema: z.ZodType<Value>, value: unknown): Value {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw unreadable(z.prettifyError(result.error));
}

function errorOf(failure: { code: ErrorCode; message: string; hint?: string | undefined }): QuantaError {
  return new QuantaError(
    failure.code,
    failure.message,
    failure.hint === undefined ? {} : { hint: failure.hint },
  );
}

function unreadable(detail: string): QuantaError {
  return new QuantaError('PROTOCOL_VIOLATION', `the reaper's answer makes no sense: ${detail}`, {
    hint: 'Stop PostgreSQL on this host with the version of QuantaDB that started it, then start the new one.',
  });
}

function replaced(): QuantaError {
  return new QuantaError('REFUSED', 'a newer daemon took over the reaper', {
    hint: 'Only one daemon may run per data directory: find out why there were two.',
  });
}

function gone(cause: Error | null): QuantaError {
  const detail = cause ? `: ${cause.message}` : '';
  return new QuantaError('PEER_UNREACHABLE', `the connection to the reaper is lost${detail}`, {
    cause: cause ?? undefined,
    hint: 'The reaper has ended, and with it PostgreSQL.',
  });
}
