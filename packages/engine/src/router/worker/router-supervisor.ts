import { type ChildProcess, fork, type SendHandle } from 'node:child_process';
import type { RouterSettings } from '../../contract/router-settings.ts';
import { messageOf } from '../../shared/errors.ts';
import type { Logger } from '../../shared/logger.ts';
import type { ControlTls } from '../control/control-connection.ts';
import type { AskEpoch } from '../reads/epoch-proof.ts';
import type { RouterTopology } from '../topology.ts';
import type { CrewAnswer, CrewPlace, CrewQuestion } from './crew-questions.ts';
import { fromWorkerSchema, type ToWorker, type WorkerReport } from './messages.ts';
import { Questions } from './questions.ts';

export interface RouterSupervisorOptions {
  /** The worker's compiled program. */
  program: string;
  name: string;
  /** Shown in the list of processes: the host's run directory. */
  mark: string;
  listen: { host: string; port: number };
  settings: RouterSettings;
  tls: ControlTls;
  logger: Logger;
  logLevel: string;
  /** That its log goes to beside standard output. */
  logFile: string | null;
  /** Somebody wants the settings to be read again. */
  onReload(): void;
  /** Asks a majority of the cluster for its epoch. @throws when it cannot be asked */
  askEpoch: AskEpoch;
  /** Which of the workers of this router it keeps. */
  place: CrewPlace;
  /** With several: the socket they all listen on. */
  handle(): unknown;
  /** What the others say. */
  askOthers(question: CrewQuestion): Promise<CrewAnswer[]>;
}

/**
 * Nearly everything a statement allocates is dead when it is answered: with room for more of that, and few helpers to compete
 * with PostgreSQL for the processors, collecting it costs least.
 */
const memoryArguments = ['--min-semi-space-size=16', '--max-semi-space-size=32', '--v8-pool-size=2'];
const restartFirstMs = 200;
const restartMaxMs = 5_000;
/** A worker that has run this long has not died of what killed the one before. */
const wellAfterMs = 30_000;
const stopGraceMs = 3_000;
/** A worker that says nothing for this long hangs. */
const silenceMaxMs = 15_000;
/** Less than whoever asked waits for all answers together. */
const answerDeadlineMs = 1_000;

/** Keeps one router worker running: a process of its own, so that the daemon's work never delays a statement. */
export class RouterSupervisor {
  private readonly options: RouterSupervisorOptions;
  private readonly questions = new Questions<CrewAnswer | undefined>(answerDeadlineMs);
  private tls: ControlTls;
  private settings: RouterSettings;
  private topology: RouterTopology | null = null;
  private child: ChildProcess | null = null;
  private startedAtMs = 0;
  private heardAtMs = 0;
  private failures = 0;
  private timer: NodeJS.Timeout | null = null;
  private watch: NodeJS.Timeout | null = null;
  private isStopping = false;
  private last: WorkerReport | null = null;
  /** What workers before the present one have counted. */
  private past: Record<string, number> = {};
  private isListening = false;
  private portFreed: () => void = () => undefined;
  private closedWhy: { detail: string; sinceMs: number } | null = null;

  constructor(options: RouterSupervisorOptions) {
    this.options = options;
    this.tls = options.tls;
    this.settings = options.settings;
  }

  start(): void {
    this.isStopping = false;
    this.watch = setInterval(() => this.look(), silenceMaxMs / 5);
    this.watch.unref();
    this.spawn();
  }

  useTopology(topology: RouterTopology): void {
    this.topology = topology;
    this.tell({ kind: 'topology', topology });
  }

  useSettings(settings: RouterSettings): void {
    this.settings = settings;
    this.tell({ kind: 'settings', settings });
  }

  useCertificate(tls: ControlTls): void {
    this.tls = tls;
    this.tell({ kind: 'certificate', tls });
  }

  get pids(): number[] {
    const pid = this.child?.pid;
    return pid === undefined ? [] : [pid];
  }

  /** What the worker said last; null while none is ready for clients. */
  get report(): WorkerReport | null {
    if (!this.isListening || !this.last) return null;
    return { ...this.last, counters: addedUp(this.past, this.last.counters) };
  }

  /** Why no client can come in, and since when; null while one can, and while the worker is starting. */
  get trouble(): { detail: string; sinceMs: number } | null {
    return this.closedWhy;
  }

