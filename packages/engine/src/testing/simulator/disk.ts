import type { Disk, DiskFile } from '../../raft/disk.ts';
import { MemoryDisk } from '../../raft/testing/memory-disk.ts';
import type { StateDirectory } from '../../shared/state-directory.ts';
import type { World } from './world.ts';

export interface DiskFaults {
  /** Every write and sync waits until then. */
  stalledUntilMs: number;
  /** Writes fail until this is lifted. */
  refuses: 'nothing' | 'full' | 'read-only' | 'sync-error';
}

const syncMinMs = 0.1;
const syncMaxMs = 1.5;

/** The disk of a host: latency, stalls, refusals, and what a loss of power leaves of it. */
export class HostDisk {
  readonly faults: DiskFaults = { stalledUntilMs: 0, refuses: 'nothing' };
  /** A planted bug: says that it has synced, and has not. */
  lies = false;
  /** A planted bug: small files that are never really written. */
  readonly forgets = new Set<string>();
  readonly raft = new MemoryDisk();
  private readonly world: World;
  private readonly small = new Map<string, string>();
  /** Small files whose last write a loss of power undoes (only with a planted bug). */
  private readonly undo = new Map<string, string | null>();

  constructor(world: World) {
    this.world = world;
  }

  /** How long a write with its sync takes from now. */
  syncMs(): number {
    const stallMs = Math.max(0, this.faults.stalledUntilMs - this.world.nowMs);
    return stallMs + this.world.between(syncMinMs, syncMaxMs);
  }

  /** A small file that is there from the start. */
  put(name: string, text: string): void {
    this.small.set(name, text);
  }

  refusal(): string | null {
    switch (this.faults.refuses) {
      case 'nothing':
        return null;
      case 'full':
        return 'ENOSPC: no space left on device';
      case 'read-only':
        return 'EROFS: read-only file system';
      case 'sync-error':
        return 'EIO: i/o error, fsync';
    }
  }

  losePower(): void {
    this.raft.losePower();
    this.raft.restorePower(this.world.random);
    for (const [name, text] of this.undo) {
      if (text === null) this.small.delete(name);
      else this.small.set(name, text);
    }
    this.undo.clear();
  }

  /** What the Raft thread sees; `busy` is told how long each sync takes, because the call itself cannot wait here. */
  raftDisk(busy: (delayMs: number) => void): Disk {
    const { raft } = this;
    const willing = () => {
      const refusal = this.refusal();
      if (refusal !== null) throw new Error(refusal);
    };
    const synced = () => {
      this.world.counts.disk += 1;
      busy(this.syncMs());
    };
    const wrap = (file: DiskFile): DiskFile => ({
      append: (data) => {
        willing();
        file.append(data);
      },
      sync: () => {
        willing();
        if (!this.lies) file.sync();
        synced();
      },
      truncate: (size) => file.truncate(size),
      close: () => file.close(),
    });
    return {
      makeDirectory: (path) => raft.makeDirectory(path),
      list: (path) => raft.list(path),
      read: (path) => raft.read(path),
      open: (path) => wrap(raft.open(path)),
      rename: (from, to) => raft.rename(from, to),
      remove: (path) => raft.remove(path),
      syncDirectory: (path) => {
        willing();
        if (!this.lies) raft.syncDirectory(path);
        synced();
      },
    };
  }

  /** Small durable files; `wait` suspends the caller for as long as the disk takes. */
  files(wait: (delayMs: number) => Promise<void>): StateDirectory {
    const write = async (name: string, text: string) => {
      const refusal = this.refusal();
      if (refusal !== null) throw new Error(refusal);
      await wait(this.syncMs());
      this.world.counts.disk += 1;
      if (this.lies && !this.undo.has(name)) this.undo.set(name, this.small.get(name) ?? null);
      if (!this.forgets.has(name)) this.small.set(name, text);
    };
    return {
      path: '/state',
      read: async (name) => this.small.get(name) ?? null,
      write,
      overwrite: write,
      remove: async (name) => {
        this.small.delete(name);
      },
    };
  }
}
