import type { Statement } from '../classify/classifier.ts';
import type { CommitMark } from '../outcome/commit-mark.ts';
import { transactionStatus } from '../protocol/codes.ts';
import type { ServerLoss } from '../server/server-user.ts';

const keptBytesMax = 32 * 1024;
const usualBytes = 512;
const nothing = Buffer.alloc(0);

export type LossVerdict =
  /** Nothing of the client's was under way. */
  | 'nothing'
  /** It only reads, and no byte of the answer has been forwarded. */
  | 'retry'
  /** 40001; until its ROLLBACK the client is in a failed transaction. */
  | 'transaction'
  /** 40001 for the one statement. */
  | 'statement'
  /** 08007: it may have taken effect. */
  | 'unresolved'
  /** The client has part of a message. */
  | 'cut';

/** What a session has asked since its server was last idle, as far as it matters when that server is lost (pure). */
export class Flight {
  /** Of the transaction whose COMMIT comes next, or has been asked. */
  mark: CommitMark | null = null;
  /** What was described last was a statement, not a portal. */
  describesStatement = false;
  private isCommitLast = false;
  private isReadOnly = true;
  private beginsTransaction = false;
  private endsTransaction = false;
  /** What comes next may be behind the end of its transaction. */
  mayBeOver = false;
  /** A part of what it was has been told. */
  isAnswered = false;
  /** What other statements do may be another thing from now on. */
  redefines = false;
  /** One memory for all statements of a session, so that keeping one costs no more than copying it. */
  private kept: Buffer = nothing;
  private keptBytes = 0;
  private isKept = true;

  private last: Statement | null = null;
  private timed: Statement | null = null;
  private sinceMs = 0;
  private sharedLine: { lastTookMs: number } | null = null;

  /** How long it takes is worth knowing of reads: who is quick may share a server. */
  time(statement: Statement, nowMs: number): void {
    // Of several in a row none is measured.
    const isFirst = this.timed === null && this.sinceMs === 0;
    this.timed = isFirst && statement.facts.looksReadOnly ? statement : null;
    this.sinceMs = nowMs;
  }

  /** On a shared server its time begins when those before it are done: the line knows when that was, and tells with the answer. */
  timeShared(statement: Statement, line: { lastTookMs: number }): void {
    this.timed = statement;
    this.sharedLine = line;
  }

  failed(): void {
    this.timed = null;
  }

  settled(nowMs: number): void {
    const { timed, sharedLine } = this;
    timed?.times.ran(sharedLine?.lastTookMs ?? nowMs - this.sinceMs, sharedLine !== null);
    this.reset();
  }

  /** Everything that was asked has been answered, outside of a transaction. */
  reset(): void {
    this.mark = null;
    this.isCommitLast = false;
    this.isReadOnly = true;
    this.beginsTransaction = false;
    this.endsTransaction = false;
    this.mayBeOver = false;
    this.isAnswered = false;
    this.redefines = false;
    this.timed = null;
    this.sinceMs = 0;
    this.sharedLine = null;
    this.keptBytes = 0;
    this.isKept = true;
    if (this.kept.length > usualBytes) this.kept = nothing;
  }

  /** What it would take to ask again: kept for reads only, and only while they are short. */
  keep(buffer: Buffer, start: number, end: number): void {
    if (!this.isKept) return;
    const neededBytes = this.keptBytes + end - start;
    this.isKept = this.isReadOnly && neededBytes <= keptBytesMax;
    if (!this.isKept) return;
    if (neededBytes > this.kept.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(usualBytes, neededBytes * 2));
      this.kept.copy(grown, 0, 0, this.keptBytes);
      this.kept = grown;
    }
    buffer.copy(this.kept, this.keptBytes, start, end);
    this.keptBytes = neededBytes;
  }

  asked(statement: Statement, isProvenRead: boolean): void {
    this.last = statement;
    const { kind, isSingle, redefines } = statement.facts;
    if (redefines) this.redefines = true;
    this.isCommitLast = kind === 'commit';
    // A BEGIN that was not answered has changed nothing.
    if (kind === 'begin') this.beginsTransaction = true;
    else if (!isProvenRead) this.isReadOnly = false;
    if (kind === 'commit' || kind === 'prepare-transaction' || !isSingle) this.endsTransaction = true;
    if (this.endsTransaction || kind === 'rollback') this.mayBeOver = true;
  }

  askedUnknown(): void {
    this.isCommitLast = false;
    this.isReadOnly = false;
  }

  answered(): void {
    this.isAnswered = true;
  }

  judge(loss: ServerLoss): LossVerdict {
    if (loss.isCutMessage) return 'cut';
    const isOver = !loss.isAsked && !loss.isOpen;
    if (loss.status !== transactionStatus.idle) {
      return !isOver && this.endsTransaction && loss.status === transactionStatus.inTransaction
        ? 'unresolved'
        : 'transaction';
    }
    if (isOver) return 'nothing';
    if (!this.isReadOnly) {
      if (this.beginsTransaction && !this.endsTransaction) return 'transaction';
      // Without its Sync, or a COMMIT, all that was answered is rolled back.
      return loss.isAsked || this.endsTransaction ? 'unresolved' : 'statement';
    }
    if (!loss.isAsked) return this.beginsTransaction ? 'transaction' : 'nothing';
    return this.isAnswered || !this.isKept ? 'statement' : 'retry';
  }

  /** Nothing of an answer was forwarded, and asking again does no harm. */
  get canRepeat(): boolean {
    return this.isReadOnly && !this.isAnswered && this.isKept && this.keptBytes > 0;
  }

  /** Nothing has been asked after a COMMIT: it may be waiting for standbys. */
  get isCommitting(): boolean {
    return this.isCommitLast;
  }

  /** The same of a statement outside of a transaction, whose own end commits it. */
  mayBeCommitting(status: number): boolean {
    const isWriting = this.last !== null && !this.last.facts.looksReadOnly;
    return this.isCommitLast || (status === transactionStatus.idle && isWriting);
  }

  /** Everything since the server was last idle is proven to read only. */
  get isRead(): boolean {
    return this.isReadOnly && !this.beginsTransaction;
  }

  /** What PostgreSQL did as a standby was no write, whatever it looks like (BEGIN READ ONLY). */
  mayHaveWritten(server: { parameters: ReadonlyMap<string, string> } | null): boolean {
    return !this.isRead && server?.parameters.get('in_hot_standby') !== 'on';
  }

  /** A replica does not do it: it writes after all, or reads what is only on the primary. */
  refusedByReplica(): void {
    // Of several it may have been another one.
    if (this.timed) this.timed.isRefusedByReplicas = true;
  }

  /** Of a transaction whose COMMIT is the last thing that was asked; null: it cannot be told from others. */
  get markOfCommit(): CommitMark | null {
    return this.isCommitLast ? this.mark : null;
  }

  get bytesToRepeat(): Buffer {
    return Buffer.from(this.kept.subarray(0, this.isKept ? this.keptBytes : 0));
  }
}
