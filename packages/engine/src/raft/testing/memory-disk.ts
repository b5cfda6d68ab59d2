import { dirname } from 'node:path';
import type { Random } from '../../shared/random.ts';
import type { Disk, DiskFile } from '../disk.ts';

/** Thrown when power fails, from every operation until it is back. */
export class PowerLoss extends Error {}

/** What of the unsynced survives a power failure: POSIX promises nothing, so any part of it may. */
export type Survival = 'nothing' | 'everything' | Random;

interface Inode {
  durable: Buffer;
  content: Buffer;
}

interface DirectoryChange {
  directory: string;
  unlink?: string;
  link?: { path: string; inode: Inode };
}

/**
 * Files in memory, with the two caches that lie between a process and its disk: contents survive from `sync` on, names
 * from `syncDirectory` on. Power can be made to fail before any operation.
 */
export class MemoryDisk implements Disk {
  /** How many operations that change something were carried out. */
  operations = 0;
  hasLostPower = false;
  /** The operation of this name fails from now on, as a broken disk does. */
  failing: 'append' | 'sync' | 'syncDirectory' | 'rename' | null = null;
  private names = new Map<string, Inode>();
  private durableNames = new Map<string, Inode>();
  private pending: DirectoryChange[] = [];
  private directories = new Map<string, { isDurable: boolean }>();
  private operationsLeft = Number.POSITIVE_INFINITY;

  /** Power fails before the operation after the next `operations` ones. */
  losePowerAfter(operations: number): void {
    this.operationsLeft = operations;
  }

  losePower(): void {
    this.hasLostPower = true;
  }

  restorePower(survival: Survival): void {
    this.hasLostPower = false;
    this.operationsLeft = Number.POSITIVE_INFINITY;
    const survives = (): boolean => survival === 'everything' || (survival !== 'nothing' && survival() < 0.5);
    for (const change of this.pending) if (survives()) applyTo(this.durableNames, change);
    this.pending = [];
    for (const [path, directory] of this.directories) {
      if (directory.isDurable || survives()) directory.isDurable = true;
      else this.forgetDirectory(path);
    }
    for (const inode of this.durableNames.values()) inode.durable = survivor(inode, survival);
    for (const inode of this.durableNames.values()) inode.content = inode.durable;
    this.names = new Map(this.durableNames);
  }

  /** Changes bytes as a failing medium does: they are durable at once. */
  damage(path: string, change: (content: Buffer) => Buffer): void {
    const inode = this.inodeOf(path);
    inode.content = change(Buffer.from(inode.content));
    inode.durable = inode.content;
  }

  copy(): MemoryDisk {
    const disk = new MemoryDisk();
    for (const [path, { content }] of this.names) {
      const inode = { content, durable: content };
      disk.names.set(path, inode);
      disk.durableNames.set(path, inode);
    }
    for (const path of this.directories.keys()) disk.directories.set(path, { isDurable: true });
    return disk;
  }

  makeDirectory(path: string): void {
    if (this.directories.has(path)) return;
    this.step();
    this.directories.set(path, { isDurable: false });
  }

  list(path: string): string[] {
    this.requirePower();
    const prefix = `${path}/`;
    return [...this.names.keys()]
      .filter((name) => name.startsWith(prefix))
      .map((name) => name.slice(prefix.length));
  }

  read(path: string): Buffer {
    this.requirePower();
    return this.inodeOf(path).content;
  }

  open(path: string): DiskFile {
    this.requirePower();
    if (!this.names.has(path)) {
      this.step();
      const inode = { durable: Buffer.alloc(0), content: Buffer.alloc(0) };
      this.change({ directory: dirname(path), link: { path, inode } });
    }
    return this.fileOf(this.inodeOf(path));
  }

  rename(from: string, to: string): void {
    this.step('rename');
    const link = { path: to, inode: this.inodeOf(from) };
    this.change({ directory: dirname(to), unlink: from, link });
  }

  remove(path: string): void {
    this.step();
    this.change({ directory: dirname(path), unlink: path });
  }

  syncDirectory(path: string): void {
    this.step('syncDirectory');
    for (const change of this.pending.filter(({ directory }) => directory === path))
      applyTo(this.durableNames, change);
    this.pending = this.pending.filter(({ directory }) => directory !== path);
    for (const [child, directory] of this.directories)
      if (dirname(child) === path) directory.isDurable = true;
  }

  private fileOf(inode: Inode): DiskFile {
    return {
      append: (data) => {
        this.step('append');
        inode.content = Buffer.concat([inode.content, data]);
      },
      sync: () => {
        this.step('sync');
        inode.durable = inode.content;
      },
      truncate: (size) => {
        this.step();
        inode.content = inode.content.subarray(0, size);
      },
      close: () => undefined,
    };
  }

  private step(name: MemoryDisk['failing'] = null): void {
    this.requirePower();
    if (this.operationsLeft === 0) {
      this.hasLostPower = true;
      this.requirePower();
    }
    if (name !== null && this.failing === name) throw new Error(`EIO: i/o error, ${name}`);
    this.operationsLeft -= 1;
    this.operations += 1;
  }

  private requirePower(): void {
    if (this.hasLostPower) throw new PowerLoss('the power is off');
  }

  private change(change: DirectoryChange): void {
    applyTo(this.names, change);
    this.pending.push(change);
  }

  private forgetDirectory(path: string): void {
    this.directories.delete(path);
    for (const name of this.durableNames.keys()) if (dirname(name) === path) this.durableNames.delete(name);
  }

  private inodeOf(path: string): Inode {
    const inode = this.names.get(path);
    if (!inode) throw new Error(`ENOENT: no such file or directory, '${path}'`);
    return inode;
  }
}

function applyTo(names: Map<string, Inode>, change: DirectoryChange): void {
  if (change.unlink !== undefined) names.delete(change.unlink);
  if (change.link) names.set(change.link.path, change.link.inode);
}

/** An unsynced append may have reached the disk in part, or have grown the file without its bytes. */
function survivor({ durable, content }: Inode, survival: Survival): Buffer {
  if (survival === 'nothing' || durable.equals(content)) return durable;
  if (survival === 'everything') return content;
  if (content.length < durable.length) return survival() < 0.5 ? content : durable;
  const end = durable.length + Math.floor(survival() * (content.length - durable.length + 1));
  const zeros = survival() < 0.3 ? content.length - end : 0;
  return Buffer.concat([content.subarray(0, end), Buffer.alloc(zeros)]);
}
