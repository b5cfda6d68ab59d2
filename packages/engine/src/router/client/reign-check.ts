import type { PostgresError } from '../protocol/build.ts';
import { transactionStatus } from '../protocol/codes.ts';
import type { ServerConnection } from '../server/server-connection.ts';
import type { SessionContext } from './session-context.ts';

interface ReignCheckOwner {
  readonly context: SessionContext;
  readonly isClosed: boolean;
  readonly isWaiting: boolean;
  hold(): void;
  goOn(): void;
  denied(error: PostgresError): void;
}

/**
 * Before anything of a session with `strong` consistency begins, a majority confirms that the router knows the cluster's epoch:
 * else the primary it is about to ask may be a former one that is cut off, and what others have written since would be missing.
 */
export class ReignCheck {
  private readonly owner: ReignCheckOwner;
  private isProven = false;
  private turn = 0;

  constructor(owner: ReignCheckOwner) {
    this.owner = owner;
  }

  /** @returns whether a statement may begin; else the same message comes again */
  mayPass(server: ServerConnection | null): boolean {
    const { owner } = this;
    const { context } = owner;
    if (this.isProven || !context.isStrong() || !isBeginning(server)) return true;
    this.turn++;
    const { turn } = this;
    owner.hold();
    void context.proveReign().then((isProven) => {
      // Meanwhile it was cancelled, or has gone.
      if (owner.isClosed || !owner.isWaiting || turn !== this.turn) return;
      this.isProven = isProven;
      if (isProven) owner.goOn();
      else owner.denied(unproven);
    });
    return false;
  }

  /** What comes next is asked for later than what was proven. */
  ended(): void {
    this.isProven = false;
    this.turn++;
  }
}

function isBeginning(server: ServerConnection | null): boolean {
  if (!server) return true;
  return server.status === transactionStatus.idle && server.outstanding === 0 && !server.expected.needsSync;
}

const unproven: PostgresError = {
  severity: 'ERROR',
  sqlState: '57P03',
  message: 'no majority of the cluster has confirmed who is primary, as strong consistency asks for',
};
