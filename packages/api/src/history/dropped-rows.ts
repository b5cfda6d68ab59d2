import { z } from 'zod';

/** A row counts for so long after it was dropped. */
const withinMs = 5 * 60_000;
/** What another console has told counts for so long: it tells again and again while there is something to tell. */
const toldMs = 30_000;
const instancesMax = 100;

const toldSchema = z.object({ instance: z.uuid(), rows: z.number().int().min(0) });
export type ToldDrops = z.infer<typeof toldSchema>;

/**
 * Rows of history that could not be stored in the last minutes, here and as other consoles tell of themselves (pure but for what
 * it remembers): one console judges the alerts, and each of them may be the one that loses rows.
 */
export class DroppedRows {
  private readonly instance: string;
  private readonly counted: { atMs: number; rows: number }[] = [];
  private readonly told = new Map<string, { rows: number; atMs: number }>();

  /** @param instance an id of this console, until it ends */
  constructor(instance: string) {
    this.instance = instance;
  }

  /** @param sinceStart as counted here since the start */
  count(sinceStart: number, nowMs: number): void {
    this.counted.push({ atMs: nowMs, rows: sinceStart });
    // The newest of those before counts, as what had been lost until then.
    while ((this.counted[1]?.atMs ?? nowMs) <= nowMs - withinMs) this.counted.shift();
  }

  /** What the others are to be told; null: nothing. */
  news(): ToldDrops | null {
    const rows = this.here();
    return rows === 0 ? null : { instance: this.instance, rows };
  }

  /** From another console. */
  hear(raw: unknown, nowMs: number): void {
    const told = toldSchema.safeParse(raw);
    if (!told.success || told.data.instance === this.instance) return;
    this.forget(nowMs);
    if (this.told.size >= instancesMax && !this.told.has(told.data.instance)) return;
    this.told.set(told.data.instance, { rows: told.data.rows, atMs: nowMs });
  }

  /** Of all consoles together. */
  everywhere(nowMs: number): number {
    this.forget(nowMs);
    return [...this.told.values()].reduce((sum, { rows }) => sum + rows, this.here());
  }

  private here(): number {
    return (this.counted.at(-1)?.rows ?? 0) - (this.counted[0]?.rows ?? 0);
  }

  private forget(nowMs: number): void {
    for (const [instance, { atMs }] of this.told) if (nowMs - atMs > toldMs) this.told.delete(instance);
  }
}
