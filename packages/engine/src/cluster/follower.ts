import type { WalPosition } from '../contract/cluster-state.ts';
import { isSuperseding } from '../failover/round.ts';
import { compareLsn } from '../postgres/lsn.ts';
import { forkPointOf } from '../postgres/timeline-history.ts';
import { isApart } from '../replication/apart.ts';
import { type Clock, systemClock } from '../shared/clock.ts';
import { QuantaError } from '../shared/errors.ts';
import type { Activity, NodeAgentOptions } from './agent-options.ts';
import { Cascade } from './cascade.ts';
import type { CopyProgress } from './database.ts';
import type { Desire, Upstream } from './desire.ts';
import { holdsNoMoreThanCandidate } from './early-proof.ts';
import { Rejoin, upstreamAt, upstreamOf } from './rejoin.ts';
import { ReplayMover } from './replay-mover.ts';
import { SlotFollower } from './slot-follower.ts';
import { applyDelayFor } from './standby-kind.ts';

type FollowerOptions = NodeAgentOptions & { show(activity: Activity): void };
type Follow = Extract<Desire, { kind: 'follow' }>;
type Proof =
  /** `end`: of local WAL; null when only the votes tell. */
  | { kind: 'contained'; end: WalPosition | null }
  | { kind: 'diverged'; forkLsn: string | null }
  | { kind: 'wait' };

/** A standby that does not stream is asked this often whether its WAL is still part of the history. */
const proveEveryMs = 2000;
/** One that is held back has much WAL to read for that. */
const proveDelayedEveryMs = 60_000;
/** What is observed is no older. */
const observedWithinMs = 2000;
/** A standby that could follow and has not streamed for so long is looked at: its server may look for a dead timeline. */
const strayAfterMs = 5000;
const stopDeadlineMs = 10_000;
/** A standby that has not streamed for so long asks whether the WAL it waits for is still there. */
const starvedAfterMs = 10_000;

interface Following {
  /** The primary, and whom PostgreSQL streams from: that, or another standby. */
  name: string;
  source: string;
  epoch: number;
  isProven: boolean;
  provenAtMs: number;
  /** Since when this reign's primary is open and PostgreSQL told to stream from it. */
  sinceMs: number;
  hasStreamed: boolean;
}

/** The standby's half of the agent: hold still, follow a primary, or get back into its history first. */
export class Follower {
  private readonly options: FollowerOptions;
  private readonly rejoin: Rejoin;
  private readonly slots: SlotFollower;
  private readonly cascade: Cascade;
  private readonly replay: ReplayMover;
  /** Whom PostgreSQL was last told to stream from, and in which epoch; null when told to stream from nobody. */
  private following: Following | null = null;
  /** Since when it has not streamed from a primary that is open, and when to ask next whether that still can be. */
  private unfed: { sinceMs: number; askAtMs: number } | null = null;
  /** When a WAL receiver was last seen. */
  private receiverAtMs = 0;
  private readonly clock: Clock;

  constructor(options: FollowerOptions) {
    this.options = options;
    this.rejoin = new Rejoin(options);
    const note: Rejoin['note'] = (event) => this.rejoin.note(event);
    this.slots = new SlotFollower({ ...options, note });
    this.cascade = new Cascade({ ...options, note });
    this.replay = new ReplayMover({ ...options, note });
    this.clock = options.clock ?? systemClock;
  }

  /** Of the clone or rewind under way. */
  get copyProgress(): CopyProgress | null {
    return this.rejoin.progress;
  }

  /** PostgreSQL was told to stream from nobody. */
  sealed(): void {
    this.following = null;
  }

  async hold(why: string, signal: AbortSignal): Promise<void> {
    const { database, show } = this.options;
    if (!(await database.isInitialised())) {
      show({ state: 'waiting', detail: `it holds no data yet; ${why}` });
      return;
    }
    if (await database.isPrimary()) await database.kill(why);
    if (!(await database.isRunning())) {
      show({ state: 'starting', detail: why });
      const clients = (await this.isPartOfReign()) ? 'open' : 'closed';
      await database.startStandby({ upstream: null, clients, signal });
      this.following = null;
    }
    if (this.following) {
      await database.setUpstream(null);
      this.following = null;
    }
    show({ state: 'waiting', detail: why });
  }

