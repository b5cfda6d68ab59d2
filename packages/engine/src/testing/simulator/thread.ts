import type { Cancel, Clock } from '../../shared/clock.ts';
import type { EventKind, World } from './world.ts';

/** The clocks of one host: a monotonic one that may run a little fast or slow, and a wall clock that may jump. */
export class HostClock {
  /** Jumps of the wall clock add up here. */
  wallOffsetMs = 0;
  private readonly world: World;
  private readonly startMs: number;
  private readonly rate: number;
  /** Time that a pause of the whole machine hid from its monotonic clock. */
  private hiddenMs = 0;

  /** @param rate how fast it runs, 1 being true time */
  constructor(world: World, rate: number) {
    this.world = world;
    this.rate = rate;
    this.startMs = world.between(1e5, 1e9);
  }

  monotonicMs(): number {
    return this.startMs + (this.world.nowMs - this.hiddenMs) * this.rate;
  }

  wallMs(): number {
    return 1_790_000_000_000 + this.world.nowMs + this.wallOffsetMs;
  }

  hide(pauseMs: number): void {
    this.hiddenMs += pauseMs;
  }

  /** How much true time passes while this clock counts `delayMs`. */
  trueMs(delayMs: number): number {
    return delayMs / this.rate;
  }
}

/**
 * One event loop: timers and input run one after another, wait while it is stopped or busy, and never run again once
 * its process is dead.
 */
export class Thread implements Clock {
  isDead = false;
  private readonly world: World;
  private readonly hostClock: HostClock;
  private heldUntilMs = 0;
  private backlog: (() => void)[] = [];

  constructor(world: World, hostClock: HostClock) {
    this.world = world;
    this.hostClock = hostClock;
  }

  monotonicMs(): number {
    return this.hostClock.monotonicMs();
  }

  wallMs(): number {
    return this.hostClock.wallMs();
  }

  after(delayMs: number, work: () => void): Cancel {
    let isCancelled = false;
    this.world.after(this.hostClock.trueMs(delayMs), 'timer', () =>
      this.run(() => {
        if (!isCancelled) work();
      }),
    );
    return () => {
      isCancelled = true;
    };
  }

  every(periodMs: number, work: () => void): Cancel {
    let cancelNext: Cancel = () => undefined;
    let isCancelled = false;
    const round = () => {
      cancelNext = this.after(periodMs, () => {
        round();
        work();
      });
      if (isCancelled) cancelNext();
    };
    round();
    return () => {
      isCancelled = true;
      cancelNext();
    };
  }

  /** Input from outside: waits its turn. */
  run(work: () => void): void {
    if (this.isDead) return;
    if (this.world.nowMs < this.heldUntilMs || this.backlog.length > 0) this.backlog.push(work);
    else work();
  }

  /** Comes in from outside after `delayMs` of true time. */
  deliver(delayMs: number, kind: EventKind, work: () => void): void {
    this.world.after(delayMs, kind, () => this.run(work));
  }

  /** Nothing of it runs until then: it is stopped, or does something that takes so long. */
  hold(untilMs: number): void {
    if (untilMs <= this.heldUntilMs) return;
    this.heldUntilMs = untilMs;
    this.world.after(untilMs - this.world.nowMs, 'timer', () => this.catchUp());
  }

  isHeld(): boolean {
    return this.world.nowMs < this.heldUntilMs;
  }

  heldForMs(): number {
    return Math.max(0, this.heldUntilMs - this.world.nowMs);
  }

  kill(): void {
    this.isDead = true;
    this.backlog = [];
  }

  /** One piece of work per happening, so that promises go on in between as in a real event loop. */
  private catchUp(): void {
    if (this.isDead || this.isHeld()) return;
    const work = this.backlog.shift();
    if (!work) return;
    work();
    if (this.backlog.length > 0) this.world.after(0, 'timer', () => this.catchUp());
  }
}
