import { z } from 'zod';
import { QuantaError } from '../shared/errors.ts';
import type { StateDirectory } from '../shared/state-directory.ts';

const sealFileSchema = z.object({
  version: z.literal(1),
  epoch: z.number().int().min(0),
  failoverId: z.string(),
});

const sealFile = 'seal.json';

/**
 * The newest epoch this node has promised: WAL of older epochs is refused from then on, across restarts. A vote is
 * only given after `promise` has returned, because a promise that a crash could undo is none.
 */
export class SealStore {
  private readonly files: StateDirectory;
  private current: { epoch: number; failoverId: string };
  private queue: Promise<unknown> = Promise.resolve();

  private constructor(files: StateDirectory, current: { epoch: number; failoverId: string }) {
    this.files = files;
    this.current = current;
  }

  /**
   * @throws QuantaError STORAGE_CORRUPT when the file cannot be read as one: a lost promise must not look like none
   */
  static async open(files: StateDirectory): Promise<SealStore> {
    const text = await files.read(sealFile);
    if (text === null) return new SealStore(files, { epoch: 0, failoverId: '' });
    const parsed = sealFileSchema.safeParse(parseJson(text));
    if (parsed.success) return new SealStore(files, parsed.data);
    throw new QuantaError('STORAGE_CORRUPT', `${files.path}/${sealFile} cannot be read`, {
      hint: 'This node must not vote with a forgotten promise. Remove it from the cluster and add it again.',
    });
  }

  epoch(): number {
    return this.current.epoch;
  }

  /**
   * Promises `epoch`, durably. Promising the same epoch again for the same failover is allowed (the decider resumes).
   * One at a time: two deciders may ask at once, and the second must be judged by what the first was promised.
   */
  promise(epoch: number, failoverId: string): Promise<{ ok: true } | { ok: false; reason: string }> {
    const made = this.queue.then(() => this.promiseNow(epoch, failoverId));
    this.queue = made.catch(() => undefined);
    return made;
  }

  private async promiseNow(
    epoch: number,
    failoverId: string,
  ): Promise<{ ok: true } | { ok: false; reason: string }> {
    const { current } = this;
    if (epoch < current.epoch) return { ok: false, reason: `epoch ${current.epoch} was promised already` };
    if (epoch === current.epoch && failoverId === current.failoverId) return { ok: true };
    if (epoch === current.epoch && current.failoverId !== '')
      return { ok: false, reason: `epoch ${epoch} was promised to another election` };
    await this.files.write(sealFile, JSON.stringify({ version: 1, epoch, failoverId }));
    this.current = { epoch, failoverId };
    return { ok: true };
  }

  /** A host that left its cluster owes its promises to nobody. */
  async forget(): Promise<void> {
    if (this.current.epoch === 0) return;
    await this.files.write(sealFile, JSON.stringify({ version: 1, epoch: 0, failoverId: '' }));
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
