import { bind, execute, parse, readFields, readRow, sync } from '../protocol/build.ts';
import { backend } from '../protocol/codes.ts';
import type { Internal } from './server-user.ts';

/** Session settings by name, as `current_setting` prints them. */
export type SessionSettings = ReadonlyMap<string, string>;

export function isSameSettings(left: SessionSettings, right: SessionSettings): boolean {
  if (left === right) return true;
  if (left.size !== right.size) return false;
  for (const [name, value] of left) if (right.get(name) !== value) return false;
  return true;
}

/**
 * Messages that bring a server from one session's settings to another's, in one implicit transaction: all of them take
 * effect or none. Names are checked and values are parameters, so nothing of a client is ever read as SQL.
 */
export function settingsSync(from: SessionSettings, to: SessionSettings): Buffer {
  const gone = [...from.keys()].filter((name) => !to.has(name));
  const changed = [...to].filter(([name, value]) => from.get(name) !== value);
  // The encoding first: it says how the bytes of the other values are read.
  changed.sort(([left], [right]) => Number(right === 'client_encoding') - Number(left === 'client_encoding'));
  const resets = gone.map((name) =>
    Buffer.concat([parse('', `RESET ${quoted(name)}`), bind('', '', []), execute('')]),
  );
  const sets = changed.map((pair) => Buffer.concat([bind('', '', pair), execute('')]));
  const setting = sets.length > 0 ? [parse('', 'SELECT pg_catalog.set_config($1, $2, false)'), ...sets] : [];
  return Buffer.concat([...resets, ...setting, sync]);
}

/** Messages that ask for the present values. */
export function settingsQuestion(names: readonly string[]): Buffer {
  const columns = names.map((_, index) => `pg_catalog.current_setting($${index + 1}, true)`);
  return Buffer.concat([parse('', `SELECT ${columns.join(', ')}`), bind('', '', names), execute(''), sync]);
}

function quoted(name: string): string {
  return name
    .split('.')
    .map((part) => `"${part}"`)
    .join('.');
}

export interface ConversationEnd {
  rows: (string | null)[][];
  /** Null: it was carried out. */
  error: { sqlState: string; message: string } | null;
  isLost: boolean;
}

/** PostgreSQL: program_limit_exceeded. */
export const sqlStateOfTooLong = '54000';

/** Collects what the server answers to the router's own messages. */
export class Conversation implements Internal {
  private readonly rows: (string | null)[][] = [];
  private error: ConversationEnd['error'] = null;
  private readonly ended: (end: ConversationEnd) => void;

  constructor(ended: (end: ConversationEnd) => void) {
    this.ended = ended;
  }

  message(type: number, buffer: Buffer, start: number, end: number): void {
    if (type === backend.dataRow) {
      const row = readRow(buffer, start, end);
      if (row) this.rows.push(row);
      else this.error ??= unreadable;
    }
    if (type !== backend.errorResponse) return;
    const fields = readFields(buffer, start, end);
    this.error ??= { sqlState: fields.get('C') ?? '', message: fields.get('M') ?? '' };
  }

  tooLong(): void {
    this.error ??= { sqlState: sqlStateOfTooLong, message: 'an answer to the router is too long' };
  }

  done(): void {
    this.ended({ rows: this.rows, error: this.error, isLost: false });
  }

  lost(): void {
    this.ended({ rows: [], error: this.error, isLost: true });
  }
}

const unreadable = { sqlState: '08P01', message: 'an answer to the router cannot be read' };
