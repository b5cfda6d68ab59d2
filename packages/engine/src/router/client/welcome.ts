import type { DatabaseInfo } from '../databases.ts';
import type { Wire, WireHandlers } from '../net/wire.ts';
import type { PoolGroup } from '../pool/pool-group.ts';
import type { Waiter } from '../pool/wait-queue.ts';
import { errorResponse, type PostgresError } from '../protocol/build.ts';
import type { ServerConnection } from '../server/server-connection.ts';
import { Conversation, isSameSettings, type SessionSettings, settingsSync } from '../server/settings-sync.ts';

export interface WelcomeOptions {
  group: PoolGroup;
  database: DatabaseInfo;
  wire: Wire;
  settings: SessionSettings;
  /** What the client has sent behind its password. */
  rest: Buffer;
  ready(parameters: Map<string, string>, rest: Buffer): void;
}

const restBytesMax = 64 * 1024;

/**
 * Between the proof of who a client is and its first statement: PostgreSQL itself must let this user into this database
 * with these settings once, and says what the parameters are then. What it said is remembered for the clients after it.
 */
export class Welcome implements WireHandlers, Waiter {
  private readonly options: WelcomeOptions;
  private rest: Buffer;
  private isOver = false;

  constructor(options: WelcomeOptions) {
    this.options = options;
    this.rest = options.rest;
  }

  start(): void {
    const { group, wire, settings } = this.options;
    wire.use(this);
    const known = group.welcomes.get(keyOf(settings));
    if (known) {
      this.finish(known);
      return;
    }
    const server = group.acquire(this, group.forWelcome);
    if (server) this.granted(server);
  }

  granted(server: ServerConnection): void {
    const { group, settings } = this.options;
    if (this.isOver) {
      group.release(server);
      return;
    }
    if (isSameSettings(server.settings, settings)) {
      this.welcomed(server);
      return;
    }
    server.unnamed = null;
    const conversation = new Conversation(({ error, isLost }) => {
      if (isLost) this.retry();
      else if (error) {
        server.isDoomed = true;
        group.release(server);
        this.denied({ severity: 'FATAL', ...error });
      } else {
        server.settings = settings;
        this.welcomed(server);
      }
    });
    server.runInternal(settingsSync(server.settings, settings), conversation);
  }

  denied(error: PostgresError): void {
    if (this.isOver) return;
    this.isOver = true;
    const { wire } = this.options;
    wire.appendAll(errorResponse({ ...error, severity: 'FATAL' }));
    wire.end();
  }

  bytes(buffer: Buffer, length: number): void {
    this.rest = Buffer.concat([this.rest, buffer.subarray(0, length)]);
    if (this.rest.length > restBytesMax)
      this.denied({
        severity: 'FATAL',
        sqlState: '08P01',
        message: 'too much was said before the session was ready',
      });
  }

  closed(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.options.group.abandon(this);
  }

  drained(): void {
    // What is said here is small.
  }

  private retry(): void {
    if (!this.isOver) this.start();
  }

  private welcomed(server: ServerConnection): void {
    const { group, settings } = this.options;
    const parameters = new Map(server.parameters);
    group.remember(keyOf(settings), parameters);
    group.release(server);
    if (!this.isOver) this.finish(parameters);
  }

  private finish(parameters: ReadonlyMap<string, string>): void {
    this.isOver = true;
    this.options.ready(new Map(parameters), this.rest);
  }
}

function keyOf(settings: SessionSettings): string {
  return [...settings].map(([name, value]) => `${name}=${value}`).join('\0');
}
