import type { Entry, HardState, PersistedState, Ready, Snapshot } from '../types.ts';

/** What a disk holds after the writes of a `Ready`: the model that real storage is compared with. */
export class DurableLog {
  hardState: HardState;
  snapshot: Snapshot | null;
  entries: Entry[];

  constructor(state: PersistedState) {
    this.hardState = { ...state.hardState };
    this.snapshot = state.snapshot;
    this.entries = [...state.entries];
  }

  get lastIndex(): number {
    return this.entries.at(-1)?.index ?? this.snapshot?.index ?? 0;
  }

  termAt(index: number): number | undefined {
    if (index === this.snapshot?.index) return this.snapshot.term;
    return this.entries[index - (this.entries[0]?.index ?? 0)]?.term;
  }

  /** Whether the entry survives a crash, be it inside the snapshot. */
  holds(index: number, term: number): boolean {
    return index < (this.snapshot?.index ?? 0) || this.termAt(index) === term;
  }

  /** A hard state without `mustSync` is only the commit hint, which may be lost. */
  write(ready: Pick<Ready, 'hardState' | 'snapshot' | 'entries' | 'mustSync'>): void {
    if (!ready.mustSync) return;
    this.hardState = { ...ready.hardState };
    if (ready.snapshot) {
      this.snapshot = ready.snapshot;
      this.entries = [];
    }
    const [first] = ready.entries;
    if (!first) return;
    const kept = first.index - (this.entries[0]?.index ?? first.index);
    this.entries.length = Math.max(0, kept);
    this.entries.push(...ready.entries);
  }

  keepSnapshot(snapshot: Snapshot, compactTo: number): void {
    this.snapshot = snapshot;
    this.entries = this.entries.filter((entry) => entry.index > compactTo);
  }

  copy(): PersistedState {
    return { hardState: { ...this.hardState }, snapshot: this.snapshot, entries: [...this.entries] };
  }
}
