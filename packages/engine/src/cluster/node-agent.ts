import type { SealVote, WalPosition } from '../contract/cluster-state.ts';
import { holdsNoData, isBeingCopied, restartable, stillRecovering } from '../failover/decide.ts';
import { type Cancel, type Clock, sleep, systemClock } from '../shared/clock.ts';
import { messageOf, QuantaError } from '../shared/errors.ts';
import type { Activity, NodeAgentOptions } from './agent-options.ts';
import { configurationMark } from './configuration.ts';
import { type Desire, desireOf } from './desire.ts';
import { Follower } from './follower.ts';
import { replicatingHosts } from './followers.ts';
import { Leader } from './leader.ts';
import { swapVerdict } from './restoring.ts';
import { applyDelayFor } from './standby-kind.ts';

const tickMs = 100;
const retryMs = 1000;
const commandDeadlineMs = 10_000;
const toldPauseMs = 20;

/**
 * Makes this host's PostgreSQL do what ClusterState asks of it: one level-triggered loop that compares, takes the next
 * step and looks again, so that a crash at any point is resumed by starting over. Everything that touches PostgreSQL
 * goes through `exclusive`, one at a time; a seal interrupts whatever runs.
 */
export class NodeAgent {
  private readonly options: NodeAgentOptions;
  private readonly clock: Clock;
  private readonly follower: Follower;
  private readonly leader: Leader;
  private queue: Promise<unknown> = Promise.resolve();
  private current: AbortController | null = null;
  private stopTimer: Cancel = () => undefined;
  private pending = false;
  private retryAtMs = 0;
  /** Which of the cluster's configurations PostgreSQL was last told. */
  configuration: string | null = null;
  private applyDelayMs = 0;
  /** Of whose certificates PostgreSQL was last told; null: of every host's. */
  private hosts: string[] | null | undefined;
  /** The server that this daemon found running: a former one may have triggered its promotion. */
  private foundPid: number | null = null;
  private stopped = false;
  private paused = false;
  activity: Activity = { state: 'stopped', detail: 'the daemon has just started' };

