import type { Statement } from '../classify/classifier.ts';
import type { PinReason } from '../classify/facts.ts';
import type { MessageCursor } from '../protocol/cursor.ts';
import { expect } from '../server/expectations.ts';
import type { ServerConnection } from '../server/server-connection.ts';
import type { ServerUser } from '../server/server-user.ts';
import { isSameSettings } from '../server/settings-sync.ts';
import type { FailedTransaction } from './failed-transaction.ts';
import type { Flight } from './flight.ts';
import type { SessionContext } from './session-context.ts';
import type { SettingsTracker } from './settings-tracker.ts';
import type { ToldParameters } from './told-parameters.ts';

const sharedBytesMax = 8 * 1024;

export interface Sharer extends ServerUser {
  readonly context: SessionContext;
  readonly cursor: MessageCursor;
  readonly settings: SettingsTracker;
  readonly told: ToldParameters;
  readonly flight: Flight;
  readonly failedTransaction: FailedTransaction;
  readonly pin: PinReason | null;
  readonly server: ServerConnection | null;
  hold(): void;
  goOn(): void;
}

/**
 * One statement of a session on a server that others use at the same time, one behind the other: only what is proven to
 * read only, outside of a transaction, known to be quick, and with the same settings as the others.
 */
export class SharedUse {
  private readonly owner: Sharer;
  server: ServerConnection | null = null;
  /** Waits, and could have been asked in shared use, had there been a server to share. */
  private waiting: Statement | null = null;
  private invitation: ServerConnection | null = null;

  constructor(owner: Sharer) {
    this.owner = owner;
  }

  get isActive(): boolean {
    return this.server !== null;
  }

  /** What was looked at last would share, and there was nowhere to. */
  get isWaiting(): boolean {
    return this.waiting !== null;
  }

  /** @returns whether the Query the cursor stands on has been sent that way */
  begin(statement: Statement): boolean {
    const { owner } = this;
    const { buffer, start, end } = owner.cursor;
    const server = this.claim(statement, start, end);
    if (!server) return false;
    // A simple Query ends the unnamed statement.
    server.unnamed = null;
    server.send(expect.query, buffer, start, end);
    server.endShared();
    return true;
  }

  /** @returns the server to send these bytes of the cursor's to, and to call `endShared` on; null: not that way */
  claim(statement: Statement, start: number, end: number): ServerConnection | null {
    const { owner } = this;
    const { context, cursor } = owner;
    this.waiting = null;
    // Whoever is moved away has to be able to ask again.
    if (owner.server !== null || owner.pin !== null || end - start > sharedBytesMax) return null;
    const server = this.takeInvitation() ?? this.choose(statement);
    if (!server) return null;
    this.server = server;
    const { counters } = context;
    counters.statements++;
    counters.sharedStatements++;
    owner.flight.asked(statement, true);
    owner.flight.keep(cursor.buffer, start, end);
    owner.flight.timeShared(statement, server.line);
    owner.hold();
    server.beginShared(owner);
    return server;
  }

  private choose(statement: Statement): ServerConnection | null {
    const { context, settings, told } = this.owner;
    if (!context.mayShare(statement)) return null;
    const wish = context.route(statement, settings.current);
    const places = context.placesInLine(statement);
    const spreadFrom = context.spreadFrom(statement);
    const server = context.group.share(wish, { settings: settings.current, told, places, spreadFrom });
    if (server && wish !== null) context.counters.replicaReads++;
    this.waiting = server === null ? statement : null;
    return server;
  }

  /** While it waits: whether it could ask here, behind others. What was proven when it came may be another thing by now. */
  wouldShare(server: ServerConnection): boolean {
    const { context, settings, told } = this.owner;
    if (this.waiting === null || !context.isSharing() || !context.isProvenRead(this.waiting)) return false;
    if (server.line.length >= context.placesInLine(this.waiting)) return false;
    return isSameSettings(server.settings, settings.current) && told.isTrueOf(server);
  }

  /** What it waits with is looked at again now, and goes to this server. */
  invite(server: ServerConnection): void {
    this.invitation = server;
    this.owner.goOn();
    this.invitation = null;
  }

  waitsNoMore(): void {
    this.waiting = null;
  }

  private takeInvitation(): ServerConnection | null {
    const server = this.invitation;
    this.invitation = null;
    return server;
  }

  /** @returns whether it was under way */
  settled(): boolean {
    const wasActive = this.server !== null;
    this.server = null;
    return wasActive;
  }

  /** Its client does not read. Who stands behind it asks elsewhere before long. */
  standsStill(): void {
    if (this.server?.isHead(this.owner)) this.server.wire.pause();
  }

  goesOn(): void {
    if (this.server?.isHead(this.owner)) this.server.wire.resume();
  }

  leave(): void {
    this.server?.forgetShared(this.owner);
    this.server = null;
  }

  /** @returns whether that was what there was to cancel */
  cancel(): boolean {
    const { server, owner } = this;
    if (!server) return false;
    if (server.isHead(owner)) {
      // Whoever is behind it goes elsewhere first: the signal may come late, and must hit nobody else.
      server.moveOthersAway(owner);
      owner.context.cancel(server);
    }
    return true;
  }
}