  /** A standby that restarts between two reigns may be read as before, if its WAL lies within the last one. */
  private async isPartOfReign(): Promise<boolean> {
    const { database, self } = this.options;
    const state = this.options.state();
    if (!state || state.reign.primary === null || state.reign.primary === self) return false;
    const { timelines, reign } = state;
    const isRecorded = timelines.some((each) => each.id === reign.timeline && each.status === 'recorded');
    if (!isRecorded) return false;
    return database.judge(await database.exactEndOfWal(), reign.timeline, timelines).kind === 'contained';
  }

  async follow(desire: Follow, signal: AbortSignal): Promise<void> {
    const { database } = this.options;
    if (!(await database.isInitialised())) return this.clone(desire, signal);
    await this.refuseForeignData();
    if (await database.isPrimary())
      await database.kill(`${desire.upstream.name} is primary of epoch ${desire.epoch}`);
    const isRunning = await database.isRunning();
    if (isRunning && isSuperseding(this.options.state()?.failover ?? null, desire.epoch)) return;
    const source = this.cascade.source(desire);
    if (isRunning && this.isFollowing(desire, source)) {
      if (desire.source) await this.slots.keepForOthers();
      else if (desire.isOpen) this.slots.keep(desire.upstream, desire.timeline);
      if (desire.isOpen && this.slots.mayRestart()) return this.restartForSlots(desire, source, signal);
      // Nobody waits for one that is late on purpose, and whoever has paused it wants it so.
      return this.isDelayed() ? undefined : this.replay.keepMoving(desire.upstream.name);
    }
    const proof = await this.prove(desire, isRunning);
    if (proof.kind === 'contained') {
      if (isRunning && (await this.isStarved(desire)))
        return this.startOver(`${desire.upstream.name} no longer has the WAL it needs`);
      const torn = await this.tornAt(proof.end, desire);
      const mustRestart = isRunning && (torn !== null || (await this.isStray(desire)));
      if (mustRestart) await database.stopFast(stopDeadlineMs);
      if (torn) await database.torn?.erase(torn);
      return this.attach(desire, { source, isRunning: isRunning && !mustRestart, signal });
    }
    if (proof.kind === 'wait') return;
    if (!this.mayRewind(desire)) this.rejoin.willStartOver('its WAL had left the history of the source');
    else if (await this.rejoin.rewind(desire, proof.forkLsn, signal))
      return this.attachRewound(desire, signal);
    await this.clone(desire, signal);
  }

  /** Only to a primary: a node that streams from the leader of a standby cluster starts over from a clone. */
  private mayRewind(desire: Follow): boolean {
    return !this.options.state()?.source || desire.source !== undefined;
  }

  /** PostgreSQL takes copies of logical slots only when it starts. */
  private async restartForSlots(desire: Follow, source: Upstream, signal: AbortSignal): Promise<void> {
    await this.options.database.stopFast(stopDeadlineMs);
    await this.attach(desire, { source, isRunning: false, signal });
  }

  /** Of a standby, cleanly. */
  async stop(why: string): Promise<void> {
    await this.refuseIfPrimary();
    this.options.show({ state: 'stopped', detail: why });
    await this.options.database.stopFast(stopDeadlineMs);
    this.following = null;
  }

  /** Durably: from now on only a clone makes this node a standby again. */
  async startOver(why: string, { isAsked = false } = {}): Promise<void> {
    await this.stop('its data is given up');
    await this.rejoin.giveUp(why, isAsked);
  }

  private async refuseIfPrimary(): Promise<void> {
    const { self, database } = this.options;
    const isReigning = this.options.state()?.reign.primary === self;
    if (!isReigning && !(await database.isPrimary())) return;
    throw new QuantaError('REFUSED', `${self} is the primary`, { hint: 'Switch over first.' });
  }

  private async attachRewound(desire: Follow, signal: AbortSignal): Promise<void> {
    const proof = await this.prove(desire, true);
    const { upstream: source } = desire;
    if (proof.kind === 'contained') return this.attach(desire, { source, isRunning: true, signal });
    // It streams already, from somebody whom nothing proves right any more.
    await this.options.database.setUpstream(null);
  }

