import { type ChildProcess, fork, type SendHandle } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { basename } from 'node:path';
import { MessageSocket } from './message-socket.ts';
import { fromWorkerSchema, type ToWorker, type WorkerHello } from './messages.ts';
import { doorEnding } from './worker-door.ts';

export interface WorkerEnd {
  code: number | null;
  signal: string | null;
}

interface ChannelHandlers {
  message(message: unknown): void;
  ended(end: WorkerEnd): void;
}

/** The daemon's end of one worker, whoever has started it. */
export interface WorkerChannel {
  readonly pid: number | undefined;
  /** @returns when it is on its way, or nobody is there who could hear it */
  send(message: ToWorker, handle?: unknown): Promise<void>;
  use(handlers: ChannelHandlers): void;
  kill(): void;
  /** It goes on by itself; nothing of it keeps this process from ending. */
  letGo(): void;
}

export interface FoundWorker {
  hello: WorkerHello;
  channel: WorkerChannel;
}

/**
 * Nearly everything a statement allocates is dead when it is answered: with room for more of that, and few helpers to compete
 * with PostgreSQL for the processors, collecting it costs least.
 */
const memoryArguments = ['--min-semi-space-size=16', '--max-semi-space-size=32', '--v8-pool-size=2'];
const helloDeadlineMs = 3_000;

/** A new worker. Whether its program can be run at all is told by its end. */
export function forkWorker(program: string, args: string[]): WorkerChannel {
  // Nothing of this process's environment is the worker's business.
  const env = { PATH: process.env.PATH ?? '/usr/bin:/bin' };
  const child = fork(program, args, {
    env,
    execArgv: memoryArguments,
    serialization: 'json',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  return {
    pid: child.pid,
    send: (message, handle) =>
      new Promise((resolve) => child.send(message, handle as SendHandle | undefined, () => resolve())),
    use: (handlers) => listen(child, handlers),
    kill: () => void child.kill('SIGKILL'),
    letGo: () => {
      child.unref();
      child.channel?.unref();
    },
  };
}

function listen(child: ChildProcess, { message, ended }: ChannelHandlers): void {
  child.on('message', message);
  child.once('error', () => {
    if (child.pid === undefined) ended({ code: null, signal: null });
  });
  child.once('exit', (code, signal) => ended({ code, signal }));
}

/** A worker that a former daemon has left. @returns null when nobody answers */
export async function callAtDoor(path: string): Promise<FoundWorker | null> {
  const socket = connect(path);
  const pid = Number(basename(path, doorEnding));
  return new Promise((resolve) => {
    const line = new DoorLine(socket, pid);
    const timer = setTimeout(() => settle(null), helloDeadlineMs);
    let isSettled = false;
    const settle = (hello: WorkerHello | null) => {
      // Other words follow the first one.
      if (isSettled) return;
      isSettled = true;
      clearTimeout(timer);
      if (hello === null) socket.destroy();
      resolve(hello === null ? null : { hello, channel: line });
    };
    socket.once('error', (error: NodeJS.ErrnoException) => {
      // Its process is gone, and has not cleared it away.
      if (error.code === 'ECONNREFUSED') void rm(path, { force: true });
    });
    line.use({
      message: (message) => {
        const said = fromWorkerSchema.safeParse(message);
        settle(said.success && said.data.kind === 'hello' ? said.data.hello : null);
      },
      ended: () => settle(null),
    });
    void line.send({ kind: 'attach' });
  });
}

class DoorLine implements WorkerChannel {
  readonly pid: number;
  private readonly messages: MessageSocket;
  private handlers: ChannelHandlers | null = null;
  private isClosed = false;

  constructor(socket: Socket, pid: number) {
    this.pid = pid;
    this.messages = new MessageSocket(socket, {
      message: (message) => this.handlers?.message(message),
      closed: () => {
        this.isClosed = true;
        this.handlers?.ended({ code: null, signal: null });
      },
    });
  }

  send(message: ToWorker): Promise<void> {
    return this.messages.send(message);
  }

  use(handlers: ChannelHandlers): void {
    this.handlers = handlers;
    if (this.isClosed) handlers.ended({ code: null, signal: null });
  }

  kill(): void {
    // As long as the line stands, the number is that of the process at its other end.
    if (this.isClosed) return;
    try {
      process.kill(this.pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  letGo(): void {
    this.messages.unref();
  }
}
