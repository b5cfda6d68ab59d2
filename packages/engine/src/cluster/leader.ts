import type { ClusterState, Failover } from '../contract/cluster-state.ts';
import { earlyStandbys } from '../failover/round.ts';
import { compareLsn } from '../postgres/lsn.ts';
import { confirmedLsn } from '../replication/confirmed.ts';
import { renderSynchronous } from '../replication/synchronous.ts';
import { type Clock, systemClock } from '../shared/clock.ts';
import { pollUntil } from '../shared/deadline.ts';
import { QuantaError } from '../shared/errors.ts';
import type { Activity, NodeAgentOptions } from './agent-options.ts';
import { CascadedSlots } from './cascaded-slots.ts';
import type { Database } from './database.ts';
import { DegradedReads } from './degraded-reads.ts';
import type { Desire } from './desire.ts';
import { dataMembers } from './membership.ts';

type LeaderOptions = NodeAgentOptions & { show(activity: Activity): void };
type Lead = Extract<Desire, { kind: 'lead' }>;
type Steps = Failover['steps'];

const recordDeadlineMs = 10_000;
const upkeepEveryMs = 1000;
const impostorsAgainMs = 3_600_000;
const impostorsMax = 20;

/**
 * The primary's half of the agent: take a granted reign over (PREPARE_SYNC → REPOINT → PROMOTE → RECORD_TIMELINE), and
 * keep a standing one. PostgreSQL is only ever promoted, or left primary, under a lease of the reign's epoch.
 */
export class Leader {
  private readonly options: LeaderOptions;
  private readonly clock: Clock;
  private readonly degradedReads: DegradedReads;
  private readonly cascaded: CascadedSlots;
  private upkeepAtMs = 0;
  private cancelledNoted = 0;
  /** When somebody was told of them, by what they call themselves: one that is ended comes back every few seconds. */
  private readonly impostorsNotedMs = new Map<string, number>();
  private lostSlots: ReadonlySet<string> = new Set();
  private appliedSet = '';
  /** A promotion whose timeline is not in the log yet: PostgreSQL must not be promoted twice. */
  private promoted: { epoch: number; timeline: number; forkLsn: string; steps: Steps } | null = null;

