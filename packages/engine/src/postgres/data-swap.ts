import { existsSync } from 'node:fs';
import { readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { writeDurably } from '../shared/durable-file.ts';
import { QuantaError } from '../shared/errors.ts';
import { filesOf, type NodePlace } from './layout.ts';
import { syncDirectory } from './owned-file.ts';

const journalSchema = z.object({ version: z.literal(1), id: z.string() });

/**
 * A restored copy in the place of a stopped server's data, and back. Directories are renamed, never copied or removed, and a
 * note outside of them says for which restore: whatever a crash leaves, both moves begin by looking at what is where.
 */
export class DataSwap {
  private readonly place: Pick<NodePlace, 'dataDir' | 'stateDir'>;
  /** The note as it was last read or written; undefined before the first look. */
  private known: string | null | undefined;

  constructor(place: Pick<NodePlace, 'dataDir' | 'stateDir'>) {
    this.place = place;
  }

  /** For which restore directories were, or are about to be, moved; null: for none. */
  async pending(): Promise<string | null> {
    if (this.known === undefined) this.known = await this.readJournal();
    return this.known;
  }

  /** The copy becomes the data; the data of before is kept beside it. PostgreSQL must be stopped. */
  async putInPlace(id: string): Promise<void> {
    const { dataDir } = this.place;
    const { restoredDir } = filesOf(this.place);
    const kept = keptDirectory(dataDir, id);
    if (!existsSync(restoredDir) && !existsSync(kept))
      throw new QuantaError('REFUSED', `${restoredDir} is not there: there is nothing to put in place`);
    await this.writeJournal(id);
    if (!existsSync(kept)) await rename(dataDir, kept);
    if (!existsSync(dataDir)) await rename(restoredDir, dataDir);
    await syncDirectory(dirname(dataDir));
  }

  /** The data of before becomes the data again, and the copy goes. PostgreSQL must be stopped. */
  async takeBack(id: string): Promise<void> {
    const { dataDir } = this.place;
    const { restoredDir } = filesOf(this.place);
    const kept = keptDirectory(dataDir, id);
    if (existsSync(kept)) {
      if (existsSync(dataDir)) {
        await rm(restoredDir, { recursive: true, force: true });
        await rename(dataDir, restoredDir);
      }
      await rename(kept, dataDir);
      await syncDirectory(dirname(dataDir));
    }
    await rm(restoredDir, { recursive: true, force: true });
    await this.forget();
  }

  /** The copy counts; what was kept stays until somebody removes it, or the next restore does. */
  finish(): Promise<void> {
    return this.forget();
  }

  private async forget(): Promise<void> {
    const { swapJournal } = filesOf(this.place);
    await rm(swapJournal, { force: true });
    await syncDirectory(dirname(swapJournal));
    this.known = null;
  }

  private async writeJournal(id: string): Promise<void> {
    await writeDurably(filesOf(this.place).swapJournal, JSON.stringify({ version: 1, id }));
    this.known = id;
  }

  private async readJournal(): Promise<string | null> {
    const { swapJournal } = filesOf(this.place);
    try {
      return journalSchema.parse(JSON.parse(await readFile(swapJournal, 'utf8'))).id;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw new QuantaError('STORAGE_CORRUPT', `${swapJournal} cannot be read`, {
        hint: 'It says which of two data directories counts. Compare them, put the right one in place, and remove the file.',
        cause: error,
      });
    }
  }
}

/** Where the data of before a restore in place is kept. */
export function keptDirectory(dataDir: string, id: string): string {
  return `${dataDir}.before-restore-${id.slice(0, 8)}`;
}
