import { oversize } from '../classify/classifier.ts';
import type { PreparedStatement } from '../pool/prepared.ts';
import {
  bindComplete,
  closeComplete,
  commandComplete,
  noData,
  noParameters,
  type PostgresError,
  parseComplete,
} from '../protocol/build.ts';
import { frontend, headerBytes } from '../protocol/codes.ts';
import { bindHead, closeMessage, describeMessage, parseMessage } from '../protocol/statement-messages.ts';
import { expect } from '../server/expectations.ts';
import type { ServerConnection } from '../server/server-connection.ts';
import { endsTransaction } from './failed-transaction.ts';
import { noteStatement } from './note-statement.ts';
import type { SessionView } from './session-view.ts';
import { injectedName, internStatement, readOn, SharedBatches, unnamedStatement } from './shared-batches.ts';

const letterS = 0x53;
const empty = Buffer.alloc(0);

/**
 * Parse, Bind, Describe, Execute, Close, Flush of one session. A statement prepared by the client is known to it by its
 * own name, and to whichever server the session has at the moment by another one, so names in messages are exchanged on
 * the way, and a server that does not know a statement yet is told it first.
 */
export class ExtendedProtocol {
  private readonly session: SessionView;
  private readonly sharing: SharedBatches;

  constructor(session: SessionView) {
    this.session = session;
    this.sharing = new SharedBatches(session);
  }

  accept(): boolean {
    const { session } = this;
    const { type } = session.cursor;
    switch (type) {
      case frontend.parse:
        return this.sharing.begin() ?? this.acceptParse();
      case frontend.bind:
        return this.sharing.begin() ?? this.acceptBind();
      case frontend.describe:
        return this.acceptDescribe();
      case frontend.close:
        return this.acceptClose();
      case frontend.execute:
        if (session.failedTransaction.isActive) return this.executeInFailedTransaction();
        return this.forward(expect.execute);
      case frontend.flush:
        return this.acceptFlush();
      default:
        session.fatal('08P01', `invalid frontend message type ${type}`);
        return true;
    }
  }

  private acceptParse(): boolean {
    const { session } = this;
    const { buffer, start, end } = session.cursor;
    const nameEnd = buffer.indexOf(0, start + headerBytes);
    const textEnd = nameEnd < 0 || nameEnd >= end ? -1 : buffer.indexOf(0, nameEnd + 1);
    if (textEnd < 0 || textEnd >= end) return this.malformed();
    const isNamed = nameEnd > start + headerBytes;
    const name = isNamed ? buffer.toString('latin1', start + headerBytes, nameEnd) : '';
    const body = buffer.subarray(nameEnd + 1, end);
    const entry = isNamed ? internStatement(session, body) : unnamedStatement(session, body);
    if (session.failedTransaction.isActive) return this.parseInFailedTransaction(entry, name);
    if (!session.needServer(entry.statement) || !session.commits.mayPass(entry.statement)) return false;
    const { server } = session;
    if (!server) return true;
    session.flight.keep(buffer, start, end);
    if (!isNamed) {
      session.unnamed = entry;
      server.unnamed = entry;
      server.sendPrepared(
        expect.parse,
        { kind: 'parse', statement: entry, name: '' },
        buffer.subarray(start, end),
      );
      return true;
    }
    this.prepareNamed(server, readOn(session, server, entry), name);
    return true;
  }

  private prepareNamed(server: ServerConnection, entry: PreparedStatement, name: string): void {
    const { session } = this;
    const item = { kind: 'parse' as const, statement: entry, name };
    const present = session.named.get(name);
    if (present) {
      // PostgreSQL has to say that it exists already: the name is one that it does know.
      const existing = this.nameOn(server, present);
      const refused = { kind: 'parse' as const, statement: unknownStatement, name };
      server.sendPrepared(expect.parse, refused, parseMessage(existing, entry.body));
      return;
    }
    session.named.add(name, entry);
    if (server.statements.nameOf(entry) !== null) {
      session.context.counters.preparesSaved++;
      server.sendPrepared(expect.saidParse, item, empty);
      return;
    }
    const { name: serverName, evicted } = server.statements.add(entry);
    if (evicted !== null) server.send(expect.injectedClose, ...whole(closeMessage(evicted)));
    server.sendPrepared(expect.parse, { ...item, serverName }, parseMessage(serverName, entry.body));
  }