  constructor(options: LeaderOptions) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
    this.degradedReads = new DegradedReads(options);
    this.cascaded = new CascadedSlots(options);
  }

  async lead(desire: Lead, signal: AbortSignal): Promise<void> {
    const { database, lease } = this.options;
    if (!(await database.isInitialised())) {
      this.options.show({ state: 'waiting', detail: 'it is to be primary but holds no data' });
      return;
    }
    if (await database.isPrimary()) {
      lease.hold(desire.epoch, 'serving');
      if (desire.isRecorded) return this.keep(desire);
      if (this.promoted?.epoch === desire.epoch) return this.record(desire);
      // Promoted by a daemon that died before it could say so: the history file of the server still tells.
      return this.recordFromServer(desire);
    }
    if ((await database.isRunning()) && database.observation() === null) return this.waitForLook(desire);
    if (desire.isRecorded) return this.reportLoss(desire, 'PostgreSQL is not running', signal);
    if (await this.hasOpened(desire))
      return this.reportLoss(desire, 'PostgreSQL ended right after it was promoted', signal);
    await this.takeOver(desire, signal);
  }

  /**
   * A server that has not answered yet may be the primary: nothing is said of it before. Its reign lives by the lease that it
   * has; a candidate, which may still be recovering, lives by the patience of the decider.
   */
  private waitForLook({ epoch, isRecorded }: Lead): void {
    const { lease, show } = this.options;
    if (!isRecorded) lease.hold(epoch, 'taking-over');
    show({ state: 'waiting', detail: 'PostgreSQL runs and has not answered yet' });
  }

  /** A timeline is opened once: a server that ended on it before it was recorded cannot be promoted to it again. */
  private async hasOpened(desire: Lead): Promise<boolean> {
    const history = await this.options.database.history(desire.timeline);
    return history.some((entry) => entry.timeline === desire.timeline);
  }

  private async takeOver(desire: Lead, signal: AbortSignal): Promise<void> {
    const { database, lease, show } = this.options;
    const steps: Steps = [];
    this.appliedSet = '';
    const step = (state: Steps[number]['state'], detail: string) => {
      steps.push({ state, atMs: this.clock.wallMs(), detail });
      show({ state: 'promoting', detail });
    };
    show({ state: 'promoting', detail: `granted epoch ${desire.epoch}` });
    lease.hold(desire.epoch, 'taking-over');
    if (!(await database.isRunning())) await this.startForReign(signal);
    step('PREPARE_SYNC', 'The synchronous set and the replication slots are set before the first write.');
    await Promise.all([this.applySet(await this.stateNow(desire)), database.ensureSlots(this.others())]);
    step(
      'REPOINT',
      'The other standbys connect before the promotion, so that the first write is acknowledged at once.',
    );
    await this.waitForStandbys(signal);
    await this.waitForLease(desire, signal);
    step('PROMOTE', `PostgreSQL is promoted to timeline ${desire.timeline}.`);
    const state = await this.stateNow(desire);
    const parent = state.timelines.find(({ id }) => id === desire.timeline)?.parentId ?? null;
    if (database.mirror) await database.mirror.logical.dropUnready(parent);
    const { forkLsn } = await this.promote(desire, signal);
    // A restored reign may be taken back until it is recorded: nobody writes into it before.
    if (!state.restoring) await database.setClients('open');
    step('RECORD_TIMELINE', `Timeline ${desire.timeline} begins at ${forkLsn}.`);
    this.promoted = { epoch: desire.epoch, timeline: desire.timeline, forkLsn, steps };
    await this.record(desire);
  }

  /** A reaper that was told to let go for the start must hold a deadline again before anything is promoted. */
  private async startForReign(signal: AbortSignal): Promise<void> {
    try {
      await this.options.database.startStandby({ upstream: null, clients: 'closed', signal });
    } finally {
      this.options.lease.forgetDeadline();
    }
  }

  /**
   * A promotion that was triggered goes on when nobody waits for it any more, and would open a timeline after this node has
   * voted for somebody else: then PostgreSQL has to end.
   */
  private async promote({ timeline }: Lead, signal: AbortSignal): Promise<{ forkLsn: string }> {
    const { database, timing } = this.options;
    try {
      return await database.promote({ timeline, deadlineMs: timing.promoteDeadlineMs, signal });
    } catch (error) {
      const isBegun = !(error instanceof QuantaError && error.code === 'REFUSED');
      if (isBegun && !(await database.isPrimary()))
        await database.kill('its promotion did not come to an end');
      throw error;
    }
  }

  /** The grant may have been replaced while this node prepared; going on would open a second primary's timeline. */
  private async stateNow(desire: Lead): Promise<ClusterState> {
    const state = this.options.state();
    const isCurrent =
      state?.reign.epoch === desire.epoch &&
      state.reign.primary === this.options.self &&
      this.options.seal.epoch() <= desire.epoch;
    if (state && isCurrent) return state;
    throw new QuantaError('REFUSED', `epoch ${desire.epoch} has been replaced while it was being taken over`);
  }

  private async waitForStandbys(signal: AbortSignal): Promise<void> {
    const { database, timing } = this.options;
    const state = this.options.state();
    const set = state?.syncSet;
    const able = this.ableToConnect(state);
    const wanted = Math.min(set?.count ?? 0, able.length);
    if (!set || wanted === 0) return;
    const endMs = this.clock.monotonicMs() + timing.repointDeadlineMs;
    const connected = async () => {
      const names = await database.connectedStandbys();
      const enough = names.filter((name) => able.includes(name)).length >= wanted;
      return enough || this.clock.monotonicMs() >= endMs ? true : undefined;
    };
    await pollUntil(connected, {
      what: 'standbys repointed',
      timeoutMs: timing.repointDeadlineMs * 4,
      intervalMs: 10,
      clock: this.clock,
      signal,
    });
  }

  /** Of the synchronous set: who may stream from here before the timeline is recorded. */
  private ableToConnect(state: ClusterState | null): string[] {
    const standbys = state?.syncSet.standbys ?? [];
    const { failover } = state ?? {};
    if (!failover) return standbys;
    const early = earlyStandbys(failover.votes, this.options.self);
    return standbys.filter((name) => early.includes(name));
  }

  private async waitForLease(desire: Lead, signal: AbortSignal): Promise<void> {
    const { timing } = this.options;
    const held = async () => (this.remainingMs(desire) > timing.killAheadMs * 2 ? true : undefined);
    const what = `the lease of epoch ${desire.epoch}`;
    await pollUntil(held, {
      what,
      timeoutMs: timing.suspectAfterMs * 3,
      intervalMs: 5,
      clock: this.clock,
      signal,
    });
  }

  /** Of the lease; 0 without one. */
  private remainingMs({ epoch }: Lead): number {
    const deadline = this.options.lease.deadlineMs(epoch);
    return deadline === null ? 0 : deadline - this.clock.monotonicMs();
  }

  private async record(desire: Lead): Promise<void> {
    const { commander, self, logger, show } = this.options;
    const { promoted } = this;
    if (!promoted) return;
    const { epoch, timeline, forkLsn, steps } = promoted;
    const result = await commander.submit(
      { kind: 'record-timeline', epoch, timeline, forkLsn, node: self, steps },
      recordDeadlineMs,
    );
    if (!result.ok)
      throw new QuantaError('REFUSED', `timeline ${timeline} was not recorded: ${result.reason}`);
    this.promoted = null;
    this.upkeepAtMs = 0;
    logger.info({ epoch: desire.epoch, timeline, forkLsn }, 'primary and open for writes');
    show({ state: 'running', detail: '' });
  }

  private async recordFromServer(desire: Lead): Promise<void> {
    const { database } = this.options;
    const history = await database.history(desire.timeline);
    const fork = history.find((entry) => entry.timeline === desire.timeline);
    const position = await database.position();
    if (!fork || position.timeline !== desire.timeline) {
      await database.kill(
        `it is primary on timeline ${position.timeline}, but epoch ${desire.epoch} was granted ${desire.timeline}`,
      );
      return;
    }
    this.promoted = { epoch: desire.epoch, timeline: desire.timeline, forkLsn: fork.forkLsn, steps: [] };
    await this.record(desire);
  }

  /** Commits that nobody waited for in the end are outside of what is promised, and somebody has to know. */
  private async noteCancelled({ durability }: ClusterState): Promise<void> {
    const { database, commander, self } = this.options;
    const count = database.observation()?.cancelledWaits ?? 0;
    const news = count - this.cancelledNoted;
    if (news <= 0 || durability.mode === 'async') return;
    this.cancelledNoted = count;
    const commits = news === 1 ? 'A commit' : `${news} commits`;
    const message = `${commits} on ${self} gave up waiting for the standbys (its client or an administrator cancelled): a failover may lose what only ${self} holds.`;
    const note = { kind: 'note' as const, severity: 'warning' as const, event: 'wait-cancelled', node: self };
    await commander.submit({ ...note, message }, recordDeadlineMs);
  }

  /** What they confirmed counted for commits until they were ended: somebody has to know, and to rename them. */
  private async noteImpostors(): Promise<void> {
    const { database, commander, self } = this.options;
    const nowMs = this.clock.monotonicMs();
    for (const [words, atMs] of this.impostorsNotedMs)
      if (nowMs - atMs >= impostorsAgainMs) this.impostorsNotedMs.delete(words);
    for (const { name, role } of database.observation()?.impostors ?? []) {
      const words = `${role} as ${name}`;
      if (this.impostorsNotedMs.has(words) || this.impostorsNotedMs.size >= impostorsMax) continue;
      this.impostorsNotedMs.set(words, nowMs);
      const message = `A replication client of role ${role} called itself ${name}, as a node of the cluster that commits on ${self} wait for: it was ended, because what it confirms would count for that node. Give it another application_name (of a subscription: in its connection string).`;
      const note = { kind: 'note' as const, severity: 'critical' as const, event: 'impostor', node: self };
      await commander
        .submit({ ...note, message: message.slice(0, 1000) }, recordDeadlineMs)
        .catch((error) => {
          this.impostorsNotedMs.delete(words);
          throw error;
        });
    }
  }

  private async keep(desire: Lead): Promise<void> {
    const { database, show } = this.options;
    show({ state: 'running', detail: '' });
    this.noteConfirmed();
    await this.noteImpostors();
    if (this.clock.monotonicMs() < this.upkeepAtMs) return;
    this.upkeepAtMs = this.clock.monotonicMs() + upkeepEveryMs;
    const state = await this.stateNow(desire);
    await this.noteCancelled(state);
    const { timeline } = await database.position();
    if (timeline !== desire.timeline)
      return database.kill(`it is primary on timeline ${timeline}, not on ${desire.timeline}`);
    await database.setClients('open');
    // The promotion opened it, unless its daemon died, or gave up waiting, just then.
    if (this.remainingMs(desire) > 0) await database.openArchive();
    await this.applySet(state);
    await database.ensureSlots(this.others());
    await database.dropSlotsExcept(this.others());
    this.cascaded.keep(state);
    if (database.mirror) await this.keepSlots(database.mirror, timeline);
  }

  private async keepSlots(mirror: NonNullable<Database['mirror']>, timeline: number): Promise<void> {
    await mirror.logical.reigns(timeline);
    const lost = await mirror.lost();
    for (const name of lost.filter((each) => !this.lostSlots.has(each)))
      await this.noteSlot(
        'slot-lost',
        `The replication slot ${name} on ${this.options.self} is of no more use: its consumer was away while more WAL was written than max_slot_wal_keep_size keeps. The consumer has to start over; then drop the slot.`,
      );
    this.lostSlots = new Set(lost);
    const dropped = await mirror.logical.dropped();
    if (dropped.length === 0) return;
    for (const { name, reason } of dropped)
      await this.noteSlot(
        'logical-slot-dropped',
        `The logical replication slot ${name} did not survive the change of the primary to ${this.options.self} (${reason}). It was dropped, so that nothing is skipped silently: create it anew, and have its consumer start over with a full copy.`,
      );
    await mirror.logical.toldOfDropped();
  }

  /** A consumer of the user's that will find its WAL gone should not be the one to find out. */
  private async noteSlot(event: string, message: string): Promise<void> {
    const { commander, self } = this.options;
    const note = { kind: 'note' as const, severity: 'warning' as const, event, node: self };
    await commander.submit({ ...note, message: message.slice(0, 1000) }, recordDeadlineMs);
  }

  /** Only a look at which PostgreSQL waited for exactly the agreed set tells what that set has confirmed. */
  private noteConfirmed(): void {
    const state = this.options.state();
    const seen = this.options.database.observation();
    if (!state || !seen || seen.inRecovery || seen.timeline !== state.reign.timeline) return;
    const wanted = renderSynchronous(state.syncSet, state.durability.mode).synchronousStandbyNames;
    const lsn = wanted === seen.synchronousStandbyNames ? confirmedLsn(seen.standbys, state.syncSet) : null;
    const forkLsn = state.timelines.find((timeline) => timeline.id === state.reign.timeline)?.forkLsn;
    if (lsn === null || !forkLsn || compareLsn(lsn, forkLsn) < 0) return;
    this.options.confirmed.note(state.clusterId, { timeline: state.reign.timeline, lsn });
  }

  private async applySet(state: ClusterState): Promise<void> {
    const { standbys, count } = state.syncSet;
    const mark = { clusterId: state.clusterId, move: state.syncProgress.move };
    const order = { set: { standbys, count }, mode: state.durability.mode, mark };
    const wanted = JSON.stringify(order);
    if (wanted === this.appliedSet) return;
    await this.options.database.applySynchronous(order);
    this.appliedSet = wanted;
  }

  /**
   * This reign was open and its PostgreSQL is gone. It never simply comes back (its WAL may hold what nobody
   * acknowledged): the decider seals a new epoch, and may grant it to this node again. Until then it serves reads, if that
   * can show nothing unacknowledged.
   */
  private async reportLoss(desire: Lead, detail: string, signal: AbortSignal): Promise<void> {
    const { database, lease, show } = this.options;
    lease.release();
    this.appliedSet = '';
    this.options.onPrimaryLost(desire.epoch, detail);
    if (!(await database.isRunning())) {
      show({ state: 'starting', detail: 'recovering as a standby; waiting for a new epoch' });
      await database.startStandby({ upstream: null, clients: 'closed', signal });
    }
    await this.serveReads(signal);
  }

  /** For a node whose reign is the last one that was granted, while there is no other to follow. */
  async serveReads(signal: AbortSignal): Promise<void> {
    const state = this.options.state();
    const isRunning = await this.options.database.isRunning();
    if (isRunning && state?.reign.primary === this.options.self)
      await this.degradedReads.serve(state, signal);
  }

  private others(): string[] {
    const state = this.options.state();
    if (!state) return [];
    return dataMembers(state)
      .map((member) => member.name)
      .filter((name) => name !== this.options.self);
  }
}
