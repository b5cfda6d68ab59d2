/** What a server still has to answer, in the order it was asked. */
export const expect = {
  none: 0,
  /** Query and FunctionCall: all up to a ReadyForQuery. */
  query: 1,
  sync: 2,
  parse: 3,
  bind: 4,
  describe: 5,
  execute: 6,
  close: 7,
  /** The router's own, within a client's batch: their answers are swallowed. */
  injectedParse: 8,
  injectedClose: 9,
  /** Answers the server never sees the question of: said when their turn comes. */
  saidParse: 10,
  saidClose: 11,
  /** CopyDone or CopyFail: no answer, but the end of what a COPY swallows. */
  copyEnd: 12,
  /** A conversation of the router's own up to a ReadyForQuery. */
  internal: 13,
} as const;

/** A queue of small numbers with something beside each, without an object per entry. */
const opening: ReadonlySet<number> = new Set([
  ...[expect.parse, expect.bind, expect.describe, expect.execute, expect.close],
  ...[expect.injectedParse, expect.injectedClose],
]);

export class Expectations<Item> {
  /** After an error PostgreSQL ignores everything up to a Sync, and that Sync has not been sent yet. */
  isSkipping = false;
  /**
   * Messages of the extended protocol have been sent since the last Sync: what they did is neither committed nor rolled back
   * yet, whatever the last ReadyForQuery said.
   */
  isOpen = false;
  private kinds = new Uint8Array(16);
  private items: (Item | null)[] = new Array(16).fill(null);
  private first = 0;
  private count = 0;

  /** PostgreSQL waits for a Sync: whatever else comes is done in the same transaction, or ignored. */
  get needsSync(): boolean {
    return this.isOpen || this.isSkipping;
  }

  get length(): number {
    return this.count;
  }

  push(kind: number, item: Item | null): void {
    if (kind === expect.sync) this.isSkipping = false;
    if (kind === expect.sync || kind === expect.query) this.isOpen = false;
    else if (opening.has(kind)) this.isOpen = true;
    if (this.count === this.kinds.length) this.grow();
    const place = (this.first + this.count) & (this.kinds.length - 1);
    this.kinds[place] = kind;
    this.items[place] = item;
    this.count++;
  }

  get headKind(): number {
    return this.count === 0 ? expect.none : (this.kinds[this.first] as number);
  }

  get headItem(): Item | null {
    return this.items[this.first] ?? null;
  }

  /** What was asked may turn out to be a COPY from the client; otherwise PostgreSQL ignores the end of one. */
  get mayCopyIn(): boolean {
    for (let i = 0; i < this.count; i++) {
      const kind = this.kindAt(i);
      if (kind === expect.query || kind === expect.execute) return true;
    }
    return false;
  }

  /** The client's own, in order; the router's conversations do not count. */
  asked(): number[] {
    const kinds = [...Array(this.count).keys()].map((index) => this.kindAt(index));
    return kinds.filter((kind) => kind !== expect.internal);
  }

  /**
   * PostgreSQL reads the data of a COPY from here on. A Sync that was sent before the end of the data is swallowed by it
   * (PostgreSQL: CopyGetData). @returns whether that end is still to be sent
   */
  beginCopyIn(): boolean {
    for (let i = 1; i < this.count; ) {
      const kind = this.kindAt(i);
      if (kind === expect.sync) this.isOpen = true;
      if (kind === expect.sync || kind === expect.copyEnd) this.removeAt(i);
      else i++;
      if (kind === expect.copyEnd) return false;
    }
    return true;
  }

  kindAt(index: number): number {
    return this.kinds[(this.first + index) & (this.kinds.length - 1)] as number;
  }

  shift(): void {
    this.items[this.first] = null;
    this.first = (this.first + 1) & (this.kinds.length - 1);
    this.count--;
  }

  /** Takes one out of the middle; for what hardly ever happens. */
  removeAt(index: number): void {
    const mask = this.kinds.length - 1;
    for (let i = index; i + 1 < this.count; i++) {
      const to = (this.first + i) & mask;
      const from = (this.first + i + 1) & mask;
      this.kinds[to] = this.kinds[from] as number;
      this.items[to] = this.items[from] ?? null;
    }
    this.count--;
    this.items[(this.first + this.count) & mask] = null;
  }

  private grow(): void {
    const { length } = this.kinds;
    const kinds = new Uint8Array(length * 2);
    const items: (Item | null)[] = new Array(length * 2).fill(null);
    for (let i = 0; i < this.count; i++) {
      const place = (this.first + i) & (length - 1);
      kinds[i] = this.kinds[place] as number;
      items[i] = this.items[place] ?? null;
    }
    this.kinds = kinds;
    this.items = items;
    this.first = 0;
  }
}
