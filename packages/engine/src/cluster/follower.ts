import type { ClusterState, Member } from '../contract/cluster-state.ts';
import { QuantaError } from '../shared/errors.ts';
import type { Activity, NodeAgentOptions } from './agent-options.ts';
import type { CloneProgress, UpstreamNode } from './database.ts';
import type { Desire } from './desire.ts';

type FollowerOptions = NodeAgentOptions & { show(activity: Activity): void };

/** The standby's half of the agent: hold still, follow a primary, or start over from a clone. */
export class Follower {
  private readonly options: FollowerOptions;
  /** Whom PostgreSQL was last told to stream from, and in which epoch; null when told to stream from nobody. */
  private following: { name: string; epoch: number } | null = null;
  cloneProgress: CloneProgress | null = null;

  constructor(options: FollowerOptions) {
    this.options = options;
  }

  /** PostgreSQL was told to stream from nobody. */
  sealed(): void {
    this.following = null;
  }

  async hold(why: string): Promise<void> {
    const { database, show } = this.options;
    if (!(await database.isInitialised())) {
      show({ state: 'waiting', detail: `it holds no data yet; ${why}` });
      return;
    }
    if (await database.isPrimary()) await database.kill(why);
    if (!(await database.isRunning())) {
      show({ state: 'starting', detail: why });
      await database.startStandby({ upstream: null, clients: 'closed' });
      this.following = null;
    }
    if (this.following) {
      await database.setUpstream(null);
      this.following = null;
    }
    show({ state: 'waiting', detail: why });
  }

  async follow(desire: Extract<Desire, { kind: 'follow' }>, signal: AbortSignal): Promise<void> {
    const { database } = this.options;
    if (!(await database.isInitialised())) return this.clone(desire, signal);
    await this.refuseForeignData();
    if (await database.isPrimary())
      await database.kill(`${desire.upstream.name} is primary of epoch ${desire.epoch}`);
    const isRunning = await database.isRunning();
    if (isRunning && this.following?.name === desire.upstream.name && this.following.epoch === desire.epoch)
      return;
    const proof = await this.prove(desire, isRunning);
    if (proof === 'wait') return;
    if (proof === 'diverged') return this.clone(desire, signal);
    await this.attach(desire, isRunning);
  }

  private async attach(desire: Extract<Desire, { kind: 'follow' }>, isRunning: boolean): Promise<void> {
    const { database, show } = this.options;
    const upstream = upstreamOf(desire.upstream);
    if (isRunning) {
      await database.setUpstream(upstream);
      await database.setClients('open');
    } else {
      show({ state: 'starting', detail: `recovering, then streaming from ${upstream.name}` });
      await database.startStandby({ upstream, clients: 'open' });
    }
    if (desire.isOpen) await database.dropSlotsExcept([]);
    this.following = { name: upstream.name, epoch: desire.epoch };
    show({ state: 'catching-up', detail: '' });
  }

  /**
   * WAL may only be continued when what is there is part of the new primary's history. Before the new primary has
   * recorded where its timeline begins, only the votes tell: a node that holds no more than the candidate is safe.
   */
  private async prove(
    desire: Extract<Desire, { kind: 'follow' }>,
    isRunning: boolean,
  ): Promise<'contained' | 'diverged' | 'wait'> {
    const { database, self, show } = this.options;
    const state = this.options.state();
    if (!state) return 'wait';
    if (!desire.isOpen) {
      const isSafe = isRunning && holdsNoMoreThanCandidate(state, self, desire.upstream.name);
      if (!isSafe)
        show({
          state: 'waiting',
          detail: `${desire.upstream.name} has not opened epoch ${desire.epoch} yet`,
        });
      return isSafe ? 'contained' : 'wait';
    }
    const position = isRunning ? await database.position() : await database.exactEndOfWal();
    const verdict = database.judge(position, desire.timeline, state.timelines);
    if (verdict.kind === 'contained') return 'contained';
    // An unknown timeline was opened by a reign that the cluster never built on: nothing on it was acknowledged.
    this.options.logger.warn({ position, verdict }, 'local WAL left the history of the cluster');
    return 'diverged';
  }

  private async clone(desire: Extract<Desire, { kind: 'follow' }>, signal: AbortSignal): Promise<void> {
    const { database, peers, self, show, logger } = this.options;
    const state = this.options.state();
    if (!state || !desire.isOpen) {
      show({
        state: 'waiting',
        detail: `${desire.upstream.name} must be open before its data can be cloned`,
      });
      return;
    }
    show({ state: 'cloning', detail: `from ${desire.upstream.name}` });
    this.cloneProgress = { doneBytes: 0, totalBytes: null };
    try {
      if (await database.isRunning()) await database.stopFast(10_000);
      const input = { clusterId: state.clusterId, node: self };
      const prepared = await peers.call(desire.upstream, 'prepare-clone', { input, deadlineMs: 5000 });
      if (!prepared.ok)
        throw new QuantaError('REFUSED', `${desire.upstream.name} refused the clone: ${prepared.reason}`);
      const onProgress = (progress: CloneProgress) => {
        this.cloneProgress = progress;
      };
      await database.clone(upstreamOf(desire.upstream), { onProgress, signal });
      logger.info({ from: desire.upstream.name }, 'clone complete');
    } finally {
      this.cloneProgress = null;
    }
    await this.attach(desire, false);
  }

  private async refuseForeignData(): Promise<void> {
    const expected = this.options.state()?.systemIdentifier;
    const found = await this.options.database.systemIdentifier();
    if (!expected || expected === found) return;
    throw new QuantaError(
      'REFUSED',
      `the data directory belongs to another PostgreSQL system (${found}, not ${expected})`,
      {
        hint: 'Move it away by hand if it is not needed; QuantaDB never overwrites data of another system.',
      },
    );
  }
}

function holdsNoMoreThanCandidate(state: ClusterState, self: string, candidate: string): boolean {
  const failover = state.failover;
  if (failover?.candidate !== candidate) return false;
  const own = failover.votes.find((vote) => vote.ok && vote.node === self);
  // The election chose the highest position among those that could be promoted, so none of them is ahead of it.
  return own?.ok === true && own.promotable;
}

function upstreamOf(member: Member): UpstreamNode {
  const address = member.addresses.postgres;
  if (!address)
    throw new QuantaError('INVARIANT_BROKEN', `${member.name} is primary but has no PostgreSQL address`);
  return { name: member.name, host: address.host, port: address.port };
}
