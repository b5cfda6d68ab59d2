import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { type Cancel, type Clock, systemClock } from '../shared/clock.ts';
import { invariant, QuantaError } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import { releaseVersion } from '../shared/version.ts';
import type { LeaseGate, ReceivedRenewal, RenewalOutcome } from './lease-ledger.ts';
import type { ConfigurationChange } from './types.ts';
import type {
  CommittedEntry,
  FromWorker,
  PeerAnswer,
  ProposalOutcome,
  RaftStatus,
  Request,
  SimpleOutcome,
  ToWorker,
  WorkerOptions,
} from './worker-protocol.ts';

export type { RaftTiming } from './types.ts';
export type { CommittedEntry, RaftStatus } from './worker-protocol.ts';

export interface RaftDriverOptions extends Omit<WorkerOptions, 'mainSilenceMsMax' | 'version'> {
  mainSilenceMsMax?: number;
  clock?: Clock;
  spawn?: SpawnRaft;
  snapshotEveryEntries?: number;
  logger: Logger;
  /** Committed commands, in order, each once per start (from the snapshot on). Synchronous: when it returns they are applied. */
  onCommitted(entries: CommittedEntry[]): void;
  /** Replaces the whole state: at the start, or when this node was too far behind. */
  onSnapshot(snapshot: { index: number; term: number; data: string }): void;
  /** The state after everything that `onCommitted` was given. */
  takeSnapshot(): string;
  onStatus(status: RaftStatus): void;
  /** On the leader: the primary is alive. Told at receipt; the confirmation is the worker's business. */
  onLeaseRenewal(renewal: ReceivedRenewal): void;
  onFatal(error: Error): void;
}

const mainSilenceMsMaxDefault = 2000;
const snapshotEveryEntriesDefault = 2000;
const aliveEveryMs = 250;
const startDeadlineMs = 30_000;
const stopDeadlineMs = 5000;
const outstandingMax = 4096;
/** The worker keeps every deadline; this much later the main thread stops believing in the worker. */
const answerGraceMs = 2000;

interface Outstanding {
  resolve(answer: never): void;
  cancel: Cancel;
}

/** The main thread's end of the channel to the Raft thread. */
export interface RaftChannel {
  post(message: ToWorker): void;
  close(): Promise<unknown>;
}

/** Starts the thread; `died` is told when it ends without being asked. */
export type SpawnRaft = (
  options: WorkerOptions,
  receive: (message: FromWorker) => void,
  died: (error: Error) => void,
) => RaftChannel;

/** The main thread's handle on Raft, which runs in a worker thread of its own. */
export class RaftDriver {
  private readonly options: RaftDriverOptions;
  private readonly clock: Clock;
  private readonly channel: RaftChannel;
  private readonly outstanding = new Map<number, Outstanding>();
  private readonly stopAlive: Cancel;
  private latest: RaftStatus | null = null;
  private latestAnswers: PeerAnswer[] = [];
  private requestCounter = 0;
  private lastSnapshotIndex = 0;
  private isStopped = false;
  private started: { resolve(): void; reject(error: Error): void } | null = null;

  private constructor(options: RaftDriverOptions) {
    this.options = options;
    const { clusterId, id, directory, self, listenHost, tls, bootstrap, timing } = options;
    const mainSilenceMsMax = options.mainSilenceMsMax ?? mainSilenceMsMaxDefault;
    const workerData: WorkerOptions = {
      ...{ clusterId, id, directory, self, listenHost, tls, bootstrap, timing, mainSilenceMsMax },
      version: releaseVersion,
    };
    this.clock = options.clock ?? systemClock;
    this.channel = (options.spawn ?? spawnWorker)(
      workerData,
      (message) => this.receive(message),
      (error) => this.fail(error),
    );
    this.stopAlive = this.clock.every(aliveEveryMs, () => this.post({ type: 'alive' }));
  }

  /**
   * @throws QuantaError STORAGE_CORRUPT, STORAGE_FAILED or CONFIG_INVALID (foreign directory, port taken)
   */
  static async start(options: RaftDriverOptions): Promise<RaftDriver> {
    const driver = new RaftDriver(options);
    try {
      await driver.hasStarted();
      return driver;
    } catch (error) {
      driver.isStopped = true;
      driver.stopAlive();
      await driver.channel.close();
      throw error;
    }
  }

  status(): RaftStatus {
    invariant(this.latest, 'Raft has started');
    return this.latest;
  }

  /** When each member last answered, as of half a second ago. */
  peerAnswers(): PeerAnswer[] {
    return this.latestAnswers;
  }

  propose(data: string, deadlineMs: number): Promise<ProposalOutcome> {
    const failed: ProposalOutcome = { ok: false, reason: 'stopped', leaderId: null };
    return this.ask({ type: 'propose', data, deadlineMs }, failed);
  }

  changeConfiguration(change: ConfigurationChange, deadlineMs: number): Promise<SimpleOutcome> {
    return this.ask({ type: 'change-configuration', change, deadlineMs }, stopped);
  }

  transferLeadership(toId: number, deadlineMs: number): Promise<SimpleOutcome> {
    return this.ask({ type: 'transfer', toId, deadlineMs }, stopped);
  }

