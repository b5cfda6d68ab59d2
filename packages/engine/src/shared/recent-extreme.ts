const slotMs = 5000;
const slotCount = 6;

/**
 * The largest (or smallest) of the values noted in the last half minute (pure): what a scrape every 15 or 30 seconds
 * must not miss.
 */
export class RecentExtreme {
  private readonly better: (left: number, right: number) => number;
  private slots: { index: number; value: number }[] = [];

  constructor(kind: 'max' | 'min') {
    this.better = kind === 'max' ? Math.max : Math.min;
  }

  /** @param nowMs CLOCK_MONOTONIC ms */
  note(value: number, nowMs: number): void {
    const index = Math.floor(nowMs / slotMs);
    const last = this.slots.at(-1);
    if (last?.index === index) last.value = this.better(last.value, value);
    else this.slots = [...this.recent(nowMs), { index, value }];
  }

  /** Null when nothing was noted lately. */
  value(nowMs: number): number | null {
    const values = this.recent(nowMs).map((slot) => slot.value);
    return values.length === 0 ? null : values.reduce((left, right) => this.better(left, right));
  }

  private recent(nowMs: number): { index: number; value: number }[] {
    const index = Math.floor(nowMs / slotMs);
    return this.slots.filter((slot) => slot.index > index - slotCount);
  }
}
