import type { PreparedStatement } from '../pool/prepared.ts';
import type { PreparedItem } from './server-user.ts';

const statementsMax = 200;

/** Which statements one server connection has prepared, and under which names; the longest unused go first. */
export class ServerStatements {
  private readonly known = new Map<PreparedStatement, string>();
  private readonly prefix: string;
  private generation = 0;
  /** Asked for, and not yet answered. */
  private readonly pending = new Set<PreparedStatement>();

  /** @param nonce makes names that no client has of its own */
  constructor(nonce: string) {
    this.prefix = `_q${nonce}`;
  }

  nameOf(statement: PreparedStatement): string | null {
    const name = this.known.get(statement);
    if (name === undefined) return null;
    this.known.delete(statement);
    this.known.set(statement, name);
    return name;
  }

  /** It is there, whatever becomes of what others have asked before. */
  isCertain(statement: PreparedStatement): boolean {
    return this.known.has(statement) && !this.pending.has(statement);
  }

  /** PostgreSQL has said so, of that name; null: of what nobody has asked it. */
  confirm(item: Pick<PreparedItem, 'statement' | 'serverName'> | null): void {
    if (item && this.known.get(item.statement) === item.serverName) this.pending.delete(item.statement);
  }

  add(statement: PreparedStatement): { name: string; evicted: string | null } {
    const name = `${this.prefix}_${this.generation}_${statement.id}`;
    let evicted: string | null = null;
    if (this.known.size >= statementsMax) {
      const [oldest] = this.known;
      if (oldest) {
        this.known.delete(oldest[0]);
        this.pending.delete(oldest[0]);
        evicted = oldest[1];
      }
    }
    this.known.set(statement, name);
    this.pending.add(statement);
    return { name, evicted };
  }

  /** It was not prepared after all, or must be prepared anew. A name is never used a second time. */
  forget({ statement, serverName }: Pick<PreparedItem, 'statement' | 'serverName'>): void {
    if (serverName === undefined || this.known.get(statement) !== serverName) return;
    this.pending.delete(statement);
    this.known.delete(statement);
    this.generation++;
  }

  /** DEALLOCATE ALL, DISCARD ALL: also when they fail, since other names are used from then on. */
  forgetAll(): void {
    this.known.clear();
    this.pending.clear();
    this.generation++;
  }

  get size(): number {
    return this.known.size;
  }
}
