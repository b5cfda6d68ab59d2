import type { RouterSettings } from '../../contract/router-settings.ts';
import { messageOf } from '../../shared/errors.ts';
import type { Logger } from '../../shared/logger.ts';
import type { ControlTls } from '../control/control-connection.ts';
import type { AskEpoch } from '../reads/epoch-proof.ts';
import type { RouterTopology } from '../topology.ts';
import type { CrewAnswer, CrewPlace, CrewQuestion } from './crew-questions.ts';
import { fromWorkerSchema, type ToWorker, type WorkerReport } from './messages.ts';
import { Questions } from './questions.ts';
import { type FoundWorker, forkWorker, type WorkerChannel, type WorkerEnd } from './worker-channel.ts';

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
  /** Where the next daemon looks for workers; null: it finds none. */
  doors: string | null;
  /** Of what this daemon runs and asks for. */
  likeness(): string;
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
  /** It has ended and is not started again: it was to end, or its port cannot be given to another one (`isReplaceable`). */
  ended(): void;
  isReplaceable(): boolean;
}

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
  private channel: WorkerChannel | null = null;
  private startedAtMs = 0;
  private heardAtMs = 0;
  private failures = 0;
  private timer: NodeJS.Timeout | null = null;
  private watch: NodeJS.Timeout | null = null;
  /** What comes after the worker's end: another one, or nothing. */
  private isStopping = false;
  /** The port is a predecessor's still. */
  private isHeld = false;
  private isReady = false;
  private last: WorkerReport | null = null;
  /** What workers before the present one have counted. */
  private past: Record<string, number> = {};
  private isListening = false;
  private becameReady: () => void = () => undefined;
  private portFreed: () => void = () => undefined;
  private channelEnded: () => void = () => undefined;
  private closedWhy: { detail: string; sinceMs: number } | null = null;

  constructor(options: RouterSupervisorOptions) {
    this.options = options;
    this.tls = options.tls;
    this.settings = options.settings;
  }

  /** @param isHeld it gets ready, and opens the port when `open` says so */
  start(isHeld = false): void {
    this.isStopping = false;
    this.isHeld = isHeld;
    this.watchIt();
    this.spawn();
  }

  /**
   * A worker that a former daemon has left goes on under this one.
   *
   * @param isLast nobody is started after it
   */
  adopt({ channel, hello }: FoundWorker, isLast = false): void {
    this.isStopping = isLast;
    this.isHeld = false;
    this.watchIt();
    this.follow(channel);
    this.isListening = hello.isOpen;
    const { tls, settings, topology } = this;
    this.tell({ kind: 'certificate', tls });
    this.tell({ kind: 'settings', settings });
    if (topology) this.tell({ kind: 'topology', topology });
  }

  /** @returns when a worker that was started held could open the port */
  ready(): Promise<void> {
    return new Promise((resolve) => {
      if (this.isReady) resolve();
      else this.becameReady = resolve;
    });
  }

  open(): void {
    this.isHeld = false;
    if (this.isReady) this.tell({ kind: 'open' }, this.options.handle());
  }

  /**
   * The worker lets go of the port; its sessions stay until they end, or for `lifeMs`. Nobody is started after it.
   *
   * @returns when the port is free, or the worker does not say so
   */
  async retire(lifeMs: number): Promise<void> {
    this.isStopping = true;
    this.isListening = false;
    if (this.timer) clearTimeout(this.timer);
    if (!this.channel) return this.options.ended();
    const freed = new Promise<void>((resolve) => {
      this.portFreed = resolve;
      this.channelEnded = resolve;
      setTimeout(resolve, stopGraceMs).unref();
    });
    this.tell({ kind: 'retire', lifeMs });
    await freed;
  }

  /** The next daemon goes on with the worker; this one ends. @returns when the worker has been told */
  async leave(waitMs: number): Promise<void> {
    const { channel } = this;
    this.endWatch();
    this.channel = null;
    await channel?.send({ kind: 'leave', waitMs });
    channel?.letGo();
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
    const pid = this.channel?.pid;
    return pid === undefined ? [] : [pid];
  }

  get place(): CrewPlace {
    return this.options.place;
  }

  get isOpen(): boolean {
    return this.isListening;
  }

  /** What the worker said last; null while none is there, or ready for clients. */
  get report(): WorkerReport | null {
    if (!this.last || !(this.isListening || this.isStopping)) return null;
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
    this.endWatch();
    const { channel } = this;
    this.topology = null;
    if (!channel) return;
    const ended = new Promise<void>((resolve) => {
      this.channelEnded = resolve;
      if (until === 'closed') this.portFreed = resolve;
    });
    this.tell({ kind: 'stop', drainMs });
    const graceMs = until === 'closed' ? stopGraceMs : drainMs + stopGraceMs;
    const killer = setTimeout(() => channel.kill(), graceMs);
    await ended;
    clearTimeout(killer);
    // It drains, and hears that it is alone.
    channel.letGo();
  }

  private watchIt(): void {
    this.watch = setInterval(() => this.look(), silenceMaxMs / 5);
    this.watch.unref();
  }

  private endWatch(): void {
    this.isStopping = true;
    this.closedWhy = null;
    if (this.timer) clearTimeout(this.timer);
    if (this.watch) clearInterval(this.watch);
  }

  private spawn(): void {
    const { program, listen, name, logLevel, logFile, mark, place, doors, likeness } = this.options;
    const { settings, tls, topology } = this;
    this.follow(forkWorker(program, [name, mark]));
    const log = { logLevel, logFile, isAttentive: true };
    const isOpening = !this.isHeld;
    this.tell(
      {
        kind: 'start',
        ...{ listen, settings, tls, topology, name, place, doors, isOpening, likeness: likeness() },
        ...log,
      },
      isOpening ? this.options.handle() : undefined,
    );
  }

  private follow(channel: WorkerChannel): void {
    this.channel = channel;
    this.startedAtMs = Date.now();
    this.heardAtMs = Date.now();
    this.isListening = false;
    this.isReady = false;
    channel.use({
      message: (message) => this.heard(channel, message),
      ended: (end) => this.ended(channel, end),
    });
  }

  private heard(channel: WorkerChannel, message: unknown): void {
    if (channel !== this.channel) return;
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
        this.options.logger.info({ port: said.data.port, pid: channel.pid }, 'the router is open');
        return;
      case 'failed':
        this.closedWhy = { sinceMs: Date.now(), ...this.closedWhy, detail: said.data.reason };
        this.options.logger.error({ reason: said.data.reason }, 'the router cannot be opened');
        return;
      case 'report':
        this.last = said.data.report;
        return;
      case 'ask-epoch':
        void this.answerEpoch(channel, said.data.id);
        return;
      case 'ask-others':
        void this.answerForOthers(channel, said.data);
        return;
      case 'answer':
        this.questions.answered(said.data.id, said.data.answer);
        return;
      case 'ready':
        this.isReady = true;
        this.becameReady();
        if (!this.isHeld) this.open();
        return;
      case 'closed':
        this.portFreed();
        return;
      case 'reload':
        this.options.onReload();
        return;
      case 'hello':
        return;
    }
  }

  /** @returns undefined when it does not answer in time */
  ask(question: CrewQuestion): Promise<CrewAnswer | undefined> {
    if (!this.channel || !(this.isListening || this.isStopping)) return Promise.resolve(undefined);
    return this.questions.ask((id) => this.tell({ kind: 'question', id, question }), undefined);
  }

  private async answerForOthers(
    channel: WorkerChannel,
    { id, question }: { id: number; question: CrewQuestion },
  ): Promise<void> {
    const answers = await this.options.askOthers(question);
    if (channel === this.channel) this.tell({ kind: 'answers', id, answers });
  }

  private async answerEpoch(channel: WorkerChannel, id: number): Promise<void> {
    const epoch = await this.options.askEpoch().catch((error: unknown) => {
      this.options.logger.debug({ error: messageOf(error) }, 'the epoch could not be proven');
      return null;
    });
    if (channel === this.channel) this.tell({ kind: 'epoch', id, epoch });
  }

  private ended(channel: WorkerChannel, end: WorkerEnd): void {
    if (channel !== this.channel) return;
    this.channel = null;
    this.isListening = false;
    this.isReady = false;
    // What is counted only grows, whoever counts.
    this.past = addedUp(this.past, this.last?.counters ?? {});
    this.last = null;
    this.channelEnded();
    if (this.isStopping || !this.options.isReplaceable()) {
      this.endWatch();
      this.options.ended();
      return;
    }
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
    if (!this.channel || Date.now() - this.heardAtMs < silenceMaxMs) return;
    this.options.logger.error({ pid: this.channel.pid }, 'the router worker hangs and is killed');
    this.channel.kill();
  }

  private tell(message: ToWorker, handle?: unknown): void {
    // A worker that is ending does not hear it; the next one gets all of it at its start.
    void this.channel?.send(message, handle);
  }
}

/** (pure) */
export function addedUp(...all: readonly Record<string, number>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const counters of all)
    for (const [name, value] of Object.entries(counters)) sums[name] = (sums[name] ?? 0) + value;
  return sums;
}
