import type { Statement } from '../classify/classifier.ts';
import type { PinReason } from '../classify/facts.ts';
import type { Wire } from '../net/wire.ts';
import type { PreparedStatement } from '../pool/prepared.ts';
import type { PostgresError } from '../protocol/build.ts';
import type { MessageCursor } from '../protocol/cursor.ts';
import type { ServerConnection } from '../server/server-connection.ts';
import type { CommitWatch } from './commit-watch.ts';
import type { FailedTransaction } from './failed-transaction.ts';
import type { Flight } from './flight.ts';
import type { NamedStatements } from './named-statements.ts';
import type { Pin } from './pin.ts';
import type { SessionContext } from './session-context.ts';
import type { SettingsTracker } from './settings-tracker.ts';
import type { SharedUse } from './shared-use.ts';
import type { ToldParameters } from './told-parameters.ts';

/** A session as its parts see it. */
export interface SessionView {
  readonly wire: Wire;
  readonly context: SessionContext;
  readonly cursor: MessageCursor;
  readonly named: NamedStatements;
  readonly flight: Flight;
  readonly commits: CommitWatch;
  readonly failedTransaction: FailedTransaction;
  unnamed: PreparedStatement | null;
  readonly server: ServerConnection | null;
  readonly shared: SharedUse;
  readonly pin: PinReason | null;
  readonly pinned: Pin;
  readonly settings: SettingsTracker;
  readonly told: ToldParameters;
  isSkipping: boolean;
  /** Of a loss that nobody has been told of yet: the answer to what the client says next. */
  owedError: PostgresError | null;
  classify(buffer: Buffer, start: number, end: number): Statement;
  needServer(statement: Statement | null): boolean;
  pinTo(reason: PinReason): void;
  say(bytes: Buffer): void;
  refuse(error: PostgresError, isSimple: boolean): true;
  refuseInFailedTransaction(isSimple: boolean): true;
  fatal(sqlState: string, message: string): void;
  closed(): void;
}
