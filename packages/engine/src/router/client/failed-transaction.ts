import type { Statement } from '../classify/classifier.ts';
import type { PostgresError } from '../protocol/build.ts';

const usualError: PostgresError = {
  severity: 'ERROR',
  sqlState: '25P02',
  message: 'current transaction is aborted, commands ignored until end of transaction block',
};

/**
 * A transaction whose server is gone (pure): to the client it is a failed one, like any other after an error, until it
 * ends it itself. There is no server behind it.
 */
export class FailedTransaction {
  isActive = false;
  /** COMMIT or ROLLBACK that was parsed and will be executed. */
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

  /** @returns whether this statement ends it; COMMIT does too, and is answered with ROLLBACK */
  endsWith(statement: Statement): boolean {
    const { kind, isSingle } = statement.facts;
    if (!isSingle || (kind !== 'commit' && kind !== 'rollback')) return false;
    this.isActive = false;
    this.ending = null;
    return true;
  }
}
