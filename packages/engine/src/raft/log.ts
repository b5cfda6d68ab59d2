import { invariant } from '../shared/errors.ts';
import type { Configuration, Entry, PersistedState, Snapshot } from './types.ts';

interface ConfigurationRecord {
  index: number;
  peers: Configuration;
}

/** An estimate good enough for bounds: what an entry costs in a frame. */
export function entryBytes(entry: Entry): number {
  if (entry.kind === 'command') return 64 + entry.data.length;
  return entry.kind === 'configuration' ? 64 + entry.peers.length * 128 : 64;
}

/**
 * The log in memory: everything after `baseIndex`, with the snapshot it can be rebuilt from. Which part is already on
 * disk (`stableIndex`) is tracked here, because a leader must not count its own entry before that (Raft §10.2.1 of
 * the thesis).
 */
export class RaftLog {
  private entries: Entry[];
  private baseIndex: number;
  private baseTerm: number;
  private configurations: ConfigurationRecord[] = [];
  private latestSnapshot: Snapshot | null;
  private incomingSnapshot: Snapshot | null = null;
  private stable: number;
  private replayIndex: number;
  commitIndex: number;
  appliedIndex: number;

  constructor(persisted: PersistedState) {
    const first = persisted.entries[0];
    const snapshot = persisted.snapshot;
    this.entries = [...persisted.entries];
    this.latestSnapshot = snapshot;
    this.baseIndex = first ? first.index - 1 : (snapshot?.index ?? 0);
    // The term before the first kept entry is only known where the snapshot ends; below it nobody may ask.
    this.baseTerm = snapshot && this.baseIndex === snapshot.index ? snapshot.term : 0;
    this.appliedIndex = snapshot?.index ?? 0;
    this.stable = this.lastIndex;
    this.replayIndex = this.lastIndex;
    this.commitIndex = Math.max(this.appliedIndex, Math.min(persisted.hardState.commit, this.lastIndex));
    this.rebuildConfigurations();
  }

  get firstIndex(): number {
    return this.baseIndex + 1;
  }

  get lastIndex(): number {
    return this.baseIndex + this.entries.length;
  }

  get lastTerm(): number {
    return this.termAt(this.lastIndex) ?? 0;
  }

  get stableIndex(): number {
    return this.stable;
  }

  /**
   * Whoever has applied up to here has applied all that this node had applied before it started. The hint of what was committed
   * does not say that: a crash of the machine can take it back. What a leader overwrites was never committed.
   */
  get replayTo(): number {
    return this.replayIndex;
  }

  get snapshot(): Snapshot | null {
    return this.latestSnapshot;
  }

  get pendingSnapshot(): Snapshot | null {
    return this.incomingSnapshot;
  }

  get configuration(): Configuration {
    return this.configurations.at(-1)?.peers ?? [];
  }

  get configurationIndex(): number {
    return this.configurations.at(-1)?.index ?? 0;
  }

  /** The term of an entry, undefined when it is compacted away or not there yet. */
  termAt(index: number): number | undefined {
    if (index === 0) return 0;
    const snapshot = this.latestSnapshot;
    if (snapshot && index === snapshot.index) return snapshot.term;
    if (index === this.baseIndex) return this.baseTerm === 0 ? undefined : this.baseTerm;
    return this.entries[index - this.baseIndex - 1]?.term;
  }

  entryAt(index: number): Entry | undefined {
    return this.entries[index - this.baseIndex - 1];
  }

  /** Entries from `from` on, at least one if there is one, bounded by bytes. */
  slice(from: number, bytesMax: number): Entry[] {
    const result: Entry[] = [];
    let bytes = 0;
    for (let index = from; index <= this.lastIndex; index += 1) {
      const entry = this.entryAt(index);
      if (!entry) break;
      bytes += entryBytes(entry);
      if (result.length > 0 && bytes > bytesMax) break;
      result.push(entry);
    }
    return result;
  }

  range(from: number, to: number): Entry[] {
    return this.entries.slice(Math.max(0, from - this.baseIndex - 1), Math.max(0, to - this.baseIndex));
  }

  unstableEntries(): Entry[] {
    return this.range(this.stable + 1, this.lastIndex);
  }

  /** Adds at the end (leader only: a leader never overwrites its own log, Raft §5.3). */
  appendOwn(entry: Entry): void {
    invariant(entry.index === this.lastIndex + 1, `entry ${entry.index} does not follow ${this.lastIndex}`);
    this.push(entry);
  }

