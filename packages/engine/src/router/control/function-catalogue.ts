import type { Statement } from '../classify/classifier.ts';
import { query } from '../protocol/build.ts';
import type { ServerConnection } from '../server/server-connection.ts';
import { Conversation } from '../server/settings-sync.ts';

const freshMs = 60_000;

// A name counts as harmless when none of the functions that bear it, in any schema, is volatile.
const harmlessSql = `SELECT proname FROM pg_catalog.pg_proc GROUP BY proname
HAVING pg_catalog.bool_and(provolatile OPERATOR(pg_catalog.<>) 'v'::"char")`;

/** Which functions of one database only read, as its catalogue says; nothing is proven before it has been read. */
export class FunctionCatalogue {
  private harmless: ReadonlySet<string> | null = null;
  private version = 0;
  private readAtMs = Number.NEGATIVE_INFINITY;
  private isReading = false;
  private readonly proven = new WeakMap<Statement, { version: number; isProven: boolean }>();

  /** Nothing in it writes, takes locks or depends on the session, and it is one statement. */
  isProvenRead(statement: Statement): boolean {
    const { facts } = statement;
    if (!facts.looksReadOnly || statement.isRefusedByReplicas) return false;
    const { harmless } = this;
    if (facts.functions.length === 0) return true;
    if (harmless === null) return false;
    const known = this.proven.get(statement);
    if (known?.version === this.version) return known.isProven;
    const isProven = facts.functions.every((name) => harmless.has(name.slice(name.lastIndexOf('.') + 1)));
    this.proven.set(statement, { version: this.version, isProven });
    return isProven;
  }

  isDue(nowMs: number): boolean {
    return !this.isReading && nowMs - this.readAtMs > freshMs;
  }

  /** Reads it over a connection that nobody uses at the moment. @returns through `done` when it is free again */
  read(server: ServerConnection, nowMs: number, done: () => void): void {
    this.isReading = true;
    const conversation = new Conversation(({ rows, error, isLost }) => {
      this.isReading = false;
      if (!error && !isLost) {
        this.harmless = new Set(rows.map(([name]) => name ?? ''));
        this.version++;
      }
      this.readAtMs = nowMs;
      done();
    });
    server.runInternal(query(harmlessSql), conversation);
  }
}
