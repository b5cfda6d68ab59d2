import type { SynchronousSettings } from '../../replication/synchronous.ts';
import { lsnText, type WalRecord } from './data-directory.ts';
import type { ReplicatingServer, Sender, ServerSurroundings } from './replicating-server.ts';
import { WalReceiver } from './wal-receiver.ts';

export type ServerRole = 'down' | 'starting' | 'standby' | 'primary';

/** Whom a commit waits for, as `synchronous_standby_names` says it: n of these. */
export interface SyncNames {
  count: number;
  names: readonly string[];
}

export interface WriteOutcome {
  ok: boolean;
  reason: string;
}

export interface Waiting {
  lsn: number;
  record: WalRecord;
  needsStandbys: boolean;
  answer(outcome: WriteOutcome): void;
}

/** What the model tells the observer about. */
export interface ServerObserver {
  acknowledged(server: PostgresServer, record: WalRecord, waitedForStandbys: boolean): void;
  promoted(server: PostgresServer): void;
  roleChanged(server: PostgresServer): void;
  /** A standby tells its upstream that it has WAL up to here on disk. */
  acknowledgesWal(server: PostgresServer, lsn: number): void;
}

export interface ServerParts extends ServerSurroundings {
  observer: ServerObserver;
}

const recordBytes = 64;

/**
 * A PostgreSQL server, as far as replication can tell: WAL that is written, then flushed; senders and a receiver; commits
 * that wait for standbys; promotion to a timeline of its own. A kill takes time, and what runs goes on meanwhile.
 */
export class PostgresServer implements ReplicatingServer {
  readonly parts: ServerParts;
  role: ServerRole = 'down';
  clients: 'open' | 'closed' = 'closed';
  /** Incremented at every start, so that whatever belongs to an earlier life falls silent. */
  life = 0;
  /** Stopped by a signal or with its host: nothing of it runs until then. */
  frozenUntilMs = 0;
  sync: SyncNames = { count: 0, names: [] };
  isLocalCommit = false;
  receiver: WalReceiver | null = null;
  /** A standby that has been told to wait with its acknowledgements acknowledges what it has not flushed (planted bug). */
  acknowledgesUnflushed = false;
  /** A promotion that first has much to replay, in true time. */
  replay: { fromMs: number; untilMs: number } | null = null;
  /** Its last life ended as a primary. */
  wasPrimary = false;
  readonly senders = new Map<string, Sender>();
  private waiting: Waiting[] = [];
  private isFlushing = false;
  /** Sent SIGKILL; what is left of it may go on for a moment. */
  isDying = false;
  private wantedUpstream: string | null = null;

  constructor(parts: ServerParts) {
    this.parts = parts;
  }

  acknowledgesWal(lsn: number): void {
    this.parts.observer.acknowledgesWal(this, lsn);
  }

  get name(): string {
    return this.parts.name;
  }

  get isUp(): boolean {
    return this.role === 'standby' || this.role === 'primary';
  }

  get isFrozen(): boolean {
    return this.parts.world.nowMs < this.frozenUntilMs;
  }

  get replayLsn(): number {
    const { world, data } = this.parts;
    if (!this.replay || this.role !== 'standby') return data.endLsn;
    const { fromMs, untilMs } = this.replay;
    return Math.floor(
      (data.endLsn * Math.min(world.nowMs, untilMs) - fromMs * data.endLsn) / (untilMs - fromMs),
    );
  }

  /** Does `work` in this life of the server, when it is not frozen. */
  later(delayMs: number, kind: 'disk' | 'timer', work: () => void): void {
    const { life } = this;
    this.parts.world.after(delayMs, kind, () => {
      if (this.life !== life || this.role === 'down') return;
      if (this.isFrozen) this.later(this.frozenUntilMs - this.parts.world.nowMs, 'timer', work);
      else work();
    });
  }

  start(upstream: string | null, clients: 'open' | 'closed', tookMs: number): Promise<void> {
    this.life += 1;
    this.setRole('starting');
    this.isDying = false;
    this.clients = clients;
    // Whoever seals it meanwhile takes that back.
    this.wantedUpstream = upstream;
    this.parts.data.chooseTimeline();
    return new Promise((resolve) => {
      this.later(tookMs, 'disk', () => {
        this.parts.data.flushedCount = this.parts.data.records.length;
        this.setRole('standby');
        this.receiverGone();
        resolve();
      });
    });
  }

  setUpstream(upstream: string | null): void {
    this.wantedUpstream = upstream;
    if (this.receiver && this.receiver.upstream !== upstream) this.receiver.stop();
    else this.receiverGone();
  }

  /** There is one receiver at a time: the next one starts when the last one has ended. */
  receiverGone(): void {
    if (this.receiver || this.role !== 'standby' || this.wantedUpstream === null) return;
    this.receiver = new WalReceiver(this, this.wantedUpstream);
  }

  /** Everything of it is sent SIGKILL; the last process is gone after `tookMs`. */
  kill(tookMs: number): Promise<void> {
    const { life } = this;
    return new Promise((resolve) => {
      if (this.role === 'down') return resolve();
      if (this.isDying) tookMs = Math.max(tookMs, 50);
      this.isDying = true;
      this.parts.world.after(tookMs, 'fault', () => {
        if (this.life === life) this.end();
        resolve();
      });
    });
  }

