import { seededRandom } from '../../shared/random.ts';
import { RaftStorage } from '../storage.ts';
import type { HardState, PersistedState, Ready, Snapshot } from '../types.ts';
import { DurableLog } from './durable-log.ts';
import { MemoryDisk, type Survival } from './memory-disk.ts';
import type { NodeDisk } from './node-disk.ts';
import { InvariantViolation } from './recorder.ts';

export const directory = '/data/raft';

export interface StorageDiskOptions {
  id: number;
  state: PersistedState;
  /** What survives a power failure; a seed draws it afresh each time. */
  survival: Survival | { seed: number };
  segmentBytesMax: number;
}

/**
 * The real storage on a disk that loses power. `durable` is the model of what it acknowledged: a restart that finds
 * less, or something else, throws.
 */
export class StorageDisk implements NodeDisk {
  durable: DurableLog;
  readonly disk = new MemoryDisk();
  private readonly options: StorageDiskOptions;
  private readonly survival: Survival;
  private storage: RaftStorage;
  /** What the disk may hold instead, because a write was interrupted. */
  private alternatives: DurableLog[] = [];

  constructor(options: StorageDiskOptions) {
    this.options = options;
    const { survival, state } = options;
    this.survival = typeof survival === 'object' ? seededRandom(survival.seed) : survival;
    this.storage = this.open();
    this.durable = new DurableLog(this.storage.initial);
    const { hardState, entries } = state;
    this.save({ hardState, entries, snapshot: null, mustSync: true });
  }

  get hasLostPower(): boolean {
    return this.disk.hasLostPower;
  }

  save(ready: Pick<Ready, 'hardState' | 'entries' | 'snapshot' | 'mustSync'>): void {
    const next = new DurableLog(this.durable.copy());
    if (ready.snapshot) this.restore(ready.snapshot, ready.hardState);
    next.write(ready);
    this.alternatives.push(next);
    this.storage.append(ready);
    this.acknowledge(next);
  }

  keepSnapshot(snapshot: Snapshot, compactTo: number): void {
    const next = new DurableLog(this.durable.copy());
    next.keepSnapshot(snapshot, compactTo);
    this.alternatives.push(next);
    this.storage.saveSnapshot(snapshot, compactTo);
    this.acknowledge(next);
  }

  losePower(): void {
    this.disk.losePower();
  }

  losePowerAfter(operations: number): void {
    this.disk.losePowerAfter(operations);
  }

  restart(): PersistedState {
    this.disk.losePower();
    this.disk.restorePower(this.survival);
    this.storage = this.open();
    const { initial } = this.storage;
    const found = new DurableLog(initial);
    const expected = [this.durable, ...this.alternatives];
    if (!expected.some((state) => contains(found, state))) {
      const wanted = expected.map(summary).join(' or ');
      throw new InvariantViolation('I-RAFT-5', `the disk holds ${summary(found)} instead of ${wanted}`);
    }
    this.acknowledge(found);
    return initial;
  }

  /** Between the snapshot's rename and the next batch the disk holds it with the older hard state. */
  private restore(snapshot: Snapshot, hardState: HardState): void {
    const restored = new DurableLog({ hardState, snapshot, entries: [] });
    const older = this.durable.hardState;
    this.alternatives.push(new DurableLog({ hardState: older, snapshot, entries: [] }), restored);
    this.storage.restore(snapshot, hardState);
    this.acknowledge(restored);
  }

  private acknowledge(state: DurableLog): void {
    this.durable = state;
    this.alternatives = [];
  }

  private open(): RaftStorage {
    const { id, segmentBytesMax } = this.options;
    const identity = { clusterId: 'simulated', raftId: id, founder: null };
    return RaftStorage.open({ disk: this.disk, directory, segmentBytesMax, ...identity });
  }
}

/** Segments are deleted whole, so more may be left before the snapshot; after it everything must be the same. */
function contains(found: DurableLog, expected: DurableLog): boolean {
  return summary(found) === summary(expected) && hasNoGap(found);
}

function hasNoGap({ entries }: DurableLog): boolean {
  return entries.every((entry, position) => entry.index === (entries[0]?.index ?? 0) + position);
}

function summary({ hardState, snapshot, entries }: DurableLog): string {
  const after = entries.filter((entry) => entry.index > (snapshot?.index ?? 0));
  const log = after.map(({ index, term }) => `${index}/${term}`).join(' ');
  const start = snapshot ? `snapshot ${snapshot.index}/${snapshot.term}` : 'no snapshot';
  return `[term ${hardState.term} vote ${hardState.vote}, ${start}, ${log}]`;
}
