import type { Member } from '../contract/cluster-state.ts';
import { upstreamSetFor } from '../replication/apart.ts';
import { type Clock, systemClock } from '../shared/clock.ts';
import { messageOf } from '../shared/errors.ts';
import { NowAndThen } from '../shared/now-and-then.ts';
import type { NodeAgentOptions } from './agent-options.ts';
import { CascadeWatch, troubleWith } from './cascade-watch.ts';
import type { Desire, Upstream } from './desire.ts';
import { cascadeUpstream } from './standby-kind.ts';

type Follow = Extract<Desire, { kind: 'follow' }>;
type CascadeOptions = Pick<NodeAgentOptions, 'self' | 'database' | 'peers' | 'state' | 'logger' | 'clock'> & {
  note(event: { severity: 'info' | 'warning'; event: string; message: string }): void;
};

const everyMs = 1000;
/** A busy host answers late, and that says nothing about its PostgreSQL. */
const askDeadlineMs = 3000;

/**
 * From whom this standby streams now: the primary, or the standby that was agreed on while that one streams well. Asks
 * beside the agent's queue, not in it: whoever does not answer must not keep this node from anything.
 */
export class Cascade {
  private readonly options: CascadeOptions;
  private readonly clock: Clock;
  private watched: { upstream: string; watch: CascadeWatch } | null = null;
  private readonly beat: NowAndThen;

  constructor(options: CascadeOptions) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
    const onError = (error: unknown) =>
      options.logger.warn({ error: messageOf(error) }, 'the upstream was not looked at');
    this.beat = new NowAndThen({ everyMs, clock: this.clock, onError });
  }

  /** Called often; asks how the upstream does once a second. */
  source(desire: Follow): Upstream {
    const state = this.options.state();
    const upstream = state && cascadeUpstream(state, this.options.self);
    if (!upstream) {
      this.leave(desire);
      return desire.upstream;
    }
    const nowMs = this.clock.monotonicMs();
    if (this.watched?.upstream !== upstream.name) {
      // A daemon that has just come up finds PostgreSQL where its predecessor left it.
      const from = this.isFedBy(upstream) ? 'upstream' : 'primary';
      this.watched = { upstream: upstream.name, watch: new CascadeWatch(from, nowMs) };
    }
    const { watch } = this.watched;
    if (desire.isOpen) this.beat.run(() => this.look(desire, upstream, watch));
    return watch.source === 'upstream' ? upstream : desire.upstream;
  }

  /** Its upstream is none any more, by what the cluster has agreed on. */
  private leave({ upstream: primary }: Follow): void {
    const was = this.watched?.watch.source === 'upstream' ? this.watched.upstream : null;
    this.watched = null;
    const { self } = this.options;
    const member = this.options.state()?.members[self];
    if (was === null || upstreamSetFor(member) !== was) return;
    const message =
      was === primary.name
        ? `${self} streams from ${was} as before, which is the primary now.`
        : `${self} streams from the primary ${primary.name} for now: its upstream ${was} is not to be used.`;
    this.options.note({ severity: 'info', event: 'cascade', message });
  }

  private isFedBy({ addresses: { postgres } }: Member): boolean {
    const sender = this.options.database.observation()?.sender;
    return sender != null && sender.host === postgres?.host && sender.port === postgres.port;
  }

  private async look(desire: Follow, upstream: Member, watch: CascadeWatch): Promise<void> {
    const { database, self } = this.options;
    const ask = (member: Upstream) =>
      this.options.peers
        .call(member, 'report', { input: {}, deadlineMs: askDeadlineMs })
        .catch((error: unknown) => {
          this.options.logger.debug({ peer: member.name, error: messageOf(error) }, 'no report');
          return null;
        });
    const [theirs, primarys] = await Promise.all([ask(upstream), ask(desire.upstream)]);
    const seen = database.observation();
    const isStreaming =
      seen?.receiverStatus === 'streaming' && seen.timeline === desire.timeline && this.isFedBy(upstream);
    const own = watch.source === 'upstream' ? { isStreaming } : null;
    const { epoch, timeline } = desire;
    const trouble = troubleWith({ epoch, timeline, upstream: theirs, primary: primarys, own });
    if (!watch.observe(trouble, this.clock.monotonicMs())) return;
    const message =
      watch.source === 'upstream'
        ? `${self} streams from ${upstream.name} now.`
        : `${self} streams from the primary ${desire.upstream.name} for now, not from ${upstream.name}: ${trouble?.why ?? 'unknown'}.`;
    const severity = watch.source === 'upstream' ? 'info' : 'warning';
    this.options.note({ severity, event: 'cascade', message });
  }
}
