import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { systemClock } from '../../shared/clock.ts';
import { messageOf, QuantaError } from '../../shared/errors.ts';
import {
  arm,
  beginKill,
  type DeadlineState,
  disarm,
  disarmed,
  isKillDue,
  type Moment,
  maxDeadlineAheadMs,
  untilKillMs,
} from './deadline.ts';
import { Postmaster } from './postmaster.ts';
import {
  type ArmAnswer,
  encodeLine,
  type IdentifiedRequest,
  LineSplitter,
  parseRequest,
  type ReaperStatus,
} from './protocol.ts';

export interface ReaperServerOptions {
  socketPath: string;
  mark: string;
  dataDir: string;
  killAheadMs: number;
  /** The reaper ends by itself when it has had neither daemon nor postmaster for this long. */
  idleExitMs: number;
  log(message: string): void;
}

/** A late or lost timer must not keep PostgreSQL alive: the clock is looked at this often besides. */
const tickMs = 50;
/** A connection that does not say hello within this time is closed. */
const helloTimeoutMs = 2_000;
const maxConnections = 16;

/**
 * Serves one daemon at a time, holds the deadline and ends PostgreSQL when it nears. Losing the daemon changes nothing:
 * the deadline stays, and the next daemon goes on with it.
 */
export class ReaperServer {
  private readonly options: ReaperServerOptions;
  private readonly postmaster: Postmaster;
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private state: DeadlineState = disarmed;
  private daemon: Socket | null = null;
  private killTimer: NodeJS.Timeout | undefined;
  private readonly tickTimer: NodeJS.Timeout;
  private idleSinceMs = systemClock.monotonicMs();

  constructor(options: ReaperServerOptions) {
    this.options = options;
    this.postmaster = new Postmaster({
      mark: options.mark,
      dataDir: options.dataDir,
      log: options.log,
      onExit: (exit) => {
        options.log(`PostgreSQL has ended: code ${exit.code}, signal ${exit.signal}`);
        this.notify({ event: 'exit', exit });
      },
    });
    this.server = createServer((socket) => this.welcome(socket));
    this.server.maxConnections = maxConnections;
    this.tickTimer = setInterval(() => this.tick(), tickMs);
  }