  private acceptBind(): boolean {
    const { session } = this;
    const { buffer, start, end, isLast } = session.cursor;
    const portalEnd = buffer.indexOf(0, start + headerBytes);
    const nameEnd = portalEnd < 0 || portalEnd >= end ? -1 : buffer.indexOf(0, portalEnd + 1);
    if (nameEnd < 0 || nameEnd >= end) return this.malformed();
    const isNamed = nameEnd > portalEnd + 1;
    const entry = isNamed
      ? (session.named.get(buffer.toString('latin1', portalEnd + 1, nameEnd)) ?? null)
      : session.unnamed;
    if (session.failedTransaction.isActive) return this.bindInFailedTransaction(entry);
    if (!session.needServer(entry?.statement ?? null)) return false;
    if (entry && !session.commits.mayPass(entry.statement)) return false;
    const { server } = session;
    if (!server) return true;
    if (isLast) session.flight.keep(buffer, start, end);
    else session.flight.askedUnknown();
    if (entry) noteStatement(session, entry.statement);
    else session.flight.askedUnknown();
    if (!isNamed || !entry) {
      if (entry && server.unnamed !== entry) this.injectUnnamed(server, entry);
      // An unknown name is PostgreSQL's to refuse; nobody's statements have names that clients could guess.
      server.send(expect.bind, buffer, start, end);
      return true;
    }
    this.bindNamed(server, entry, { portalEnd, nameEnd });
    return true;
  }

  private bindNamed(
    server: ServerConnection,
    entry: PreparedStatement,
    { portalEnd, nameEnd }: { portalEnd: number; nameEnd: number },
  ): void {
    const { buffer, start, end } = this.session.cursor;
    const head = bindHead(buffer, { start, portalEnd, nameEnd }, this.nameOn(server, entry));
    server.send(expect.bind, head, 0, head.length);
    server.send(expect.none, buffer, nameEnd, end);
  }

  private acceptDescribe(): boolean {
    const { session } = this;
    const { buffer, start, end } = session.cursor;
    if (session.failedTransaction.isActive) {
      if (buffer[start + headerBytes] === letterS) session.say(noParameters);
      session.say(noData);
      return true;
    }
    const entry = this.namedStatement();
    session.flight.describesStatement = buffer[start + headerBytes] === letterS;
    if (!session.flight.describesStatement) return this.forward(expect.describe);
    const described = entry ?? (end === start + headerBytes + 2 ? session.unnamed : null);
    if (!session.needServer(described?.statement ?? null)) return false;
    const { server } = session;
    if (!server) return true;
    session.flight.keep(buffer, start, end);
    if (!entry) {
      if (described && server.unnamed !== described) this.injectUnnamed(server, described);
      server.send(expect.describe, buffer, start, end);
      return true;
    }
    server.send(expect.describe, ...whole(describeMessage(this.nameOn(server, entry))));
    return true;
  }

  private acceptClose(): boolean {
    const { session } = this;
    const entry = this.namedStatement();
    if (session.failedTransaction.isActive) {
      if (entry) session.named.remove(this.describedName);
      return this.closeNothing();
    }
    if (!entry) return session.server ? this.forward(expect.close) : this.closeNothing();
    if (session.server && !session.needServer(null)) return false;
    const name = this.describedName;
    session.named.remove(name);
    if (!session.server) return this.closeNothing();
    session.flight.askedUnknown();
    session.server.sendPrepared(expect.saidClose, { kind: 'close', statement: entry, name }, empty);
    return true;
  }

