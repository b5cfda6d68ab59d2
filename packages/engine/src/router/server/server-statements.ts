import type { PreparedStatement } from '../pool/prepared.ts';

const statementsMax = 200;

/** Which statements one server connection has prepared, and under which names; the longest unused go first. */
export class ServerStatements {
  private readonly known = new Map<PreparedStatement, string>();
  private readonly prefix: string;
  private generation = 0;

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

  add(statement: PreparedStatement): { name: string; evicted: string | null } {
    const name = `${this.prefix}_${this.generation}_${statement.id}`;
    let evicted: string | null = null;
    if (this.known.size >= statementsMax) {
      const [oldest] = this.known;
      if (oldest) {
        this.known.delete(oldest[0]);
        evicted = oldest[1];
      }
    }
    this.known.set(statement, name);
    return { name, evicted };
  }

  /** It was not prepared after all, or must be prepared anew. A name is never used a second time. */
  forget(statement: PreparedStatement): void {
    if (this.known.delete(statement)) this.generation++;
  }

  /** DEALLOCATE ALL, DISCARD ALL: also when they fail, since other names are used from then on. */
  forgetAll(): void {
    this.known.clear();
    this.generation++;
  }

  get size(): number {
    return this.known.size;
  }
}
