import type { ClusterState } from '../contract/cluster-state.ts';
import { type Clock, systemClock } from '../shared/clock.ts';
import { messageOf } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import type { Database } from './database.ts';
import type { Upstream } from './desire.ts';
import { dataMembers } from './membership.ts';
import type { Peers } from './peer-protocol.ts';

interface SlotFollowerOptions {
  self: string;
  database: Database;
  peers: Peers;
  state(): ClusterState | null;
  logger: Logger;
  clock?: Clock;
}

const everyMs = 5000;
const keepEveryMs = 2000;
const askDeadlineMs = 3000;

/**
 * A standby's slots follow those of its primary. Beside the agent's queue, not in it: a primary that does not answer must not keep this node
 * from being sealed.
 */
export class SlotFollower {
  private readonly options: SlotFollowerOptions;
  private readonly clock: Clock;
  private nextAtMs = 0;
  private keepAtMs = 0;
  private isBusy = false;
  private complained = '';

  constructor(options: SlotFollowerOptions) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
  }

  /** Called often; looks now and then. */
  keep(primary: Upstream): void {
    const { mirror } = this.options.database;
    const nowMs = this.clock.monotonicMs();
    if (!mirror || this.isBusy || nowMs < this.nextAtMs) return;
    this.isBusy = true;
    this.nextAtMs = nowMs + everyMs;
    void this.follow(mirror, primary).finally(() => {
      this.isBusy = false;
    });
  }

  /** The leader of a standby cluster keeps WAL for those who stream from it. */
  async keepForOthers(): Promise<void> {
    const { database, self } = this.options;
    const nowMs = this.clock.monotonicMs();
    if (nowMs < this.keepAtMs) return;
    this.keepAtMs = nowMs + keepEveryMs;
    const state = this.options.state();
    const others = state ? dataMembers(state).flatMap(({ name }) => (name === self ? [] : [name])) : [];
    await database.ensureSlots(others);
    await database.dropSlotsExcept(others);
  }

  private async follow(mirror: NonNullable<Database['mirror']>, primary: Upstream): Promise<void> {
    const { peers, logger } = this.options;
    const input = { clusterId: this.options.state()?.clusterId ?? '' };
    const answer = await peers
      .call(primary, 'kept-slots', { input, deadlineMs: askDeadlineMs })
      .catch((error: unknown) => {
        logger.debug({ error: messageOf(error) }, 'the primary did not say what it keeps WAL for');
        return null;
      });
    // Whoever is no primary (yet, or any more) has no slots to go by.
    if (!answer?.slots) return;
    const problems = await mirror.follow(answer.slots).then(
      (followed) => followed.problems.join('; '),
      (error: unknown) => messageOf(error),
    );
    this.complain(problems);
  }

  private complain(problems: string): void {
    if (problems === this.complained) return;
    this.complained = problems;
    if (problems !== '') this.options.logger.warn({ problems }, 'slots could not be made like the primary’s');
  }
}
