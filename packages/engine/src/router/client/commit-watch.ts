import type { Statement } from '../classify/classifier.ts';
import { markOf, markQuestion } from '../outcome/commit-mark.ts';
import { type PostgresError, query } from '../protocol/build.ts';
import { transactionStatus } from '../protocol/codes.ts';
import type { ServerConnection } from '../server/server-connection.ts';
import { Conversation } from '../server/settings-sync.ts';
import type { FailedTransaction } from './failed-transaction.ts';
import type { LinkOwner, ServerLink } from './server-link.ts';

export interface CommitWatchOwner extends LinkOwner {
  readonly link: ServerLink;
  readonly failedTransaction: FailedTransaction;
}

/**
 * Before the COMMIT of a connection that wants to know its outcome in any case (`quantadb.outcome=on`), PostgreSQL is asked
 * for what identifies the transaction. It is answered before the COMMIT is sent: were the question to fail behind its back,
 * PostgreSQL would answer the COMMIT with a ROLLBACK that is no error.
 */
export class CommitWatch {
  private readonly owner: CommitWatchOwner;
  private isKnown = false;

  constructor(owner: CommitWatchOwner) {
    this.owner = owner;
  }

  /** @returns whether the statement may be sent; else the same message comes again */
  mayPass(statement: Statement): boolean {
    const { owner } = this;
    if (statement.facts.kind !== 'commit' || owner.context.outcomes === null) return true;
    const { server } = owner.link;
    if (this.isKnown || !server || !this.isWorthAsking(server, statement)) {
      this.isKnown = false;
      return true;
    }
    server.unnamed = null;
    owner.hold();
    const conversation = new Conversation(({ rows, error, isLost }) => {
      if (isLost || owner.isClosed) return;
      if (error) this.failed(server, { severity: 'ERROR', ...error });
      else {
        owner.flight.mark = markOf(rows[0] ?? []);
        this.isKnown = true;
      }
      owner.goOn();
    });
    server.runInternal(markQuestion, conversation);
    return false;
  }

  /** What a transaction leaves behind in its session would be lost with its server: there 08007 says so. */
  private isWorthAsking(server: ServerConnection, { facts }: Statement): boolean {
    const { pin, settings, context } = this.owner;
    if (!facts.isSingle || facts.chains || pin !== null || settings.isTouched) return false;
    const isFree = server.outstanding === 0 && !server.expected.isSkipping && !server.isCopyingIn;
    return isFree && server.status === transactionStatus.inTransaction && context.isPrimary(server.node);
  }

  /** A statement timeout, say: it ends the transaction, and the COMMIT is answered with what has ended it. */
  private failed(server: ServerConnection, error: PostgresError): void {
    const { owner } = this;
    owner.failedTransaction.begin(error);
    owner.flight.reset();
    owner.link.giveBackAfter(server, query('ROLLBACK'));
  }
}
