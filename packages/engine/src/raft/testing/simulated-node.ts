import { seededRandom } from '../../shared/random.ts';
import { RaftCore } from '../core.ts';
import { crc32c } from '../crc32c.ts';
import type { CommittedRead, Entry, Message, RaftTiming, Ready, Snapshot } from '../types.ts';
import type { DurableLog } from './durable-log.ts';
import { PowerLoss } from './memory-disk.ts';
import type { NodeDisk } from './node-disk.ts';
import type { InvariantRecorder, ObservedNode } from './recorder.ts';
import { contentOf } from './recorder.ts';

/** Where, in carrying out a `Ready`, the power fails. */
export type CrashPoint = 'before-persist' | 'after-persist' | 'after-send';

export interface SimulatedNodeOptions {
  id: number;
  seed: number;
  timing: RaftTiming;
  disk: NodeDisk;
  recorder: InvariantRecorder;
  send(message: Message): void;
}

/** A Raft core with a disk, a state machine (a digest of all it was given) and a power switch. */
/** So short that every snapshot takes several messages. */
const snapshotChunkLength = 3;

export class SimulatedNode implements ObservedNode {
  readonly id: number;
  core: RaftCore | null = null;
  /** Power fails at this point of the next `Ready` that has something to make durable. */
  crashAt: CrashPoint | null = null;
  /** A planted bug: promises leave before they are durable. */
  sendsTooEarly = false;
  digest = '';
  appliedIndex = 0;
  commands: string[] = [];
  reads: CommittedRead[] = [];
  failedReads: number[] = [];
  private readonly options: SimulatedNodeOptions;
  private starts = 0;

  constructor(options: SimulatedNodeOptions) {
    this.options = options;
    this.id = options.id;
  }

  get durable(): DurableLog {
    return this.options.disk.durable;
  }

  get isLeader(): boolean {
    return this.core?.isLeader ?? false;
  }

  start(nowMs: number): void {
    if (this.core) return;
    const { id, seed, timing, disk } = this.options;
    const persisted = disk.restart();
    this.starts += 1;
    const random = seededRandom(seed * 1000 + id * 50 + this.starts);
    this.core = new RaftCore({ id, timing, random, persisted, nowMs, snapshotChunkLength });
    this.digest = '';
    this.appliedIndex = 0;
    this.commands = [];
    if (persisted.snapshot) this.restored(persisted.snapshot);
    this.act(() => undefined);
  }

  crash(): void {
    this.core = null;
    this.crashAt = null;
    this.options.disk.losePower();
  }

  /** Power fails in the middle of a write, at one of the next disk operations, if the disk is made of such. */
  losePowerAfter(operations: number): void {
    this.options.disk.losePowerAfter?.(operations);
  }

  /** Gives the core one input and carries out what follows. @returns undefined when the node is down or went down */
  act<Result>(input: (core: RaftCore) => Result): Result | undefined {
    const { core } = this;
    if (!core) return undefined;
    try {
      const result = input(core);
      this.pump(core);
      return result;
    } catch (error) {
      if (!(error instanceof PowerLoss) && !this.options.disk.hasLostPower) throw error;
      this.crash();
      return undefined;
    }
  }

  /** Keeps a snapshot of everything applied, as the driver does. */
  keepSnapshot(keptEntries: number): void {
    const { digest, appliedIndex } = this;
    this.act((core) => {
      if (!core.compact({ index: appliedIndex, data: digest }, keptEntries)) return;
      const { snapshot } = core.log;
      if (snapshot) this.options.disk.keepSnapshot(snapshot, appliedIndex - keptEntries);
    });
  }

  private pump(core: RaftCore): void {
    const { recorder } = this.options;
    recorder.stepped(this);
    for (;;) {
      const ready = core.ready(Number.MAX_SAFE_INTEGER);
      if (!ready) return;
      recorder.appended(this, ready);
      this.carryOut(ready);
      core.persisted(ready);
      recorder.stepped(this);
    }
  }

  /** The order is the protocol (see `Ready`). */
  private carryOut(ready: Ready): void {
    this.sendAll(ready.early);
    if (this.sendsTooEarly) this.sendAll(ready.messages);
    this.maybeCrash(ready, 'before-persist');
    this.options.disk.save(ready);
    this.maybeCrash(ready, 'after-persist');
    if (!this.sendsTooEarly) this.sendAll(ready.messages);
    this.maybeCrash(ready, 'after-send');
    if (ready.snapshot) this.restored(ready.snapshot);
    for (const entry of ready.committed) this.apply(entry);
    this.reads.push(...ready.reads);
    this.failedReads.push(...ready.failedReads);
  }

  private maybeCrash(ready: Ready, point: CrashPoint): void {
    if (this.crashAt === point && ready.mustSync) throw new PowerLoss(`node ${this.id} ${point}`);
  }

  private sendAll(messages: readonly Message[]): void {
    for (const message of messages) {
      this.options.recorder.sent(this, message);
      this.options.send(message);
    }
  }

  private apply(entry: Entry): void {
    const bytes = Buffer.from(`${this.digest} ${entry.index} ${entry.term} ${contentOf(entry)}`);
    this.digest = crc32c(bytes).toString(16);
    this.appliedIndex += 1;
    if (entry.kind === 'command') this.commands.push(entry.data);
    this.options.recorder.applied(this, { index: entry.index, digest: this.digest });
  }

  private restored(snapshot: Snapshot): void {
    this.appliedIndex = snapshot.index;
    this.digest = snapshot.data;
    this.commands = [];
    this.options.recorder.applied(this, { index: snapshot.index, digest: this.digest });
  }
}
