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
  /** Its client waits, whether it has a server or not. */
  isHolding = false;

  constructor(owner: ReignCheckOwner) {
    this.owner = owner;
  }

  /** @returns whether a statement may begin; else the same message comes again */
  mayPass(server: ServerConnection | null): boolean {
    const { context } = this.owner;
    // PAUSE holds who waits for a server in the pools, and here who has one.
    if (server !== null && context.isPaused() && isBeginning(server))
      return this.wait(context.resumed(), paused);
    if (this.isProven || !context.isStrong() || !isBeginning(server)) return true;
    return this.wait(context.proveReign(), unproven);
  }

  private wait(answer: Promise<boolean>, refusal: PostgresError): false {
    const { owner } = this;
    this.turn++;
    const { turn } = this;
    this.isHolding = true;
    owner.hold();
    void answer.then((isFulfilled) => {
      // Meanwhile it was cancelled, or has gone.
      if (owner.isClosed || !owner.isWaiting || turn !== this.turn) return;
      this.isHolding = false;
      this.isProven = isFulfilled && refusal === unproven;
      if (isFulfilled) owner.goOn();
      else owner.denied(refusal);
    });
    return false;
  }

  /** What comes next is asked for later than what was proven. */
  ended(): void {
    this.isProven = this.isHolding = false;
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

const paused: PostgresError = {
  severity: 'ERROR',
  sqlState: '57P03',
  message: 'the database is paused (RESUME on the router ends that)',
};