  /**
   * Merges what a leader sent (Raft §5.3, receiver steps 3 and 4): only a real conflict truncates, because a delayed
   * message must not take back entries that were acknowledged since.
   *
   * @returns the last index known to match the leader's log
   */
  merge(prevIndex: number, entries: readonly Entry[]): number {
    for (const entry of entries) {
      if (entry.index <= this.baseIndex || this.termAt(entry.index) === entry.term) continue;
      if (entry.index <= this.lastIndex) this.truncateFrom(entry.index);
      this.appendOwn(entry);
    }
    return prevIndex + entries.length;
  }

  markStable(index: number): void {
    this.stable = Math.max(this.stable, Math.min(index, this.lastIndex));
  }

  commitTo(index: number): boolean {
    if (index <= this.commitIndex) return false;
    invariant(index <= this.lastIndex, `commit index ${index} is past the end of the log ${this.lastIndex}`);
    this.commitIndex = index;
    return true;
  }

  /** Raft §5.4.1: whether a candidate's log is at least as complete as ours. */
  isUpToDate(lastIndex: number, lastTerm: number): boolean {
    return lastTerm > this.lastTerm || (lastTerm === this.lastTerm && lastIndex >= this.lastIndex);
  }

  /** The largest index at or below `index` whose term is at most `term` (skips a whole conflicting term at a time). */
  lastIndexWithTermUpTo(index: number, term: number): number {
    for (let at = Math.min(index, this.lastIndex); at > this.baseIndex; at -= 1) {
      const termHere = this.termAt(at);
      if (termHere === undefined || termHere <= term) return at;
    }
    return this.baseIndex;
  }

  configurationAt(index: number): Configuration {
    return this.configurations.findLast((record) => record.index <= index)?.peers ?? [];
  }

  /** Takes a leader's snapshot in place of the whole log. The caller has checked that the log does not hold its last entry. */
  restore(snapshot: Snapshot): void {
    this.latestSnapshot = snapshot;
    this.incomingSnapshot = snapshot;
    this.entries = [];
    this.baseIndex = snapshot.index;
    this.baseTerm = snapshot.term;
    this.stable = snapshot.index;
    this.replayIndex = Math.min(this.replayIndex, snapshot.index);
    this.commitIndex = snapshot.index;
    this.configurations = [{ index: snapshot.index, peers: snapshot.configuration }];
  }

  snapshotInstalled(): void {
    this.incomingSnapshot = null;
  }

  /** Remembers a snapshot of applied state and forgets entries up to `keepFrom`, which slow followers may still need. */
  compact(snapshot: Snapshot, keepFrom: number): void {
    invariant(snapshot.index <= this.appliedIndex, 'a snapshot covers applied entries only');
    if (this.latestSnapshot && snapshot.index <= this.latestSnapshot.index) return;
    this.latestSnapshot = snapshot;
    const newBase = Math.min(snapshot.index, keepFrom - 1);
    if (newBase <= this.baseIndex) return;
    this.baseTerm = this.termAt(newBase) ?? 0;
    this.entries = this.entries.slice(newBase - this.baseIndex);
    this.baseIndex = newBase;
    const kept = this.configurations.findLastIndex((record) => record.index <= newBase);
    if (kept > 0) this.configurations = this.configurations.slice(kept);
  }

  private push(entry: Entry): void {
    this.entries.push(entry);
    if (entry.kind === 'configuration') this.configurations.push({ index: entry.index, peers: entry.peers });
  }

  private truncateFrom(index: number): void {
    invariant(index > this.commitIndex, `committed entry ${index} would be overwritten`);
    this.entries.length = index - this.baseIndex - 1;
    this.stable = Math.min(this.stable, index - 1);
    this.replayIndex = Math.min(this.replayIndex, index - 1);
    this.configurations = this.configurations.filter((record) => record.index < index);
  }

  private rebuildConfigurations(): void {
    const snapshot = this.latestSnapshot;
    this.configurations = snapshot ? [{ index: snapshot.index, peers: snapshot.configuration }] : [];
    for (const entry of this.entries) {
      if (entry.kind !== 'configuration' || (snapshot && entry.index <= snapshot.index)) continue;
      this.configurations.push({ index: entry.index, peers: entry.peers });
    }
  }
}
