import type { PreparedStatement } from '../pool/prepared.ts';
import type { PreparedItem } from '../server/server-user.ts';

/** What one client has prepared, by the names it gave. */
export class NamedStatements {
  private readonly byName = new Map<string, PreparedStatement>();
  /** Names given since its client was last told anything. */
  private fresh: string[] = [];

  get(name: string): PreparedStatement | undefined {
    return this.byName.get(name);
  }

  add(name: string, statement: PreparedStatement): void {
    this.byName.set(name, statement);
    statement.users++;
    this.fresh.push(name);
  }

  remove(name: string): void {
    const statement = this.byName.get(name);
    if (!statement) return;
    statement.users--;
    this.byName.delete(name);
  }

  removeAll(): void {
    for (const statement of this.byName.values()) statement.users--;
    this.byName.clear();
  }

  /** They count, whatever becomes of what comes next. */
  settled(): void {
    if (this.fresh.length > 0) this.fresh = [];
  }

  /** The batch under way will come again, names and all, or has come to nothing. */
  forgetFresh(): void {
    for (const name of this.fresh) this.remove(name);
    this.fresh = [];
  }

  /** PostgreSQL did not carry it out, because something before it failed. */
  undone({ kind, name, statement }: PreparedItem): void {
    if (name === '') return;
    if (kind === 'parse' && this.byName.get(name) === statement) this.remove(name);
    if (kind !== 'close' || this.byName.has(name)) return;
    this.byName.set(name, statement);
    statement.users++;
  }
}
