import type { ClusterState } from '../contract/cluster-state.ts';
import { isApart } from '../replication/apart.ts';
import type { LogicalSlot } from '../replication/logical-moves.ts';
import { type Clock, systemClock } from '../shared/clock.ts';
import { messageOf } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import { NowAndThen } from '../shared/now-and-then.ts';
import type { Database } from './database.ts';
import type { Upstream } from './desire.ts';
import { dataMembers } from './membership.ts';
import type { Peers } from './peer-protocol.ts';

interface SlotFollowerOptions {
  self: string;
  note(event: { severity: 'info'; event: string; message: string }): void;
  database: Database;
  peers: Peers;
  state(): ClusterState | null;
  logger: Logger;
  clock?: Clock;
}

const everyMs = 5000;
const keepEveryMs = 2000;
const askDeadlineMs = 3000;
/** Less than the primary keeps the turn for this node. */
const restartWithinMs = 5000;

type Mirror = NonNullable<Database['mirror']>;

/**
 * A standby's slots follow those of its primary. Beside the agent's queue, not in it: a primary that does not answer must not keep this node
 * from being sealed.
 */
export class SlotFollower {
  private readonly options: SlotFollowerOptions;
  private readonly clock: Clock;
  private readonly beat: NowAndThen;
  private keepAtMs = 0;
  private complained = '';
  private restartUntilMs = 0;

  constructor(options: SlotFollowerOptions) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
    const onError = (error: unknown) => this.complain(messageOf(error));
    this.beat = new NowAndThen({ everyMs, clock: this.clock, onError });
  }

  /** Called often; looks now and then. */
  keep(primary: Upstream, timeline: number): void {
    const { mirror } = this.options.database;
    if (mirror) this.beat.run(() => this.follow(mirror, primary, timeline));
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

  /** Once, within a few seconds after the primary has allowed it. */
  mayRestart(): boolean {
    const isAllowed = this.clock.monotonicMs() < this.restartUntilMs;
    this.restartUntilMs = 0;
    return isAllowed;
  }

  /** Of a stopped server, just before it starts. */
  async install(timeline: number): Promise<void> {
    const { database, self, note } = this.options;
    const made = (await database.mirror?.logical.install(timeline)) ?? [];
    if (made.length === 0) return;
    const message = `${self} has restarted to take a copy of the logical replication slots of the primary: ${made.join(', ')}.`;
    note({ severity: 'info', event: 'logical-slots-copied', message });
  }

  private async follow(mirror: Mirror, primary: Upstream, timeline: number): Promise<void> {
    const { peers, logger } = this.options;
    const before = await mirror.logical.look();
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
    if (!answer.logical) return;
    const { self } = this.options;
    // Nobody promotes one that cascades or is late, and the catalog rows of its slots would pile up on the primary.
    const offer = isApart(this.options.state()?.members[self])
      ? { slots: [], heldXmin: null }
      : answer.logical;
    const nowMs = this.clock.monotonicMs();
    const missing = await mirror.logical.follow({ before, offer, timeline, nowMs });
    const wanted = await mirror.logical.withWal(missing);
    if (wanted.length > 0) await this.fetch(mirror, primary, wanted);
  }

  private async fetch(mirror: Mirror, primary: Upstream, wanted: LogicalSlot[]): Promise<void> {
    const names = wanted.map(({ name }) => name);
    const input = { clusterId: this.options.state()?.clusterId ?? '', names };
    const answer = await this.options.peers.call(primary, 'copy-logical-slots', {
      input,
      deadlineMs: askDeadlineMs,
    });
    if (!answer.ok) return;
    mirror.logical.prepare(wanted, answer.states);
    const why = answer.whyNoRestart;
    for (const name of names) mirror.logical.tell(name, why ?? 'this node restarts once to take it');
    if (why === null) this.restartUntilMs = this.clock.monotonicMs() + restartWithinMs;
  }

  private complain(problems: string): void {
    if (problems === this.complained) return;
    this.complained = problems;
    if (problems !== '') this.options.logger.warn({ problems }, 'slots could not be made like the primary’s');
  }
}
