import type { PersistedState, Ready, Snapshot } from '../types.ts';
import { DurableLog } from './durable-log.ts';

/** What a simulated node keeps its state on. */
export interface NodeDisk {
  /** What must be found again after any crash. */
  readonly durable: DurableLog;
  readonly hasLostPower: boolean;
  save(ready: Ready): void;
  keepSnapshot(snapshot: Snapshot, compactTo: number): void;
  losePower(): void;
  losePowerAfter?(operations: number): void;
  restart(): PersistedState;
}

/** Bugs of a disk, planted to see whether the recorder would notice them. */
export type DiskBug = 'forgets-vote' | 'loses-last-write';

/** A disk that keeps exactly what was synced, at no cost. */
export class ModelDisk implements NodeDisk {
  durable: DurableLog;
  readonly hasLostPower = false;
  private readonly bug: DiskBug | null;
  private beforeLastWrite: PersistedState;

  constructor(state: PersistedState, bug: DiskBug | null = null) {
    this.durable = new DurableLog(state);
    this.bug = bug;
    this.beforeLastWrite = state;
  }

  save(ready: Ready): void {
    if (this.bug === 'loses-last-write' && ready.mustSync) this.beforeLastWrite = this.durable.copy();
    this.durable.write(ready);
  }

  keepSnapshot(snapshot: Snapshot, compactTo: number): void {
    this.durable.keepSnapshot(snapshot, compactTo);
  }

  losePower(): void {
    if (this.bug === 'forgets-vote') this.durable.hardState.vote = 0;
    if (this.bug === 'loses-last-write') this.durable = new DurableLog(this.beforeLastWrite);
  }

  restart(): PersistedState {
    return this.durable.copy();
  }
}
