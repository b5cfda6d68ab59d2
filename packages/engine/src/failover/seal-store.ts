import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeDurably } from '../shared/durable-file.ts';
import { QuantaError } from '../shared/errors.ts';

const sealFileSchema = z.object({
  version: z.literal(1),
  epoch: z.number().int().min(0),
  failoverId: z.string(),
});

/**
 * The newest epoch this node has promised: WAL of older epochs is refused from then on, across restarts. A vote is
 * only given after `promise` has returned, because a promise that a crash could undo is none.
 */
export class SealStore {
  private readonly path: string;
  private current: { epoch: number; failoverId: string };

  private constructor(path: string, current: { epoch: number; failoverId: string }) {
    this.path = path;
    this.current = current;
  }

  /**
   * @throws QuantaError STORAGE_CORRUPT when the file cannot be read as one: a lost promise must not look like none
   */
  static async open(directory: string): Promise<SealStore> {
    const path = join(directory, 'seal.json');
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      return new SealStore(path, { epoch: 0, failoverId: '' });
    }
    const parsed = sealFileSchema.safeParse(parseJson(text));
    if (parsed.success) return new SealStore(path, parsed.data);
    throw new QuantaError('STORAGE_CORRUPT', `${path} cannot be read`, {
      hint: 'This node must not vote with a forgotten promise. Remove it from the cluster and add it again.',
    });
  }

  epoch(): number {
    return this.current.epoch;
  }

  /**
   * Promises `epoch`, durably. Promising the same epoch again for the same failover is allowed (the decider resumes).
   */
  async promise(epoch: number, failoverId: string): Promise<{ ok: true } | { ok: false; reason: string }> {
    if (epoch < this.current.epoch)
      return { ok: false, reason: `epoch ${this.current.epoch} was promised already` };
    if (
      epoch === this.current.epoch &&
      failoverId !== this.current.failoverId &&
      this.current.failoverId !== ''
    ) {
      return { ok: false, reason: `epoch ${epoch} was promised to another election` };
    }
    if (epoch === this.current.epoch && failoverId === this.current.failoverId) return { ok: true };
    await writeDurably(this.path, JSON.stringify({ version: 1, epoch, failoverId }));
    this.current = { epoch, failoverId };
    return { ok: true };
  }

  /** A host that left its cluster owes its promises to nobody. */
  async forget(): Promise<void> {
    await writeDurably(this.path, JSON.stringify({ version: 1, epoch: 0, failoverId: '' }));
    this.current = { epoch: 0, failoverId: '' };
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
