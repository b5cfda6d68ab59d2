import type { Statement } from '../classify/classifier.ts';

/** A statement as a client has prepared it, shared by all clients that have prepared the same. */
export interface PreparedStatement {
  id: number;
  /** What follows the name in a Parse message: the text, a zero, the parameter types. */
  body: Buffer;
  statement: Statement;
  /** Sessions that know it by a name. */
  users: number;
}

const entriesMax = 50_000;

/** One entry for every different (text, parameter types) of a database, whatever the clients call it. */
export class PreparedStatements {
  private readonly byBody = new Map<string, PreparedStatement>();
  private nextId = 1;

  /** @param parse the whole Parse message's part after the name */
  intern(body: Buffer, classify: (text: Buffer) => Statement): PreparedStatement {
    const key = body.toString('latin1', 0, body.length);
    const known = this.byBody.get(key);
    if (known) return known;
    const kept = Buffer.from(body);
    const made = { id: this.nextId++, body: kept, statement: classify(kept), users: 0 };
    if (this.byBody.size >= entriesMax) this.forgetUnused();
    this.byBody.set(key, made);
    return made;
  }

  private forgetUnused(): void {
    for (const [key, entry] of this.byBody) if (entry.users === 0) this.byBody.delete(key);
  }
}