  /**
   * Ends the worker, transactions first.
   *
   * @param until `closed`: its port is free, and it goes on by itself until its transactions have ended
   */
  async stop(drainMs: number, until: 'ended' | 'closed' = 'ended'): Promise<void> {
    this.isStopping = true;
    this.closedWhy = null;
    if (this.timer) clearTimeout(this.timer);
    if (this.watch) clearInterval(this.watch);
    const { child } = this;
    this.topology = null;
    if (!child) return;
    const ended = new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
      if (until === 'closed') this.portFreed = resolve;
    });
    this.tell({ kind: 'stop', drainMs });
    const graceMs = until === 'closed' ? stopGraceMs : drainMs + stopGraceMs;
    const killer = setTimeout(() => child.kill('SIGKILL'), graceMs);
    await ended;
    clearTimeout(killer);
    // Nothing of it keeps this process from ending; it drains, and hears that it is alone.
    child.unref();
    child.channel?.unref();
  }

  private spawn(): void {
    const { program, listen, name, logLevel, logFile, mark } = this.options;
    const { settings } = this;
    // Nothing of this process's environment is the worker's business.
    const env = { PATH: process.env.PATH ?? '/usr/bin:/bin' };
    const child = fork(program, [name, mark], {
      env,
      execArgv: memoryArguments,
      serialization: 'json',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.child = child;
    this.startedAtMs = Date.now();
    this.heardAtMs = Date.now();
    this.isListening = false;
    child.on('message', (message) => this.heard(child, message));
    child.on('error', (error) =>
      this.options.logger.error({ error: error.message }, 'the router worker cannot be started'),
    );
    child.once('exit', (code, signal) => this.ended(child, { code, signal }));
    const log = { logLevel, logFile, isAttentive: true, place: this.options.place };
    this.tell(
      { kind: 'start', listen, settings, tls: this.tls, topology: this.topology, name, ...log },
      this.options.handle(),
    );
  }

  private heard(child: ChildProcess, message: unknown): void {
    if (child !== this.child) return;
    this.heardAtMs = Date.now();
    const said = fromWorkerSchema.safeParse(message);
    if (!said.success) {
      this.options.logger.warn(
        { error: said.error.message },
        'the router worker says what is not understood',
      );
      return;
    }
    switch (said.data.kind) {
      case 'listening':
        this.isListening = true;
        this.closedWhy = null;
        this.options.logger.info({ port: said.data.port, pid: child.pid }, 'the router is open');
        return;
      case 'failed':
        this.closedWhy = { sinceMs: Date.now(), ...this.closedWhy, detail: said.data.reason };
        this.options.logger.error({ reason: said.data.reason }, 'the router cannot be opened');
        return;
      case 'report':
        this.last = said.data.report;
        return;
      case 'ask-epoch':
        void this.answerEpoch(child, said.data.id);
        return;
      case 'ask-others':
        void this.answerForOthers(child, said.data);
        return;
      case 'answer':
        this.questions.answered(said.data.id, said.data.answer);
        return;
      case 'closed':
        this.portFreed();
        return;
      case 'reload':
        this.options.onReload();
    }
  }

  /** @returns undefined when it does not answer in time */
  ask(question: CrewQuestion): Promise<CrewAnswer | undefined> {
    if (!this.isListening) return Promise.resolve(undefined);
    return this.questions.ask((id) => this.tell({ kind: 'question', id, question }), undefined);
  }

  private async answerForOthers(
    child: ChildProcess,
    { id, question }: { id: number; question: CrewQuestion },
  ): Promise<void> {
    const answers = await this.options.askOthers(question);
    if (child === this.child) this.tell({ kind: 'answers', id, answers });
  }

  private async answerEpoch(child: ChildProcess, id: number): Promise<void> {
    const epoch = await this.options.askEpoch().catch((error: unknown) => {
      this.options.logger.debug({ error: messageOf(error) }, 'the epoch could not be proven');
      return null;
    });
    if (child === this.child) this.tell({ kind: 'epoch', id, epoch });
  }

  private ended(child: ChildProcess, end: { code: number | null; signal: string | null }): void {
    if (child !== this.child) return;
    this.child = null;
    this.isListening = false;
    // What is counted only grows, whoever counts.
    this.past = addedUp(this.past, this.last?.counters ?? {});
    this.last = null;
    if (this.isStopping) return;
    const detail = `its process ended (${end.signal ?? `code ${end.code}`}) and is started again`;
    this.closedWhy ??= { detail, sinceMs: Date.now() };
    if (this.timer) clearTimeout(this.timer);
    const livedMs = Date.now() - this.startedAtMs;
    this.failures = livedMs > wellAfterMs ? 0 : this.failures + 1;
    const delayMs = Math.min(restartMaxMs, restartFirstMs * 2 ** Math.min(this.failures, 10));
    this.options.logger.warn(
      { ...end, livedMs, delayMs },
      'the router worker has ended and is started again',
    );
    this.timer = setTimeout(() => this.spawn(), delayMs);
  }

  private look(): void {
    if (!this.child || Date.now() - this.heardAtMs < silenceMaxMs) return;
    this.options.logger.error({ pid: this.child.pid }, 'the router worker hangs and is killed');
    this.child.kill('SIGKILL');
  }

  private tell(message: ToWorker, handle?: unknown): void {
    // A worker that is ending does not hear it; the next one gets all of it at its start.
    this.child?.send(message, handle as SendHandle | undefined, () => undefined);
  }
}

/** (pure) */
export function addedUp(...all: readonly Record<string, number>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const counters of all)
    for (const [name, value] of Object.entries(counters)) sums[name] = (sums[name] ?? 0) + value;
  return sums;
}
