import type { Statement } from '../classify/classifier.ts';
import { isEscapingBy, namesMoment } from '../classify/literals.ts';

/** A statement as a client has prepared it, shared by all clients that have prepared the same. */
export interface PreparedStatement {
  id: number;
  /** What follows the name in a Parse message: the text, a zero, the parameter types. */
  body: Buffer;
  statement: Statement;
  /** The settings by which constants in its text are read; null: it is one session's alone. */
  literals: string | null;
  /** Sessions that know it by a name. */
  users: number;
}

const entriesMax = 50_000;
const bytesMax = 64 * 1024 * 1024;

/** One entry for every different (text, parameter types, way to read its constants) of a database, whatever the clients call it. */
export class PreparedStatements {
  private readonly known = new Map<string, Map<string, PreparedStatement>>();
  private count = 0;
  private bytes = 0;
  private nextId = 1;

  /** @param body what follows the name in a Parse message */
  intern(body: Buffer, literals: string, classify: (text: Buffer) => Statement): PreparedStatement {
    const key = body.toString('latin1', 0, body.length);
    const found = this.known.get(literals)?.get(key);
    if (found) return found;
    const made = this.own(body, classify);
    // What "today" is was settled when somebody else's was parsed.
    if (namesMoment(made.body.subarray(0, made.body.indexOf(0)), isEscapingBy(literals))) return made;
    if (!this.hasRoomFor(made) && !this.forgetUnused().hasRoomFor(made)) return made;
    const same = this.known.get(literals) ?? new Map<string, PreparedStatement>();
    this.known.set(literals, same.set(key, made));
    this.count++;
    this.bytes += made.body.length;
    made.literals = literals;
    return made;
  }

  /** For one session alone. */
  own(body: Buffer, classify: (text: Buffer) => Statement): PreparedStatement {
    const kept = Buffer.from(body);
    return { id: this.nextId++, body: kept, statement: classify(kept), literals: null, users: 0 };
  }

  private hasRoomFor({ body }: PreparedStatement): boolean {
    return this.count < entriesMax && this.bytes + body.length <= bytesMax;
  }

  private forgetUnused(): this {
    for (const [literals, entries] of this.known) {
      for (const [key, entry] of entries) {
        if (entry.users > 0) continue;
        entries.delete(key);
        this.count--;
        this.bytes -= entry.body.length;
      }
      if (entries.size === 0) this.known.delete(literals);
    }
    return this;
  }
}
