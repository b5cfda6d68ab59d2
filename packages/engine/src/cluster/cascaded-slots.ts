import type { ClusterState, Member } from '../contract/cluster-state.ts';
import { slotNameOf } from '../postgres/layout.ts';
import { upstreamSetFor } from '../replication/apart.ts';
import { messageOf } from '../shared/errors.ts';
import { NowAndThen } from '../shared/now-and-then.ts';
import type { NodeAgentOptions } from './agent-options.ts';

type SlotOptions = Pick<NodeAgentOptions, 'self' | 'database' | 'peers' | 'logger' | 'clock'>;

const everyMs = 5000;
const askDeadlineMs = 800;

/**
 * The primary's slot of a member that streams from another standby is used by nobody. It is moved to what that member
 * holds, as if it were: else it would keep WAL without end here, and on every standby, whose slots follow these.
 */
export class CascadedSlots {
  private readonly options: SlotOptions;
  private readonly beat: NowAndThen;

  constructor(options: SlotOptions) {
    this.options = options;
    const { logger, clock } = options;
    const onError = (error: unknown) =>
      logger.warn({ error: messageOf(error) }, 'slots of cascading nodes were not moved');
    this.beat = new NowAndThen({ everyMs, clock, onError });
  }

  /** Called often; asks now and then. */
  keep(state: ClusterState): void {
    const fed = Object.values(state.members).filter((member) => upstreamSetFor(member) !== null);
    if (fed.length > 0) this.beat.run(() => Promise.all(fed.map((member) => this.follow(state, member))));
  }

  private async follow({ reign }: ClusterState, member: Member): Promise<void> {
    const { database, peers, logger, self } = this.options;
    try {
      const report = await peers.call(member, 'report', { input: {}, deadlineMs: askDeadlineMs });
      // What it holds of another timeline may yet be taken back.
      const isOfReign = report.epoch === reign.epoch && report.timeline === reign.timeline;
      const isElsewhere = report.streamsFrom !== null && report.streamsFrom !== self;
      if (isOfReign && isElsewhere && report.lsn !== null)
        await database.mirror?.advance(slotNameOf(member.name), report.lsn);
    } catch (error) {
      logger.debug({ peer: member.name, error: messageOf(error) }, 'its slot was not moved');
    }
  }
}
