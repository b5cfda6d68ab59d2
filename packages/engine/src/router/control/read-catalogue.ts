import type { Statement } from '../classify/classifier.ts';
import { ReadKnowledge } from '../classify/read-knowledge.ts';
import { query } from '../protocol/build.ts';
import type { ServerConnection } from '../server/server-connection.ts';
import { Conversation } from '../server/settings-sync.ts';
import { catalogueQuestion } from './catalogue-question.ts';

/** What somebody has changed without this router's knowing is known after that. */
const freshMs = 60_000;
const retryMs = 5_000;
/** A big catalogue is read more seldom: that takes a hundredth of a server's time at most. */
const restFactor = 100;

/** What one database's catalogue says of reads; nothing is proven before it has been read. */
export class ReadCatalogue {
  private knowledge: ReadKnowledge | null = null;
  private dueAtMs = Number.NEGATIVE_INFINITY;
  private isReading = false;
  private isWanted = true;
  /** Counts the changes that were heard of: what was asked before one of them is not believed. */
  private changes = 0;
  private proven = new WeakMap<Statement, boolean>();

  /** Nothing in it writes, takes locks or depends on the session, and it is one statement. */
  isProvenRead(statement: Statement): boolean {
    if (!statement.facts.looksReadOnly || statement.isRefusedByReplicas) return false;
    this.isWanted = true;
    const { knowledge } = this;
    if (knowledge === null) return false;
    const known = this.proven.get(statement);
    if (known !== undefined) return known;
    const isProven = knowledge.isRead(statement);
    this.proven.set(statement, isProven);
    return isProven;
  }

  /** Somebody has changed what statements do: nothing is proven before it is read again. */
  changed(): void {
    this.knowledge = null;
    this.changes++;
    this.dueAtMs = Number.NEGATIVE_INFINITY;
  }

  isDue(nowMs: number): boolean {
    return !this.isReading && this.isWanted && nowMs >= this.dueAtMs;
  }

  /**
   * Reads it over a connection that nobody uses at the moment.
   *
   * @returns through `done` when that is free again, with what went wrong
   */
  read(server: ServerConnection, nowMs: () => number, done: (problem: string | null) => void): void {
    const sinceMs = nowMs();
    this.isReading = true;
    this.isWanted = false;
    const { changes } = this;
    const conversation = new Conversation(({ rows, error, isLost }) => {
      this.isReading = false;
      const isRead = !error && !isLost;
      if (changes === this.changes) {
        const restMs = Math.max(freshMs, (nowMs() - sinceMs) * restFactor);
        // That a connection was lost says nothing of the next one.
        this.dueAtMs = nowMs() + (isRead ? restMs : isLost ? 0 : retryMs);
        if (isRead) {
          this.knowledge = new ReadKnowledge(rows);
          this.proven = new WeakMap();
        } else this.isWanted = true;
      }
      done(error?.message ?? null);
    });
    server.unnamed = null;
    server.runInternal(query(catalogueQuestion), conversation);
  }
}