  /** What was let through on the word of votes is proven anew once the primary has recorded its timeline. */
  private isFollowing(desire: Follow, source: Upstream): boolean {
    const { following } = this;
    if (following?.name !== desire.upstream.name || following.epoch !== desire.epoch) return false;
    if (following.source !== source.name) return false;
    if (!desire.isOpen) return true;
    // WAL of the old primary may have come in until the very change of upstream: what does not stream is proven anew.
    const isStreaming = this.isStreaming(desire);
    this.unfed = isStreaming ? null : (this.unfed ?? { sinceMs: this.clock.monotonicMs(), askAtMs: 0 });
    if (isStreaming && following.isProven) following.hasStreamed = true;
    const isStale = this.clock.monotonicMs() - following.provenAtMs > this.proveAfterMs(following);
    return following.isProven && (isStreaming || !isStale);
  }

  /** A cascading upstream, or the former one that a delayed standby is still connected to, may be on another timeline. */
  private isStreaming(desire: Follow): boolean {
    const { database, self } = this.options;
    const seen = database.observation();
    if (seen?.receiverStatus != null) this.receiverAtMs = this.clock.monotonicMs();
    if (seen?.receiverStatus !== 'streaming') return false;
    return seen.timeline === desire.timeline || !isApart(this.options.state()?.members[self]);
  }

  /**
   * PostgreSQL starts no WAL receiver before it has replayed what it holds, so a delayed standby whose receiver has ended
   * stays as it was proven for as long as it is held back.
   */
  private proveAfterMs({ provenAtMs }: Following): number {
    if (!this.isHeldBack()) return proveEveryMs;
    const isStill = provenAtMs - this.receiverAtMs > observedWithinMs;
    return isStill ? Number.POSITIVE_INFINITY : proveDelayedEveryMs;
  }

  private isDelayed(): boolean {
    return applyDelayFor(this.options.state(), this.options.self) > 0;
  }

  private isHeldBack(): boolean {
    return this.isDelayed() && this.options.database.observation()?.isHeldBack === true;
  }

  /**
   * A running standby chooses its timeline when it starts, and again when it meets a newer one. Once it has chosen one
   * that the cluster never built on (its primary died as it opened) it never looks back, though none of that timeline's
   * WAL has come in: "new timeline is not a child of database system timeline". A restart chooses anew.
   */
  private async isStray(desire: Follow): Promise<boolean> {
    const { following, clock } = this;
    const { database, logger } = this.options;
    if (following?.name !== desire.upstream.name || following.epoch !== desire.epoch) return false;
    if (!following.isProven || following.hasStreamed) return false;
    if (clock.monotonicMs() - following.sinceMs < strayAfterMs) return false;
    const timelines = this.options.state()?.timelines ?? [];
    const stray = await database.strayTimelines(desire.timeline, timelines);
    if (stray.length === 0) return false;
    logger.warn(
      { stray, timeline: desire.timeline },
      'PostgreSQL looks for a timeline that is no more: restart',
    );
    return true;
  }

  /** Where this node's WAL ends, if that is where the primary's timeline begins and a part of a record is in the way there. */
  private async tornAt(end: WalPosition | null, desire: Follow): Promise<WalPosition | null> {
    const { database, logger } = this.options;
    const timelines = this.options.state()?.timelines ?? [];
    const forkLsn = end && forkPointOf(end.timeline, { current: desire.timeline, timelines });
    if (!database.torn || !end || !forkLsn || compareLsn(forkLsn, end.lsn) !== 0) return null;
    if (!(await database.torn.reachesOver(end))) return null;
    logger.warn(
      { end },
      'a record was cut off here by the failover, and reaches into the next segment: restart',
    );
    return end;
  }

  /**
   * It stood still or was away for so long that the primary has removed the WAL that comes next (`max_slot_wal_keep_size`): it would
   * ask for ever. Only the primary of this reign can tell.
   */
  private async isStarved(desire: Follow): Promise<boolean> {
    const { database, peers } = this.options;
    const nowMs = this.clock.monotonicMs();
    const since = this.unfed?.sinceMs ?? nowMs;
    // It asks for nothing yet, and what it holds back is worth keeping until it has been replayed.
    if (this.isHeldBack()) return false;
    if (!desire.isOpen || !this.unfed || nowMs - since < starvedAfterMs || nowMs < this.unfed.askAtMs)
      return false;
    this.unfed.askAtMs = nowMs + starvedAfterMs;
    const { lsn } = await database.position();
    const input = { clusterId: desire.source?.clusterId ?? this.options.state()?.clusterId ?? '', lsn };
    const answer = await peers
      .call(desire.upstream, 'holds-wal', { input, deadlineMs: 5000 })
      .catch(() => null);
    return answer?.holds === false;
  }