  /** Closing what does not exist is no error. */
  private closeNothing(): true {
    this.session.say(closeComplete);
    return true;
  }

  private acceptFlush(): true {
    const { server, cursor, flight } = this.session;
    if (!server) return true;
    // Its client may say nothing more before it has been answered, also when what it asked is asked again.
    flight.keep(cursor.buffer, cursor.start, cursor.end);
    server.send(expect.none, cursor.buffer, cursor.start, cursor.end);
    return true;
  }

  private forward(kind: number): boolean {
    const { session } = this;
    if (!session.needServer(null)) return false;
    const { buffer, start, end } = session.cursor;
    session.flight.keep(buffer, start, end);
    session.server?.send(kind, buffer, start, end);
    return true;
  }

  /** What the message's `S` and name stand for; null for portals, for the unnamed one and for unknown names. */
  private namedStatement(): PreparedStatement | null {
    const { buffer, start } = this.session.cursor;
    if (buffer[start + headerBytes] !== letterS) return null;
    return this.session.named.get(this.describedName) ?? null;
  }

  /** In a Describe or a Close. */
  private get describedName(): string {
    const { buffer, start, end } = this.session.cursor;
    return buffer.toString('latin1', start + headerBytes + 1, end - 1);
  }

  /** The server's name for it; prepared there first if it is not yet. */
  private nameOn(server: ServerConnection, prepared: PreparedStatement): string {
    const present = server.statements.nameOf(prepared);
    if (present !== null) return present;
    const entry = readOn(this.session, server, prepared);
    const known = entry === prepared ? null : server.statements.nameOf(entry);
    if (known !== null) return known;
    const { name, evicted } = server.statements.add(entry);
    if (evicted !== null) server.send(expect.injectedClose, ...whole(closeMessage(evicted)));
    const item = { kind: 'parse' as const, statement: entry, name: injectedName, serverName: name };
    server.sendPrepared(expect.injectedParse, item, parseMessage(name, entry.body));
    return name;
  }

  private injectUnnamed(server: ServerConnection, entry: PreparedStatement): void {
    const item = { kind: 'parse' as const, statement: entry, name: injectedName };
    server.unnamed = entry;
    server.sendPrepared(expect.injectedParse, item, parseMessage('', entry.body));
  }

  private parseInFailedTransaction(entry: PreparedStatement, name: string): boolean {
    const { session } = this;
    if (!endsTransaction(entry.statement)) return session.refuseInFailedTransaction(false);
    if (name === '') session.unnamed = entry;
    else if (session.named.get(name)) return session.refuse(existsAlready(name), false);
    else {
      session.named.add(name, entry);
      // Nothing that is asked again will bring it.
      session.named.settled();
    }
    session.say(parseComplete);
    return true;
  }

  private bindInFailedTransaction(entry: PreparedStatement | null): boolean {
    const { session } = this;
    if (!entry || !endsTransaction(entry.statement)) return session.refuseInFailedTransaction(false);
    session.failedTransaction.ending = entry.statement;
    session.say(bindComplete);
    return true;
  }

  private executeInFailedTransaction(): boolean {
    const { session } = this;
    const { ending } = session.failedTransaction;
    const error = ending ? session.failedTransaction.end(ending) : undefined;
    if (error === undefined) return session.refuseInFailedTransaction(false);
    if (error) return session.refuse(error, false);
    session.say(commandComplete('ROLLBACK'));
    return true;
  }

  private malformed(): true {
    this.session.fatal('08P01', 'invalid message format');
    return true;
  }
}

function existsAlready(name: string): PostgresError {
  return { severity: 'ERROR', sqlState: '42P05', message: `prepared statement "${name}" already exists` };
}

const unknownStatement: PreparedStatement = {
  id: -1,
  body: empty,
  statement: oversize,
  literals: null,
  users: 0,
};

function whole(bytes: Buffer): [Buffer, number, number] {
  return [bytes, 0, bytes.length];
}
