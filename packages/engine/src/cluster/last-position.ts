import { z } from 'zod';
import { lsnSchema, type SealVote, type WalPosition, walPositionSchema } from '../contract/cluster-state.ts';
import { QuantaError } from '../shared/errors.ts';
import type { StateDirectory } from '../shared/state-directory.ts';

const pastSchema = z.object({
  timeline: z.number().int().min(1),
  parentId: z.number().int().min(1),
  forkLsn: lsnSchema,
});
const fileSchema = z.object({
  version: z.literal(1),
  clusterId: z.string(),
  position: walPositionSchema,
  history: z.array(pastSchema),
});
const fileName = 'last-position.json';
const forgotten = 'null';

/** How far a node's WAL went, and by which timelines. */
export interface LastWords {
  position: WalPosition;
  history: Extract<SealVote, { ok: true }>['history'];
}

/**
 * Where this node's WAL ended before its data was given up for a new copy. A vote says "I acknowledged nothing beyond
 * this", which stays true without the data: several electors that are rebuilt at once could otherwise leave too few
 * votes for ever. Written before the data is touched, and true until the new copy starts to receive WAL.
 */
export class LastPosition {
  private readonly files: StateDirectory;

  constructor(files: StateDirectory) {
    this.files = files;
  }

  remember(clusterId: string, words: LastWords): Promise<void> {
    return this.files.write(fileName, JSON.stringify({ version: 1, clusterId, ...words }));
  }

  /**
   * Null when nothing was remembered for this cluster.
   *
   * @throws QuantaError STORAGE_CORRUPT when the file cannot be read: then this node must not vote
   */
  async recall(clusterId: string): Promise<LastWords | null> {
    const text = await this.files.read(fileName);
    if (text === null) return null;
    const parsed = fileSchema.nullable().safeParse(parseJson(text));
    if (!parsed.success) {
      throw new QuantaError('STORAGE_CORRUPT', `${this.files.path}/${fileName} cannot be read`, {
        hint: 'Remove it: this node then has no vote until its data is complete again.',
      });
    }
    if (parsed.data?.clusterId !== clusterId) return null;
    const { position, history } = parsed.data;
    return { position, history };
  }

  /** From here on the data itself tells; durable, because a position that is out of date would be a false vote. */
  async forget(): Promise<void> {
    const text = await this.files.read(fileName);
    if (text !== null && text !== forgotten) await this.files.write(fileName, forgotten);
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
