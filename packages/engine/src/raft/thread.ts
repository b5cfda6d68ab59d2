import type { Cancel, Clock } from '../shared/clock.ts';
import { messageOf, QuantaError } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import type { Random } from '../shared/random.ts';
import type { Disk } from './disk.ts';
import type { PayloadFrame } from './frames.ts';
import { RaftNode } from './raft-node.ts';
import { RaftStorage } from './storage.ts';
import type { PeerAddress } from './types.ts';
import type { FromWorker, PeerAnswer, Request, ToWorker, WorkerOptions } from './worker-protocol.ts';

const answersEveryMs = 500;
/** Deadlines are that much late at most. More ticks would only wake every host for nothing. */
const ticksPerHeartbeat = 2;

/** What carries frames between the members: TLS connections, or the simulator's network. */
export interface RaftTransport {
  listen(): Promise<void>;
  send(to: number, frame: PayloadFrame): void;
  setMembers(members: readonly PeerAddress[]): void;
  /** When each member last answered (CLOCK_MONOTONIC ms), for people; a transport that cannot tell has none. */
  lastAnswers?(): PeerAnswer[];
  close(): Promise<void>;
}

/** The outside of the Raft thread. */
export interface RaftSurroundings {
  clock: Clock;
  random: Random;
  disk: Disk;
  transport(onFrame: (from: PeerAddress, frame: PayloadFrame) => void, logger: Logger): RaftTransport;
  /** To the main thread. */
  post(message: FromWorker): void;
  /** Runs `work` once the input that waits already has been read. */
  afterInput(work: () => void): void;
  /** The thread has come to its end. */
  closed(): void;
}

/** Everything that happens in the thread Raft lives in, so that nothing else in the daemon delays a heartbeat or an fsync. */
export class RaftThread {
  private readonly options: WorkerOptions;
  private readonly outside: RaftSurroundings;
  private readonly transport: RaftTransport;
  private node: RaftNode | null = null;
  private stopTimers: Cancel[] = [];
  private heardAtMs = 0;

  constructor(options: WorkerOptions, outside: RaftSurroundings) {
    this.options = options;
    this.outside = outside;
    this.transport = outside.transport((from, frame) => this.node?.receive(from, frame), this.logger());
  }

  start(): void {
    this.open().catch((error: unknown) => this.fatal(error));
  }

  /** From the main thread. */
  receive(message: ToWorker): void {
    this.heardAtMs = this.outside.clock.monotonicMs();
    const { node } = this;
    if (!node) return;
    if (message.type === 'request') void this.answer(node, message);
    else if (message.type === 'gate') node.setLeaseGate(message.gate);
    else if (message.type === 'applied') node.applied(message.index);
    else if (message.type === 'keep-snapshot') node.keepSnapshot(message);
  }

  private async open(): Promise<void> {
    const { id, self, clusterId, directory, bootstrap, timing } = this.options;
    const { clock, random, disk, post } = this.outside;
    const address = { id, ...self };
    const founder = bootstrap ? ({ ...address, role: 'voter' } as const) : null;
    const storage = RaftStorage.open({ disk, directory, clusterId, raftId: id, founder });
    await this.transport.listen();
    this.node = new RaftNode({
      ...{ self: address, timing, storage, clock, random, logger: this.logger() },
      send: (to, frame) => this.transport.send(to, frame),
      setMembers: (members) => this.transport.setMembers(members),
      emit: post,
      onFatal: (error) => {
        void this.transport.close();
        this.fatal(error);
      },
    });
    this.stopTimers = [this.keepTime(this.node), clock.every(answersEveryMs, () => this.tellAnswers())];
    post({ type: 'started', status: this.node.status() });
  }

  /** A timer that is late (a stall, a pause of the whole machine) must not act before the input that waits already. */
  private keepTime(node: RaftNode): Cancel {
    const { clock, afterInput } = this.outside;
    const { mainSilenceMsMax, timing } = this.options;
    const tickMs = Math.max(5, timing.heartbeatMs / ticksPerHeartbeat);
    this.heardAtMs = clock.monotonicMs();
    let dueMs = this.heardAtMs + tickMs;
    return clock.every(tickMs, () => {
      const lateMs = Math.max(0, clock.monotonicMs() - dueMs);
      dueMs = clock.monotonicMs() + tickMs;
      afterInput(() => {
        const nowMs = clock.monotonicMs();
        // When this thread itself stood still it cannot blame the main thread for silence.
        if (lateMs > mainSilenceMsMax / 2) this.heardAtMs = nowMs;
        node.setMayLead(nowMs - this.heardAtMs < mainSilenceMsMax);
        node.tick(lateMs);
      });
    });
  }

  private tellAnswers(): void {
    const answers = this.transport.lastAnswers?.() ?? [];
    this.outside.post({ type: 'peer-answers', answers });
  }

  private async answer(node: RaftNode, message: Extract<ToWorker, { type: 'request' }>): Promise<void> {
    const { request, id } = message;
    const { post, closed } = this.outside;
    if (request.type !== 'stop') {
      post({ type: 'answer', id, answer: await perform(node, request) });
      return;
    }
    for (const stop of this.stopTimers) stop();
    node.stop();
    await this.transport.close();
    post({ type: 'answer', id, answer: { ok: true } });
    closed();
  }

  private logger(): Logger {
    const log = (level: keyof Logger): Logger['info'] => {
      return (fields, message) => this.outside.post({ type: 'log', level, fields, message });
    };
    return { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
  }

  private fatal(error: unknown): void {
    const known = error instanceof QuantaError ? error : null;
    const message = known ? known.message : messageOf(error);
    this.outside.post({ type: 'fatal', code: known?.code ?? 'INVARIANT_BROKEN', message, hint: known?.hint });
  }
}

function perform(node: RaftNode, request: Exclude<Request, { type: 'stop' }>) {
  switch (request.type) {
    case 'propose':
      return node.propose(request.data, request.deadlineMs);
    case 'change-configuration':
      return node.changeConfiguration(request.change, request.deadlineMs);
    case 'transfer':
      return node.transferLeadership(request.toId, request.deadlineMs);
    case 'confirm':
      return node.confirmLeadership(request.deadlineMs);
    case 'renew':
      return node.renewLease({ epoch: request.epoch, body: request.body }, request.deadlineMs);
  }
}