  /** The last process is gone. */
  end(): void {
    if (this.role === 'down') return;
    this.life += 1;
    this.wasPrimary = this.role === 'primary';
    this.replay = null;
    this.setRole('down');
    this.isDying = false;
    this.isFlushing = false;
    this.frozenUntilMs = 0;
    this.wantedUpstream = null;
    this.receiver?.die();
    for (const sender of this.senders.values()) sender.close();
    this.senders.clear();
    for (const write of this.waiting) write.answer({ ok: false, reason: 'the connection is gone' });
    this.waiting = [];
  }

  /** An INSERT with its COMMIT. The answer comes when the client may believe it, or when it never will. */
  write(value: number, answer: (outcome: WriteOutcome) => void): void {
    if (this.role !== 'primary' || this.clients !== 'open') {
      answer({ ok: false, reason: this.role === 'down' ? 'refused' : 'read-only' });
      return;
    }
    const needsStandbys = !this.isLocalCommit && this.sync.count > 0;
    const record = this.append(value);
    this.waiting.push({ lsn: record.lsn, record, needsStandbys, answer });
    this.flush();
  }

  /**
   * A client gives up waiting for the standbys: the commit stands, is visible, and outside every promise
   * ("canceling wait for synchronous replication due to user request").
   *
   * @returns whether it waited for nothing else
   */
  cancelWait(value: number): boolean {
    const { flushedLsn } = this.parts.data;
    const isMeant = ({ record, lsn, needsStandbys }: Waiting) =>
      record.value === value && needsStandbys && lsn <= flushedLsn;
    const cancelled = this.waiting.find(isMeant);
    if (!cancelled || this.isFrozen) return false;
    this.waiting = this.waiting.filter((write) => write !== cancelled);
    cancelled.answer({ ok: true, reason: 'cancelled' });
    return true;
  }

  /** WAL of a transaction that goes on. */
  bulk(records: number): void {
    if (this.role !== 'primary' || this.clients !== 'open') return;
    for (let count = 0; count < records; count += 1) this.append(null);
    this.flush();
  }

  /** A record of no client: the probe's message, a checkpoint. */
  append(value: number | null): WalRecord {
    const { data } = this.parts;
    const { endLsn, timeline } = data;
    const record = { lsn: endLsn + recordBytes, previousLsn: endLsn, timeline, value };
    data.append(record);
    return record;
  }

  flush(): void {
    const { data, disk } = this.parts;
    if (this.isFlushing || data.flushedCount === data.records.length) return;
    if (disk.refusal() !== null) {
      // PostgreSQL panics when WAL cannot be written or synced.
      void this.kill(5);
      return;
    }
    this.isFlushing = true;
    const upTo = data.records.length;
    this.later(disk.syncMs(), 'disk', () => {
      this.isFlushing = false;
      data.flushedCount = Math.max(data.flushedCount, Math.min(upTo, data.records.length));
      this.flushed();
      this.flush();
    });
  }

  /** WAL up to here may be shown to others, and commits that wait for nobody else may be answered. */
  flushed(): void {
    for (const sender of this.senders.values()) sender.push();
    this.receiver?.report();
    this.release();
  }

  /** Waiting commits whose turn has come, by what the senders have heard. */
  release(): void {
    if (this.role !== 'primary' || this.waiting.length === 0) return;
    const flushedLsn = this.parts.data.flushedLsn;
    const confirmedLsn = this.confirmedLsn();
    const isDone = (write: Waiting) =>
      write.lsn <= flushedLsn && (!write.needsStandbys || write.lsn <= confirmedLsn);
    const done = this.waiting.filter(isDone);
    if (done.length === 0) return;
    this.waiting = this.waiting.filter((write) => !isDone(write));
    for (const write of done) {
      this.parts.observer.acknowledged(this, write.record, write.needsStandbys);
      write.answer({ ok: true, reason: '' });
    }
  }

  /** The newest position that enough of the named standbys have flushed; everything, when nobody is named. */
  confirmedLsn(): number {
    const { count, names } = this.sync;
    if (count === 0) return Number.POSITIVE_INFINITY;
    const confirmed = names.map((name) => this.senders.get(name)?.confirmedLsn ?? 0);
    return confirmed.sort((left, right) => right - left)[count - 1] ?? 0;
  }

  applySync(settings: SynchronousSettings, names: SyncNames): void {
    this.isLocalCommit = settings.synchronousCommit === 'local';
    this.sync = names;
    // Nobody to wait for any more: PostgreSQL lets every waiting commit go, as a success.
    if (names.count === 0) for (const write of this.waiting) write.needsStandbys = false;
    this.release();
  }

  /** Commits under way that will wait for nobody. */
  unguarded(): Waiting[] {
    return this.waiting.filter((write) => !write.needsStandbys);
  }

  isWaiting(write: Waiting): boolean {
    return this.waiting.includes(write);
  }

  promote(timeline: number): void {
    const { data, observer, world } = this.parts;
    const known = Math.max(data.timeline, ...data.history.map((fork) => fork.timeline));
    if (timeline <= known) {
      world.note(`${this.name}: timeline ${timeline} is taken`);
      return;
    }
    this.wantedUpstream = null;
    this.receiver?.die();
    data.flushedCount = data.records.length;
    const fork = { timeline, parentId: data.timeline, forkLsn: data.endLsn };
    data.switchTo(fork);
    this.setRole('primary');
    world.note(`${this.name}: PostgreSQL is primary on timeline ${timeline} from ${lsnText(fork.forkLsn)}`);
    observer.promoted(this);
    for (const sender of this.senders.values()) sender.push();
    this.append(null);
    this.flush();
  }

  private setRole(role: ServerRole): void {
    this.role = role;
    this.parts.observer.roleChanged(this);
  }
}