  private async attach(
    desire: Follow,
    { source, isRunning, signal }: { source: Upstream; isRunning: boolean; signal: AbortSignal },
  ): Promise<void> {
    const { database, lastPosition, seal, show } = this.options;
    const upstream = source === desire.upstream ? upstreamOf(desire) : upstreamAt(source);
    await lastPosition.forget();
    if (isRunning) {
      await database.setUpstream(upstream);
      await database.setClients('open');
    } else {
      show({ state: 'starting', detail: `recovering, then streaming from ${upstream.name}` });
      // A vote may have been given from memory while the data was copied: nothing older is acknowledged after it.
      if (seal.epoch() > desire.epoch) return;
      await this.slots.install(desire.timeline);
      await database.startStandby({ upstream, clients: 'open', signal });
    }
    // Nobody would move them along.
    if (desire.isOpen && !database.mirror) await database.dropSlotsExcept([]);
    const nowMs = this.clock.monotonicMs();
    const before = isRunning && this.following?.isProven ? this.following : null;
    const { name } = desire.upstream;
    const isSame = before?.name === name && before.source === upstream.name && before.epoch === desire.epoch;
    this.following = {
      ...{ name, source: upstream.name, epoch: desire.epoch },
      ...{ isProven: desire.isOpen, provenAtMs: nowMs },
      ...{ sinceMs: isSame ? before.sinceMs : nowMs, hasStreamed: isSame && before.hasStreamed },
    };
    show({ state: 'catching-up', detail: '' });
  }

  /**
   * WAL may only be continued when what is there is part of the new primary's history. Before the new primary has
   * recorded where its timeline begins, only the votes tell: a node that holds no more than the candidate is safe.
   */
  private async prove(desire: Follow, isRunning: boolean): Promise<Proof> {
    const { database, self, show } = this.options;
    const state = this.options.state();
    if (!state) return { kind: 'wait' };
    if (!desire.isOpen) {
      const isSafe = isRunning && holdsNoMoreThanCandidate(state, self, desire.upstream.name);
      if (!isSafe)
        show({
          state: 'waiting',
          detail: `${desire.upstream.name} has not opened epoch ${desire.epoch} yet`,
        });
      return isSafe ? { kind: 'contained', end: null } : { kind: 'wait' };
    }
    const position = isRunning ? await database.position() : await database.exactEndOfWal();
    const verdict = database.judge(position, desire.timeline, state.timelines);
    if (verdict.kind === 'contained') return { kind: 'contained', end: position };
    // News of the source come a little later than its WAL.
    const isNew = state.source && state.timelines.every(({ id }) => id < position.timeline);
    if (isNew) {
      show({
        state: 'waiting',
        detail: `timeline ${position.timeline} of ${state.source?.name} is not known yet`,
      });
      return { kind: 'wait' };
    }
    // An unknown timeline was opened by a reign that the cluster never built on: nothing on it was acknowledged.
    this.options.logger.warn({ position, verdict }, 'local WAL left the history of the cluster');
    return { kind: 'diverged', forkLsn: verdict.kind === 'diverged' ? verdict.forkLsn : null };
  }

  private async clone(desire: Follow, signal: AbortSignal): Promise<void> {
    if (!desire.isOpen) {
      const detail = `${desire.upstream.name} must be open before its data can be cloned`;
      return this.options.show({ state: 'waiting', detail });
    }
    const reluctance = await this.whyNoCopy(desire);
    if (reluctance !== null) return this.options.show({ state: 'waiting', detail: reluctance });
    await this.rejoin.clone(desire, signal);
    await this.attach(desire, { source: desire.upstream, isRunning: false, signal });
  }

  /**
   * In a standby cluster nobody gives its data up before the leader is back in the source's history: one copy is there at
   * any time. Null: nothing speaks against a clone.
   */
  private async whyNoCopy({ source, upstream }: Follow): Promise<string | null> {
    const { peers, self } = this.options;
    const state = this.options.state();
    if (source || !state?.source) return null;
    const input = { clusterId: state.clusterId, node: self };
    const offered = await peers.call(upstream, 'prepare-clone', { input, deadlineMs: 5000 });
    return offered.ok ? null : `${upstream.name} does not stream from ${state.source.name} yet`;
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