  /** Proves by a majority that this node leads at a moment after the call (Raft thesis §6.4). */
  confirmLeadership(deadlineMs: number): Promise<SimpleOutcome> {
    return this.ask({ type: 'confirm', deadlineMs }, stopped);
  }

  /** After a renewal of the host's certificate. */
  useCertificate(tls: WorkerOptions['tls']): void {
    this.post({ type: 'certificate', tls });
  }

  setLeaseGate(gate: LeaseGate | null): void {
    this.post({ type: 'gate', gate });
  }

  renewLease(request: { epoch: number; body: string }, deadlineMs: number): Promise<RenewalOutcome> {
    return this.ask({ type: 'renew', ...request, deadlineMs }, stopped);
  }

  async stop(): Promise<void> {
    if (this.isStopped) return;
    this.isStopped = true;
    this.stopAlive();
    await this.request({ type: 'stop' }, { deadlineMs: stopDeadlineMs, failed: stopped });
    await this.channel.close();
    for (const id of [...this.outstanding.keys()]) this.settle(id, stopped);
  }

  private hasStarted(): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = () =>
        reject(new QuantaError('DEADLINE_EXCEEDED', `Raft did not start within ${startDeadlineMs} ms`));
      const cancel = this.clock.after(startDeadlineMs, late);
      this.started = {
        resolve: () => {
          cancel();
          resolve();
        },
        reject: (error) => {
          cancel();
          reject(error);
        },
      };
    });
  }

  private receive(message: FromWorker): void {
    switch (message.type) {
      case 'started':
        this.latest = message.status;
        this.started?.resolve();
        this.started = null;
        break;
      case 'status':
        this.latest = message.status;
        if (!this.isStopped) this.options.onStatus(message.status);
        break;
      case 'peer-answers':
        this.latestAnswers = message.answers;
        break;
      case 'committed':
        this.deliver(message);
        break;
      case 'snapshot':
        this.lastSnapshotIndex = message.snapshot.index;
        if (!this.isStopped) this.options.onSnapshot(message.snapshot);
        break;
      case 'lease-renewal':
        if (!this.isStopped) this.options.onLeaseRenewal(message.renewal);
        break;
      case 'answer':
        this.settle(message.id, message.answer);
        break;
      case 'log':
        this.options.logger[message.level](message.fields, message.message);
        break;
      case 'fatal':
        this.fail(new QuantaError(message.code, message.message, message.hint ? { hint: message.hint } : {}));
        break;
    }
  }

  private deliver(message: { upTo: number; entries: CommittedEntry[] }): void {
    if (this.isStopped) return;
    if (message.entries.length > 0) this.options.onCommitted(message.entries);
    this.post({ type: 'applied', index: message.upTo });
    const every = this.options.snapshotEveryEntries ?? snapshotEveryEntriesDefault;
    if (message.upTo - this.lastSnapshotIndex < every) return;
    this.lastSnapshotIndex = message.upTo;
    this.post({ type: 'keep-snapshot', index: message.upTo, data: this.options.takeSnapshot() });
  }

  private ask<Answer extends object>(
    request: Exclude<Request, { type: 'stop' }>,
    failed: Answer,
  ): Promise<Answer> {
    if (this.isStopped || this.outstanding.size >= outstandingMax) return Promise.resolve(failed);
    return this.request(request, { deadlineMs: request.deadlineMs + answerGraceMs, failed });
  }

  private request<Answer extends object>(
    request: Request,
    limits: { deadlineMs: number; failed: Answer },
  ): Promise<Answer> {
    this.requestCounter += 1;
    const id = this.requestCounter;
    return new Promise<Answer>((resolve) => {
      const cancel = this.clock.after(limits.deadlineMs, () => this.settle(id, limits.failed));
      this.outstanding.set(id, { resolve: resolve as (answer: never) => void, cancel });
      this.post({ type: 'request', id, request });
    });
  }

  private settle(id: number, answer: object): void {
    const waiting = this.outstanding.get(id);
    if (!waiting) return;
    this.outstanding.delete(id);
    waiting.cancel();
    waiting.resolve(answer as never);
  }

  private post(message: ToWorker): void {
    this.channel.post(message);
  }

  private fail(error: Error): void {
    if (this.started) {
      this.started.reject(error);
      this.started = null;
      return;
    }
    if (this.isStopped) return;
    this.isStopped = true;
    this.stopAlive();
    for (const id of [...this.outstanding.keys()]) this.settle(id, { ...stopped, leaderId: null });
    this.options.onFatal(error);
  }
}

const stopped: { ok: false; reason: string } = { ok: false, reason: 'stopped' };

function spawnWorker(
  workerData: WorkerOptions,
  receive: (message: FromWorker) => void,
  died: (error: Error) => void,
): RaftChannel {
  const worker = new Worker(workerFile(), { workerData });
  worker.on('message', receive);
  worker.on('error', died);
  worker.on('exit', (code) => died(new Error(`the Raft thread ended with code ${code}`)));
  return { post: (message) => worker.postMessage(message), close: () => worker.terminate() };
}

/** Tests run the sources; a worker thread always runs what was built. */
function workerFile(): string {
  const here = fileURLToPath(import.meta.url);
  if (here.endsWith('.js')) return fileURLToPath(new URL('./worker.js', import.meta.url));
  return here.replace(/\/src\/raft\/driver\.ts$/, '/dist/raft/worker.js');
}