  constructor(options: NodeAgentOptions) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
    const show = (activity: Activity) => {
      this.activity = activity;
    };
    this.follower = new Follower({ ...options, show });
    this.leader = new Leader({ ...options, show });
  }

  start(): void {
    this.foundPid = this.options.database.pid();
    this.stopTimer = this.clock.every(tickMs, () => this.wake());
    this.wake();
  }

  /** Stops the loop; PostgreSQL is left as it is. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.stopTimer();
    this.current?.abort();
    await this.queue.catch(() => undefined);
  }

  desire(): Desire {
    return desireOf(this.options.state(), this.options.self, this.options.seal.epoch());
  }

  cloneProgress(): { doneBytes: number; totalBytes: number | null } | null {
    return this.follower.copyProgress;
  }

  /** Looks again now: the state has changed, or PostgreSQL has ended. */
  wake(): void {
    if (this.pending || this.stopped || this.paused) return;
    if (this.clock.monotonicMs() < this.retryAtMs) return;
    this.pending = true;
    void this.exclusive((signal) => this.step(signal)).finally(() => {
      this.pending = false;
    });
  }

  /** The state has changed in a way that must not wait for the pause after an error. */
  wakeAtOnce(): void {
    this.retryAtMs = 0;
    this.wake();
  }

  /**
   * The elector's half of sealing: promise the epoch durably, interrupt whatever runs, stop receiving WAL, and only
   * then say where the local WAL ends.
   */
  async seal(epoch: number, failoverId: string, patienceMs?: number): Promise<SealVote> {
    const { self, seal } = this.options;
    const state = this.options.state();
    if (state && state.reign.epoch >= epoch)
      return refuse(self, `epoch ${state.reign.epoch} was granted already`);
    const live = await this.liveVote();
    if (live) return live;
    const promised = await seal.promise(epoch, failoverId);
    if (!promised.ok) return refuse(self, promised.reason);
    // A copy in the making is not disturbed: it receives no WAL to acknowledge before its memory is gone.
    if (this.follower.copyProgress) return this.voteFromMemory(isBeingCopied);
    this.current?.abort();
    return this.exclusive(() => this.sealedVote(patienceMs));
  }

  /** Ends this node's reign cleanly for a switchover; its last position is what the candidate must have. */
  async demote(
    epoch: number,
    failoverId: string,
  ): Promise<{ ok: true; position: WalPosition } | { ok: false; reason: string }> {
    const promised = await this.options.seal.promise(epoch, failoverId);
    if (!promised.ok) return promised;
    this.current?.abort();
    return this.exclusive(async () => {
      this.activity = { state: 'stopped', detail: 'switching over' };
      await this.options.database.stopFast(stopFastDeadlineMs);
      this.options.lease.release();
      return { ok: true, position: await this.options.database.exactEndOfWal() };
    });
  }

  /** PostgreSQL of a standby stops, cleanly; the loop starts it again. @throws QuantaError REFUSED on a primary */
  async restart(): Promise<void> {
    await this.exclusive(() => this.follower.stop('restarting, as somebody asked'));
    this.wakeAtOnce();
  }

  /** A standby's data is given up; the loop clones the primary's. @throws QuantaError REFUSED on a primary */
  async reinitialise(why: string): Promise<void> {
    await this.exclusive(() => this.follower.startOver(why, { isAsked: true }));
    this.wakeAtOnce();
  }

  /** Leaves the cluster: PostgreSQL stops and the data directory is set aside. */
  async retire(): Promise<void> {
    this.paused = true;
    this.current?.abort();
    await this.exclusive(async () => {
      this.options.lease.release();
      await this.options.database.stopFast(stopFastDeadlineMs);
      await this.options.database.setAside();
      this.activity = { state: 'stopped', detail: 'in no cluster' };
    });
  }

  resume(): void {
    this.paused = false;
    this.wake();
  }

  /** Stops PostgreSQL for good in this process life (daemon shutdown). */
  async stopDatabase(): Promise<void> {
    this.paused = true;
    this.current?.abort();
    await this.exclusive(async () => {
      this.options.lease.release();
      await this.options.database.stopFast(stopFastDeadlineMs);
      this.activity = { state: 'stopped', detail: 'the daemon is shutting down' };
    });
  }

  /** Runs one thing at a time. A failure is the caller's; the next in line runs all the same. */
  exclusive<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const run = this.queue.then(async () => {
      const controller = new AbortController();
      this.current = controller;
      try {
        return await work(controller.signal);
      } finally {
        this.current = null;
      }
    });
    this.queue = run.catch(() => undefined);
    return run;
  }

  private async step(signal: AbortSignal): Promise<void> {
    if (this.stopped || this.paused) return;
    const desire = this.desire();
    try {
      if (!(await this.settleSwap())) return;
      await this.act(desire, signal);
      this.retryAtMs = 0;
    } catch (error) {
      if (signal.aborted) return;
      this.retryAtMs = this.clock.monotonicMs() + retryMs;
      this.options.logger.warn(
        { desire: desire.kind, error: messageOf(error) },
        'the step failed and will be tried again',
      );
      this.activity = { ...this.activity, detail: messageOf(error) };
    }
  }

  private async act(desire: Desire, signal: AbortSignal): Promise<void> {
    if (desire.kind !== 'lead') this.options.lease.release();
    if (desire.kind !== 'nothing' && desire.kind !== 'place') await this.applyConfiguration();
    switch (desire.kind) {
      case 'nothing':
        this.activity = { state: desire.shownAs, detail: desire.why };
        return;
      case 'hold':
        await this.follower.hold(desire.why, signal);
        return this.leader.serveReads(signal);
      case 'place':
        return this.place(desire.id);
      case 'follow':
        return this.follower.follow(desire, signal);
      case 'lead':
        return this.leader.lead(desire, signal);
    }
  }

  /** Of a restore in place: no lease is renewed for the reign that ends here, and no other node acts until this one has said so. */
  private async place(id: string): Promise<void> {
    const { database, commander } = this.options;
    if (!database.swap) throw new QuantaError('REFUSED', 'there is no data directory here');
    this.activity = { state: 'stopped', detail: 'the restored data takes the place of the former' };
    await database.stopFast(stopFastDeadlineMs);
    this.follower.sealed();
    await database.swap.putInPlace(id);
    const opened = await commander.submit({ kind: 'open-restore', id }, commandDeadlineMs);
    if (!opened.ok) throw new QuantaError('REFUSED', `the restored reign was not begun: ${opened.reason}`);
  }

  /** Which of two data directories counts is settled before anything is done with either. @returns whether to go on */
  private async settleSwap(): Promise<boolean> {
    const { database } = this.options;
    const id = (await database.swap?.pending()) ?? null;
    if (!database.swap || id === null) return true;
    switch (swapVerdict(this.options.state(), id)) {
      case 'stay':
        return true;
      case 'finish':
        await database.swap.finish();
        return true;
      case 'take-back':
        this.options.lease.release();
        await database.stopFast(stopFastDeadlineMs);
        this.follower.sealed();
        await database.swap.takeBack(id);
        return true;
      case 'wait':
        this.activity = {
          state: 'waiting',
          detail: 'what became of the restore in place is not known here yet',
        };
        return false;
    }
  }

  private async applyConfiguration(): Promise<void> {
    const { database } = this.options;
    const state = this.options.state();
    if (!state || !(await database.isInitialised())) return;
    const { parameters, hba } = state;
    const wanted = configurationMark({ parameters, hba });
    const applyDelayMs = applyDelayFor(state, this.options.self);
    const hosts = replicatingHosts(state);
    const isTold = wanted === this.configuration && applyDelayMs === this.applyDelayMs;
    if (isTold && JSON.stringify(hosts) === JSON.stringify(this.hosts)) return;
    await database.applyConfiguration({ parameters, hba, applyDelayMs, hosts });
    this.configuration = wanted;
    this.applyDelayMs = applyDelayMs;
    this.hosts = hosts;
  }

  /** Returns when PostgreSQL takes that host's certificate, or at the deadline: whoever is refused comes again. */
  async untilLetIn(host: string, deadlineMs: number): Promise<void> {
    const endMs = this.clock.monotonicMs() + deadlineMs;
    while (this.hosts?.includes(host) === false && this.clock.monotonicMs() < endMs) {
      this.wake();
      await sleep(this.clock, toldPauseMs);
    }
  }

  /** Returns when that move of the sync set, or a later one, is known here, or at the deadline. */
  async untilMove(move: number, deadlineMs: number): Promise<void> {
    const endMs = this.clock.monotonicMs() + deadlineMs;
    const known = () => this.options.state()?.syncProgress.move ?? 0;
    while (known() < move && this.clock.monotonicMs() < endMs) await sleep(this.clock, toldPauseMs);
  }

  /** A healthy primary under a lease vetoes its own replacement: it is asked because somebody else lost sight of it. */
  private async liveVote(): Promise<SealVote | null> {
    const { self, database, lease, timing } = this.options;
    const desire = this.desire();
    if (desire.kind !== 'lead' || !desire.isRecorded || this.activity.state !== 'running') return null;
    if ((lease.remainingMs() ?? 0) < timing.killAheadMs * 2) return null;
    const probe = await database.probe(timing.probeDeadlineMs);
    if (!probe.ok) return null;
    const position = await database.position();
    return {
      ok: true,
      node: self,
      position,
      history: [],
      promotable: true,
      whyNotPromotable: null,
      livePrimary: true,
    };
  }

  /** A server that does not answer yet can say where its WAL ends all the same. */
  private promotability(isRunning: boolean): { promotable: boolean; whyNotPromotable: string | null } {
    if (!isRunning) return { promotable: false, whyNotPromotable: restartable };
    const answers = this.options.database.observation() !== null;
    return { promotable: answers, whyNotPromotable: answers ? null : stillRecovering };
  }

  /** Once triggered a promotion cannot be called off, and a vote of its server would not be true for long. */
  private mayOpen(): boolean {
    const desire = desireOf(this.options.state(), this.options.self, 0);
    const isFound = this.foundPid !== null && this.options.database.pid() === this.foundPid;
    return isFound && desire.kind === 'lead' && !desire.isRecorded;
  }

  private async isSettled(): Promise<boolean> {
    return ((await this.options.database.swap?.pending()) ?? null) === null;
  }

  /** Without data it cannot be promoted, but it knows that it has acknowledged nothing beyond where its WAL ended. */
  private async voteFromMemory(why: string): Promise<SealVote> {
    const { self, lastPosition } = this.options;
    const words = await lastPosition.recall(this.options.state()?.clusterId ?? '');
    if (!words) return refuse(self, why);
    const whyNotPromotable = 'its data is being copied anew';
    return { ok: true, node: self, ...words, promotable: false, whyNotPromotable, livePrimary: false };
  }

  private async sealedVote(patienceMs?: number): Promise<SealVote> {
    const { self, database, lease } = this.options;
    lease.release();
    // Of data that does not count nobody may learn where it ends.
    if (!(await this.settleSwap()) || !(await this.isSettled()))
      return refuse(self, 'a restore is being settled');
    if (!(await database.isInitialised())) return this.voteFromMemory(holdsNoData);
    if ((await database.isPrimary()) || this.mayOpen()) await database.kill('sealed for a newer epoch');
    const isRunning = await database.isRunning();
    const sealed = isRunning
      ? await database.seal(patienceMs)
      : { ok: true as const, position: await database.exactEndOfWal() };
    if (!sealed.ok) return refuse(self, sealed.reason);
    this.follower.sealed();
    return {
      ok: true,
      node: self,
      position: sealed.position,
      history: await database.history(sealed.position.timeline),
      ...this.promotability(isRunning),
      livePrimary: false,
    };
  }
}

const stopFastDeadlineMs = 20_000;

function refuse(node: string, reason: string): SealVote {
  return { ok: false, node, reason };
}
