import type { Statement } from '../classify/classifier.ts';
import type { PostgresError } from '../protocol/build.ts';

const usualError: PostgresError = {
  severity: 'ERROR',
  sqlState: '25P02',
  message: 'current transaction is aborted, commands ignored until end of transaction block',
};

const unfollowed: PostgresError = {
  severity: 'ERROR',
  sqlState: '40001',
  message: 'the transaction that was to follow has no server: the connection to it was lost',
  hint: 'End it with ROLLBACK, and run the transaction again.',
};

/**
 * A transaction whose server is gone (pure): to the client it is a failed one, like any other after an error, until it
 * ends it itself. There is no server behind it.
 */
export class FailedTransaction {
  isActive = false;
  /** COMMIT or ROLLBACK that was bound and will be executed. */
  ending: Statement | null = null;
  private firstError: PostgresError | null = null;

  /** @param firstError what its next statement is told; null when it has been told already */
  begin(firstError: PostgresError | null): void {
    this.isActive = true;
    this.firstError = firstError;
  }

  nextError(): PostgresError {
    const error = this.firstError ?? usualError;
    this.firstError = null;
    return error;
  }

  /**
   * What a statement that ends it is answered with: an error for a COMMIT of somebody who has heard of none yet (it must
   * never look as if it had taken effect), else null. With AND CHAIN another one follows, and what the client takes to be part of
   * it must not be done alone: that one has failed already. @returns undefined for a statement that does not end it
   */
  end(statement: Statement): PostgresError | null | undefined {
    if (!endsTransaction(statement)) return undefined;
    const { kind, chains } = statement.facts;
    const untold = kind === 'commit' ? this.firstError : null;
    this.isActive = chains;
    this.ending = null;
    this.firstError = chains ? unfollowed : null;
    return untold;
  }
}

/** COMMIT or ROLLBACK, and nothing else. */
export function endsTransaction({ facts: { kind, isSingle } }: Statement): boolean {
  return isSingle && (kind === 'commit' || kind === 'rollback');
}