  /** The socket is open to its owner alone, from its first moment on. */
  async listen(): Promise<void> {
    const { socketPath } = this.options;
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      const previousMask = process.umask(0o177);
      try {
        this.server.listen(socketPath, resolve);
      } finally {
        process.umask(previousMask);
      }
    });
    chmodSync(socketPath, 0o600);
  }

  /** False while a postmaster runs: then only the deadline or a daemon ends it. */
  end(): boolean {
    if (this.postmaster.isBusy) return false;
    clearTimeout(this.killTimer);
    clearInterval(this.tickTimer);
    this.server.close();
    for (const socket of this.sockets) socket.destroySoon();
    rmSync(this.options.socketPath, { force: true });
    return true;
  }

  private moment(): Moment {
    return { nowMs: systemClock.monotonicMs(), killAheadMs: this.options.killAheadMs };
  }

  private tick(): void {
    this.killIfDue();
    const { nowMs } = this.moment();
    if (this.daemon || this.postmaster.isBusy) this.idleSinceMs = nowMs;
    if (nowMs - this.idleSinceMs < this.options.idleExitMs) return;
    this.options.log('no daemon and no PostgreSQL for too long: the reaper ends');
    this.end();
  }

  private killIfDue(): void {
    if (isKillDue(this.state, this.moment())) void this.killAll('the deadline was not renewed');
  }

  /** The processes are struck before anything is logged: a log may hang with its disk. */
  private async killAll(why: string): Promise<void> {
    const isFirst = this.state.kind !== 'killing';
    this.state = beginKill(this.state);
    clearTimeout(this.killTimer);
    const startMs = systemClock.monotonicMs();
    const gone = this.postmaster.kill();
    if (isFirst) this.options.log(`killing PostgreSQL: ${why}`);
    await gone;
    if (!isFirst) return;
    this.state = disarmed;
    this.options.log(`every process is gone after ${Math.round(systemClock.monotonicMs() - startMs)} ms`);
  }

  private welcome(socket: Socket): void {
    const lines = new LineSplitter();
    this.sockets.add(socket);
    socket.setEncoding('utf8');
    const patience = setTimeout(() => {
      if (this.daemon !== socket) socket.destroy();
    }, helloTimeoutMs);
    socket.on('data', (chunk: string) => this.received(socket, () => lines.push(chunk)));
    socket.on('error', (error) => this.options.log(`the daemon's connection failed: ${error.message}`));
    socket.on('close', () => {
      clearTimeout(patience);
      this.sockets.delete(socket);
      if (this.daemon === socket) this.daemon = null;
    });
  }

  private received(socket: Socket, split: () => string[]): void {
    try {
      for (const line of split()) void this.serve(socket, parseRequest(line));
    } catch (error) {
      this.options.log(`a connection is closed: ${messageOf(error)}`);
      // An answer to no request in particular: the asking side speaks another version.
      socket.write(encodeLine({ event: 'rejected', ...failureOf(error) }));
      socket.destroySoon();
    }
  }

  private async serve(socket: Socket, request: IdentifiedRequest): Promise<void> {
    let answer: object;
    try {
      answer = { id: request.id, ok: true, result: (await this.answer(socket, request)) ?? null };
    } catch (error) {
      answer = { id: request.id, ok: false, ...failureOf(error) };
    }
    if (socket.writable) socket.write(encodeLine(answer));
    if (request.method === 'shutdown' && 'result' in answer) this.end();
  }

  private async answer(socket: Socket, request: IdentifiedRequest): Promise<unknown> {
    if (request.method === 'hello') return this.hello(socket, request.params);
    if (this.daemon !== socket) throw new QuantaError('REFUSED', 'this connection is not the current daemon');
    switch (request.method) {
      case 'start':
        return this.start(request.params);
      case 'signal':
        return this.postmaster.signal(request.params.signal);
      case 'status':
        return this.status();
      case 'arm':
        return this.arm(request.params.deadlineMs);
      case 'disarm':
        return this.disarm();
      case 'kill':
        return this.killAll(request.params.why);
      case 'shutdown':
        return this.refuseWhileBusy();
    }
  }

  /** The newest daemon wins: an older one that still hangs on its connection must not act any more. */
  private hello(socket: Socket, { mark, dataDir }: { mark: string; dataDir: string }): object {
    const { options } = this;
    if (mark !== options.mark || dataDir !== options.dataDir) {
      throw new QuantaError(
        'REFUSED',
        `the reaper at ${options.socketPath} serves "${options.mark}" in ${options.dataDir}, not "${mark}" in ${dataDir}`,
        { hint: 'Give every PostgreSQL of this host its own run directory.' },
      );
    }
    if (this.daemon && this.daemon !== socket) {
      options.log('a newer daemon takes over');
      this.notify({ event: 'replaced' });
      this.daemon.destroySoon();
    }
    this.daemon = socket;
    return { reaperPid: process.pid, killAheadMs: options.killAheadMs };
  }

  private async start(start: Parameters<Postmaster['start']>[0]): Promise<object> {
    if (this.state.kind === 'killing') throw new QuantaError('REFUSED', 'PostgreSQL is being killed');
    const started = await this.postmaster.start(start);
    this.options.log(`PostgreSQL is started: process ${started.pid}`);
    return started;
  }

  private arm(deadlineMs: number): ArmAnswer {
    const moment = this.moment();
    if (deadlineMs > moment.nowMs + maxDeadlineAheadMs) {
      throw new QuantaError('REFUSED', `a deadline of ${deadlineMs} is not one of CLOCK_MONOTONIC`);
    }
    const { state, answer } = arm(this.state, deadlineMs, moment);
    if (state.kind === 'killing' && this.state.kind !== 'killing') this.killIfDue();
    else this.state = state;
    this.setKillTimer();
    return answer;
  }

  private disarm(): { ok: boolean } {
    const { state, answer } = disarm(this.state, this.postmaster.isBusy);
    this.state = state;
    this.setKillTimer();
    return answer;
  }

  private setKillTimer(): void {
    clearTimeout(this.killTimer);
    const waitMs = untilKillMs(this.state, this.moment());
    if (waitMs !== null) this.killTimer = setTimeout(() => this.killIfDue(), waitMs);
  }

  private refuseWhileBusy(): void {
    if (this.postmaster.isBusy) {
      throw new QuantaError('REFUSED', 'the reaper does not end while PostgreSQL runs', {
        hint: 'Stop PostgreSQL first.',
      });
    }
  }

  private status(): ReaperStatus {
    const { state, postmaster } = this;
    return {
      reaperPid: process.pid,
      pdeathsig: postmaster.pdeathsig,
      postmaster: postmaster.current,
      armed: state.kind === 'armed',
      deadlineMs: state.kind === 'disarmed' ? null : state.deadlineMs,
      killing: state.kind === 'killing',
      strays: postmaster.strays,
      lastExit: postmaster.lastExit,
    };
  }

  private notify(message: object): void {
    if (this.daemon?.writable) this.daemon.write(encodeLine(message));
  }
}

function failureOf(error: unknown): { code: string; message: string; hint?: string | undefined } {
  if (error instanceof QuantaError) return { code: error.code, message: error.message, hint: error.hint };
  return { code: 'INVARIANT_BROKEN', message: `the reaper failed: ${messageOf(error)}` };
}
