import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { nodeNameSchema } from '../contract/names.ts';
import { filesOf, type NodePlace } from '../postgres/layout.ts';
import { ensureOwnedDirectory, writeOwnedFile } from '../postgres/owned-file.ts';
import type { Cancel, Clock } from '../shared/clock.ts';

export interface GuestsOptions {
  place: NodePlace;
  clock: Clock;
  onChange(): void;
}

const guestsSchema = z.record(nodeNameSchema, z.number());
const stayMs = 24 * 3_600_000;

/** Hosts of no cluster that restore from the repository of this host: for a day each, also across a restart of the daemon. */
export class Guests {
  private readonly options: GuestsOptions;
  /** Until when, by the wall clock; null until the file was read. */
  private known: Record<string, number> | null = null;
  private cancelEnd: Cancel = () => undefined;

  constructor(options: GuestsOptions) {
    this.options = options;
  }

  async names(): Promise<string[]> {
    const nowMs = this.options.clock.wallMs();
    const known = await this.read();
    const staying = Object.entries(known).filter(
      ([, untilMs]) => untilMs > nowMs && untilMs <= nowMs + stayMs,
    );
    this.cancelEnd();
    const endMs = Math.min(...staying.map(([, untilMs]) => untilMs));
    if (staying.length > 0)
      this.cancelEnd = this.options.clock.after(endMs - nowMs + 1, this.options.onChange);
    return staying.map(([name]) => name);
  }

  async admit(name: string): Promise<void> {
    const { clock, place } = this.options;
    const staying = new Set(await this.names());
    const kept = Object.entries(await this.read()).filter(([each]) => staying.has(each));
    this.known = { ...Object.fromEntries(kept), [name]: clock.wallMs() + stayMs };
    const ownership = { osUser: place.osUser, mode: 0o600 };
    await ensureOwnedDirectory(filesOf(place).backupWorkDir, { ...ownership, mode: 0o700 });
    await writeOwnedFile(this.file(), JSON.stringify(this.known), ownership);
  }

  stop(): void {
    this.cancelEnd();
  }

  /** A file that cannot be read admits nobody. */
  private async read(): Promise<Record<string, number>> {
    if (this.known) return this.known;
    try {
      const parsed = guestsSchema.safeParse(JSON.parse(await readFile(this.file(), 'utf8')));
      this.known = parsed.success ? parsed.data : {};
    } catch {
      this.known = {};
    }
    return this.known;
  }

  private file(): string {
    return `${filesOf(this.options.place).backupWorkDir}/guests.json`;
  }
}
