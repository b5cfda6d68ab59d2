import { execFile } from 'node:child_process';
import { mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A file system of its own in a file, so that a test can let it hang or fill it. Needs root and a loop device. */
export class LoopDisk {
  readonly directory: string;
  private readonly image: string;

  private constructor(directory: string, image: string) {
    this.directory = directory;
    this.image = image;
  }

  /** Null where file systems cannot be mounted (containers without the right to). */
  static async mount(directory: string, sizeMb: number): Promise<LoopDisk | null> {
    const image = `${directory}.img`;
    await mkdir(directory, { recursive: true });
    await run('truncate', ['-s', `${sizeMb}M`, image]);
    try {
      await run('/usr/sbin/mkfs.ext4', ['-q', '-m', '0', image]);
      await run('mount', ['-o', 'loop', image, directory]);
      return new LoopDisk(directory, image);
    } catch {
      await rm(image, { force: true });
      return null;
    }
  }

  /** From now on every write and every fsync waits. */
  async freeze(): Promise<void> {
    await run('fsfreeze', ['-f', this.directory]);
  }

  async thaw(): Promise<void> {
    await run('fsfreeze', ['-u', this.directory]);
  }

  /** Takes all the space that is left, or gives it back. */
  async fill(isFull: boolean): Promise<void> {
    const ballast = `${this.directory}/ballast`;
    if (!isFull) return rm(ballast, { force: true });
    await writeFile(ballast, '');
    await run('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=1M']).catch(() => undefined);
  }

  /** Leaves little of it, which is more than what a server needs for its next minutes. */
  async nearlyFill(leftMb: number): Promise<void> {
    const { bavail, bsize } = await statfs(this.directory);
    const megabytes = Math.floor((bavail * bsize) / 1024 ** 2) - leftMb;
    await run('fallocate', ['-l', `${Math.max(1, megabytes)}M`, `${this.directory}/ballast`]);
  }

  /** The processes on it have to be gone. */
  async unmount(): Promise<void> {
    await this.thaw().catch(() => undefined);
    await run('umount', [this.directory]);
    await rm(this.image, { force: true });
  }
}
