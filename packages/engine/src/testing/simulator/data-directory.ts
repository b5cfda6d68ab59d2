import type { WalPosition } from '../../contract/cluster-state.ts';
import { formatLsn } from '../../postgres/lsn.ts';
import type { SynchronousMark } from '../../replication/synchronous.ts';
import type { World } from './world.ts';

/** One record of WAL. Records are shared between servers, so "the same WAL" is "the same objects". */
export interface WalRecord {
  /** End of the record. */
  readonly lsn: number;
  readonly previousLsn: number;
  readonly timeline: number;
  /** The number a client wrote, for a commit; null for everything else. */
  readonly value: number | null;
}

export interface Fork {
  timeline: number;
  parentId: number;
  forkLsn: number;
}

export const firstLsn = 0x1000;

export function lsnText(lsn: number): string {
  return formatLsn(BigInt(lsn));
}

/** What is in a data directory: WAL, the timelines it went through, and how much of it would survive a loss of power. */
export class DataDirectory {
  isInitialised = false;
  systemIdentifier = '';
  timeline = 1;
  /** Of this timeline's past, oldest first. */
  history: Fork[] = [];
  records: WalRecord[] = [];
  /** The history of an upstream that this node could not stream from. */
  met: { timeline: number; history: Fork[] } | null = null;
  /** How many of the records are on disk. */
  flushedCount = 0;
  /** The newest order about whom a commit waits for; kept beside the data, and durable before it is followed. */
  syncMark: SynchronousMark | null = null;

  get endLsn(): number {
    return this.records.at(-1)?.lsn ?? firstLsn;
  }

  get flushedLsn(): number {
    return this.records[this.flushedCount - 1]?.lsn ?? firstLsn;
  }

  position(): WalPosition {
    return { timeline: this.timeline, lsn: lsnText(this.endLsn) };
  }

  append(record: WalRecord): void {
    if (record.previousLsn !== this.endLsn)
      throw new Error(`WAL of ${record.previousLsn} cannot follow ${this.endLsn}`);
    this.records.push(record);
  }

  /** Begins a timeline at the end of what is here. */
  switchTo(fork: Fork): void {
    this.history = [...this.history, fork];
    this.timeline = fork.timeline;
  }

  /**
   * A standby chooses its timeline when it starts, among those whose histories it has. One that nothing was received of
   * is given up for the newest that was met since; one that holds WAL stays.
   */
  chooseTimeline(): void {
    const { met, history } = this;
    const last = history.at(-1);
    if (!met || !last || last.timeline !== this.timeline) return;
    const isEmpty = this.records.at(-1)?.timeline !== this.timeline && this.endLsn === last.forkLsn;
    if (
      !isEmpty ||
      met.timeline <= this.timeline ||
      met.history.some((each) => each.timeline === this.timeline)
    )
      return;
    this.history = history.slice(0, -1);
    this.timeline = last.parentId;
    this.met = null;
  }

  /** Index of the first record that ends after `lsn`. */
  firstAfter(lsn: number): number {
    let low = 0;
    let high = this.records.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.records[middle]?.lsn ?? 0) > lsn) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  holds(record: WalRecord): boolean {
    return this.records[this.firstAfter(record.lsn) - 1] === record;
  }

  /** The operating system has died: what was not on disk is there in part. */
  losePower(world: World): void {
    const unflushed = this.records.length - this.flushedCount;
    this.records.length = this.flushedCount + Math.floor(world.random() * (unflushed + 1));
    this.flushedCount = this.records.length;
  }

  /** As pg_rewind leaves it: the other's history, up to where the other stands. */
  becomeCopyOf(source: DataDirectory): void {
    this.isInitialised = true;
    this.systemIdentifier = source.systemIdentifier;
    this.timeline = source.timeline;
    this.met = null;
    this.history = [...source.history];
    this.records = source.records.slice(0, source.flushedCount);
    this.flushedCount = this.records.length;
  }

  wipe(): void {
    this.isInitialised = false;
    this.met = null;
    this.records = [];
    this.history = [];
    this.flushedCount = 0;
    this.timeline = 1;
  }

  /** Where this history leaves `timeline`; null when it never does, undefined when it never was on it. */
  forkOf(timeline: number): number | null | undefined {
    if (timeline === this.timeline) return null;
    return this.history.find((fork) => fork.parentId === timeline)?.forkLsn;
  }
}
