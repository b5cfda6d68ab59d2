import { oversize, type Statement } from '../classify/classifier.ts';
import type { PreparedStatement } from '../pool/prepared.ts';
import { type Batch, readBatch } from '../protocol/batch.ts';
import { inspectedQueryBytesMax } from '../protocol/limits.ts';
import { bindHead, closeMessage, describeMessage, parseMessage } from '../protocol/statement-messages.ts';
import { expect } from '../server/expectations.ts';
import type { ServerConnection } from '../server/server-connection.ts';
import type { SessionView } from './session-view.ts';

const empty = Buffer.alloc(0);

/** Never a client's: PostgreSQL limits nothing here, but a zero byte ends a name. */
export const injectedName = '\0';

/**
 * Batches of the extended protocol that run one statement and have come whole: they may share a server like a Query. Each
 * ends with its own Sync, so an error in one is over before the next begins; and none relies on a statement that another
 * one has only asked to be prepared.
 */
export class SharedBatches {
  private readonly session: SessionView;

  constructor(session: SessionView) {
    this.session = session;
  }

  /**
   * The batch whose first message the cursor stands on. @returns true: it has been sent that way; false: it waits for a server;
   * null: it goes message by message
   */
  begin(): boolean | null {
    const { session } = this;
    const { cursor, context, failedTransaction } = session;
    if (session.server !== null || session.pin !== null || failedTransaction.isActive) return null;
    if (!context.isSharing()) return null;
    const batch = readBatch(cursor.buffer, cursor.start, cursor.aheadEnd);
    const entry = batch && this.statementOf(batch);
    if (!batch || !entry) return null;
    const server = session.shared.claim(entry.statement, cursor.start, batch.sync.end);
    // Looked at once more only when its turn comes.
    if (!server) return session.shared.isWaiting && !session.needServer(entry.statement) ? false : null;
    context.counters.sharedBatches++;
    this.send(server, batch, entry);
    server.endShared();
    cursor.skipTo(batch.sync.end);
    return true;
  }

  /** Null: PostgreSQL has to say what is wrong with it. */
  private statementOf({ parse, bind }: Batch): PreparedStatement | null {
    const { session } = this;
    const { buffer } = session.cursor;
    const name = textOf(buffer, bind.statement);
    if (!parse) return name === '' ? session.unnamed : this.namedHere(name);
    const body = buffer.subarray(parse.body.start, parse.body.end);
    if (name === '') return unnamedStatement(session, body);
    return session.named.get(name) ? null : internStatement(session, body);
  }

  /** Null: its constants were read in another way, and may have to be read anew. */
  private namedHere(name: string): PreparedStatement | null {
    const { named, told } = this.session;
    const entry = named.get(name);
    return entry && (entry.literals === null || entry.literals === told.literals) ? entry : null;
  }

  private send(server: ServerConnection, batch: Batch, entry: PreparedStatement): void {
    const { buffer } = this.session.cursor;
    const { bind, describe, execute, sync } = batch;
    const isUnnamed = bind.statement.start === bind.statement.end;
    const name = isUnnamed
      ? this.prepareUnnamed(server, batch, entry)
      : this.prepareNamed(server, batch, entry);
    if (isUnnamed) server.send(expect.bind, buffer, bind.start, bind.end);
    else {
      const places = { start: bind.start, portalEnd: bind.statement.start - 1, nameEnd: bind.statement.end };
      const head = bindHead(buffer, places, name);
      server.send(expect.bind, head, 0, head.length);
      server.send(expect.none, buffer, bind.statement.end, bind.end);
    }
    if (describe?.isStatement && !isUnnamed) {
      const bytes = describeMessage(name);
      server.send(expect.describe, bytes, 0, bytes.length);
    } else if (describe) server.send(expect.describe, buffer, describe.start, describe.end);
    server.send(expect.execute, buffer, execute.start, execute.end);
    server.send(expect.sync, buffer, sync.start, sync.end);
  }

  private prepareUnnamed(server: ServerConnection, { parse }: Batch, entry: PreparedStatement): string {
    const { session } = this;
    if (parse) {
      session.unnamed = entry;
      const item = { kind: 'parse' as const, statement: entry, name: '' };
      server.sendPrepared(expect.parse, item, session.cursor.buffer.subarray(parse.start, parse.end));
    } else if (server.unnamed !== entry) {
      const item = { kind: 'parse' as const, statement: entry, name: injectedName };
      server.sendPrepared(expect.injectedParse, item, parseMessage('', entry.body));
    }
    server.unnamed = entry;
    return '';
  }

  /** @returns what the server calls it */
  private prepareNamed(server: ServerConnection, { parse, bind }: Batch, entry: PreparedStatement): string {
    const { session } = this;
    const { statements } = server;
    const name = parse ? textOf(session.cursor.buffer, bind.statement) : injectedName;
    const item = { kind: 'parse' as const, statement: entry, name };
    const kind = parse ? expect.parse : expect.injectedParse;
    if (parse) session.named.add(name, entry);
    const present = statements.nameOf(entry);
    if (present !== null && statements.isCertain(entry)) {
      if (!parse) return present;
      session.context.counters.preparesSaved++;
      server.sendPrepared(expect.saidParse, item, empty);
      return present;
    }
    if (present !== null) {
      // Somebody before it has asked for that, and may fail: this one prepares what it needs itself.
      server.unnamed = entry;
      server.sendPrepared(kind, item, parseMessage('', entry.body));
      return '';
    }
    const { name: made, evicted } = statements.add(entry);
    if (evicted !== null) {
      const bytes = closeMessage(evicted);
      server.send(expect.injectedClose, bytes, 0, bytes.length);
    }
    server.sendPrepared(kind, { ...item, serverName: made }, parseMessage(made, entry.body));
    return made;
  }
}

/** @param body what follows the name in a Parse message */
export function internStatement(
  session: SessionView,
  body: Buffer,
  literals: string | null = session.told.literals,
): PreparedStatement {
  const { prepared } = session.context.database;
  const classify = (text: Buffer) => classified(session, text);
  return literals === null || isTooLong(body)
    ? prepared.own(body, classify)
    : prepared.intern(body, literals, classify);
}

/** The same for a server that is to be told of it now: nobody shares what was read by other settings than his own. */
export function readOn(
  session: SessionView,
  server: ServerConnection,
  entry: PreparedStatement,
): PreparedStatement {
  if (entry.literals === null) return entry;
  const literals = session.told.literalsOn(server);
  return literals === entry.literals ? entry : internStatement(session, entry.body, literals);
}

/** It is its session's alone. */
export function unnamedStatement(session: SessionView, body: Buffer): PreparedStatement {
  const kept = Buffer.from(body);
  return { id: 0, body: kept, statement: classified(session, kept), literals: null, users: 0 };
}

/** Like a Query of that size: nobody looks into it, and it is kept for its session alone. */
function isTooLong(body: Buffer): boolean {
  return body.length > inspectedQueryBytesMax;
}

function classified(session: SessionView, body: Buffer): Statement {
  if (isTooLong(body)) return oversize;
  return session.classify(body, 0, body.indexOf(0));
}

function textOf(buffer: Buffer, { start, end }: { start: number; end: number }): string {
  return buffer.toString('latin1', start, end);
}
