import {
  arm,
  beginKill,
  type DeadlineState,
  disarm,
  disarmed,
  isKillDue,
  untilKillMs,
} from '../../failover/reaper/deadline.ts';
import type { PostgresServer } from './postgres-server.ts';
import type { Thread } from './thread.ts';
import type { World } from './world.ts';

/** From SIGKILL to the end of the last process. */
export const killMaxMs = 300;

/** The reaper's decisions (the production ones) over the model of a server: PostgreSQL's parent, with a deadline. */
export class ModelReaper {
  /** A planted bug: sleeps through every deadline. */
  isAsleep = false;
  private state: DeadlineState = disarmed;
  private readonly world: World;
  private readonly thread: Thread;
  private readonly server: PostgresServer;
  private readonly killAheadMs: number;

  constructor(parts: { world: World; thread: Thread; server: PostgresServer; killAheadMs: number }) {
    this.world = parts.world;
    this.thread = parts.thread;
    this.server = parts.server;
    this.killAheadMs = parts.killAheadMs;
  }

  arm(deadlineMs: number): boolean {
    const { state, answer } = arm(this.state, deadlineMs, this.moment());
    if (state.kind === 'killing' && this.state.kind !== 'killing') this.killIfDue();
    else this.state = state;
    this.watch();
    return answer.ok;
  }

  /** How long PostgreSQL may still be primary, as the host's own clock counts; null without a lease. */
  remainingMs(): number | null {
    return this.state.kind === 'armed' ? this.state.deadlineMs - this.thread.monotonicMs() : null;
  }

  disarm(): void {
    this.state = disarm(this.state, this.server.role !== 'down').state;
  }

  /** At the daemon's word, not at the deadline. */
  kill(why: string): void {
    this.state = beginKill(this.state);
    this.world.note(`${this.server.name}: reaper kills PostgreSQL: ${why}`);
    void this.server.kill(this.world.between(5, killMaxMs)).then(() => {
      if (!this.thread.isDead) this.state = disarmed;
    });
  }

  private watch(): void {
    const waitMs = untilKillMs(this.state, this.moment());
    if (waitMs === null) return;
    this.thread.after(waitMs, () => this.killIfDue());
  }

  private killIfDue(): void {
    if (!this.isAsleep && isKillDue(this.state, this.moment())) this.kill('the deadline nears');
  }

  private moment() {
    return { nowMs: this.thread.monotonicMs(), killAheadMs: this.killAheadMs };
  }
}
