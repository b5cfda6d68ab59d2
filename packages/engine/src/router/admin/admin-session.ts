import { randomBytes } from 'node:crypto';
import { pollUntil } from '../../shared/deadline.ts';
import { messageOf } from '../../shared/errors.ts';
import type { Wire, WireHandlers } from '../net/wire.ts';
import {
  backendKeyData,
  commandComplete,
  emptyQueryResponse,
  errorResponse,
  noticeResponse,
  parameterStatus,
  readyForQuery,
  textRows,
} from '../protocol/build.ts';
import { frontend, headerBytes, transactionStatus } from '../protocol/codes.ts';
import { MessageCursor } from '../protocol/cursor.ts';
import { frontendRules } from '../protocol/limits.ts';
import type { CrewAnswer, CrewQuestion } from '../worker/crew-questions.ts';
import { type AdminCommand, readAdminCommand } from './commands.ts';
import { together } from './crew-tables.ts';
import type { Table } from './views.ts';

export interface AdminOptions {
  wire: Wire;
  /** May also change things. */
  isOperator: boolean;
  /** Of every worker of this router, this one first. */
  ask(question: CrewQuestion): Promise<CrewAnswer[]>;
  /** Null: nobody can read the settings again. */
  reload: (() => void) | null;
}

export const adminDatabase = 'quantadb';

const pauseDeadlineMs = 60_000;
const pollMs = 20;
const parameters: [string, string][] = [
  ['server_version', '15.0 (QuantaDB router)'],
  ['server_encoding', 'UTF8'],
  ['client_encoding', 'UTF8'],
  ['DateStyle', 'ISO, MDY'],
  ['standard_conforming_strings', 'on'],
  ['integer_datetimes', 'on'],
];

/** The router's own database: simple queries only, as `psql` sends them. */
export class AdminSession implements WireHandlers {
  private readonly options: AdminOptions;
  private readonly cursor = new MessageCursor(frontendRules);
  private queue: Promise<void> = Promise.resolve();
  private queued = 0;
  private isOver = false;

  constructor(options: AdminOptions) {
    this.options = options;
  }

  start(rest: Buffer): void {
    const { wire } = this.options;
    for (const [name, value] of parameters) wire.appendAll(parameterStatus(name, value));
    wire.appendAll(backendKeyData(0, randomBytes(4)));
    wire.appendAll(readyForQuery(transactionStatus.idle));
    wire.flush();
    wire.use(this);
    if (rest.length > 0) this.bytes(rest, rest.length);
  }

  bytes(buffer: Buffer, length: number): void {
    const { cursor } = this;
    cursor.load(buffer, 0, length);
    while (!this.isOver && cursor.next()) {
      const { type, start, end, isLast } = cursor;
      if (type === frontend.terminate) this.options.wire.end();
      else if (type !== frontend.query || !isLast)
        this.refuse('0A000', 'only simple queries are understood here');
      else this.ask(cursor.buffer.toString('utf8', start + headerBytes, end - 1));
    }
    if (cursor.violation) this.options.wire.destroy(null);
  }

  closed(): void {
    this.isOver = true;
  }

  drained(): void {
    // What is shown is not so much that it would have to wait.
  }

  private ask(text: string): void {
    if (this.queued >= queueMax) {
      this.refuse('53400', 'too much at once');
      return;
    }
    this.queued++;
    this.queue = this.queue.then(() => this.carryOut(readAdminCommand(text))).finally(() => this.queued--);
  }

  private async carryOut(command: AdminCommand): Promise<void> {
    const { wire } = this.options;
    try {
      await this.answer(command);
    } catch (error) {
      wire.appendAll(errorResponse({ severity: 'ERROR', sqlState: '55000', message: messageOf(error) }));
    }
    wire.appendAll(readyForQuery(transactionStatus.idle));
    wire.flush();
  }

  private async answer(command: AdminCommand): Promise<void> {
    const { wire, ask, isOperator, reload } = this.options;
    switch (command.kind) {
      case 'show':
        this.show(together(command.what, await ask({ what: 'show', subject: command.what })));
        return;
      case 'nothing':
        wire.appendAll(command.tag === '' ? emptyQueryResponse : commandComplete(command.tag));
        return;
      case 'unknown':
        throw new Error('not understood; SHOW HELP lists what is');
    }
    if (!isOperator) throw new Error('only a superuser may do that');
    switch (command.kind) {
      case 'pause':
        await ask({ what: 'pause', database: command.database });
        await this.untilQuiet(command.database);
        await this.noteUnused(command.database);
        wire.appendAll(commandComplete('PAUSE'));
        return;
      case 'resume':
        await ask({ what: 'resume', database: command.database });
        wire.appendAll(commandComplete('RESUME'));
        return;
      case 'reload':
        if (!reload) throw new Error('this router was started without a file to read again');
        reload();
        wire.appendAll(commandComplete('RELOAD'));
    }
  }

  private show({ columns, rows }: Table): void {
    const { wire } = this.options;
    wire.appendAll(textRows(columns, rows));
    wire.appendAll(commandComplete('SHOW'));
  }

  /** It may be one that nobody has come to yet, or a slip of the pen: only who typed it knows. */
  private async noteUnused(database: string | null): Promise<void> {
    if (database === null) return;
    const { columns, rows } = together('pools', await this.options.ask({ what: 'show', subject: 'pools' }));
    const at = columns.indexOf('database');
    if (rows.some((row) => row[at] === database)) return;
    this.options.wire.appendAll(
      noticeResponse(`no client has used a database "${database}" here yet; those who come will wait`),
    );
  }

  private async untilQuiet(database: string | null): Promise<void> {
    const quiet = async () => {
      const busy = await this.options.ask({ what: 'busy', database });
      return this.isOver || busy.every((count) => count === 0) ? true : undefined;
    };
    await pollUntil(quiet, {
      what: 'every transaction ends',
      timeoutMs: pauseDeadlineMs,
      intervalMs: pollMs,
    }).catch(() => {
      this.options.wire.appendAll(noticeResponse('paused, but some transactions have not ended yet'));
    });
  }

  private refuse(sqlState: string, message: string): void {
    this.options.wire.appendAll(errorResponse({ severity: 'FATAL', sqlState, message }));
    this.options.wire.end();
    this.isOver = true;
  }
}

const queueMax = 100;
