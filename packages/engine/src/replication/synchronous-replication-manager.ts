import type { Commander } from '../cluster/commander.ts';
import { dataMembers } from '../cluster/membership.ts';
import type { Peers } from '../cluster/peer-protocol.ts';
import type { Leadership } from '../cluster/store.ts';
import type { ClusterState, Member, SyncSet } from '../contract/cluster-state.ts';
import type { ClusterMonitor } from '../monitor/cluster-monitor.ts';
import { type Clock, systemClock } from '../shared/clock.ts';
import { messageOf } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import { NowAndThen } from '../shared/now-and-then.ts';
import { StandbyWatch } from './standby-watch.ts';
import { syncTargetOf } from './sync-target.ts';
import { confirmDeadlineMs } from './synchronous.ts';
import { nextSyncStep, type SyncTarget } from './transitions.ts';

export interface SynchronousReplicationOptions {
  commander: Commander;
  peers: Peers;
  monitor: ClusterMonitor;
  logger: Logger;
  clock?: Clock;
  state(): ClusterState | null;
  leadership(): Leadership;
}

const everyMs = 1000;
const commandDeadlineMs = 5000;
/** A decider that loses its lead between two steps is refused by the log; this only bounds one round of work. */
const stepsMax = 50;

/**
 * The decider's loop that moves the sync set to where it should be: one step, its confirmation, the next. Every step is
 * in the log before PostgreSQL is told, so whoever decides next, or is primary next, goes on from there.
 */
export class SynchronousReplicationManager {
  private readonly options: SynchronousReplicationOptions;
  private readonly clock: Clock;
  private readonly watch = new StandbyWatch();
  private readonly beat: NowAndThen;
  private readonly announced = new Set<string>();
  private waiting: string | null = null;

  constructor(options: SynchronousReplicationOptions) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
    const words = 'the synchronous set was not moved; it will be tried again';
    const onError = (error: unknown) => options.logger.warn({ error: messageOf(error) }, words);
    this.beat = new NowAndThen({ everyMs, clock: this.clock, onError });
  }

  /** What the next step waits for, in words; null when nothing is in the way. */
  waitingFor(): string | null {
    return this.waiting;
  }

  /** Called often; does something once a second, on the decider. */
  tick(): void {
    const { isLeader, leaderSinceMs } = this.options.leadership();
    if (isLeader && leaderSinceMs !== null) this.beat.run(() => this.work());
  }

  private async work(): Promise<void> {
    const state = this.settled();
    const primary = state?.members[state.reign.primary ?? ''];
    if (!state || !primary) return;
    const report = await this.options.monitor.reportOf(primary);
    if (report?.role !== 'primary' || report.state !== 'running' || report.lsn === null) return;
    if (report.epoch !== state.reign.epoch) return;
    this.watch.observe({
      atMs: this.clock.monotonicMs(),
      epoch: report.epoch,
      lsn: report.lsn,
      names: dataMembers(state).map((member) => member.name),
      standbys: report.standbys,
    });
    this.waiting = null;
    await this.announceLost(state, this.target(state));
    for (let step = 0; step < stepsMax; step += 1) {
      const now = this.settled();
      if (!now || now.reign.epoch !== state.reign.epoch || !(await this.step(now, primary))) return;
    }
  }

  /** The state while a primary reigns undisputed; null while an election is under way. */
  private settled(): ClusterState | null {
    const state = this.options.state();
    if (!state || (state.failover && state.failover.state !== 'REJOIN')) return null;
    return state;
  }

  /** True when something moved and there may be more to do. */
  private async step(state: ClusterState, primary: Member): Promise<boolean> {
    const target = this.target(state);
    const { unconfirmed } = state.syncProgress;
    const step = nextSyncStep({ set: state.syncSet, unconfirmed }, primary.name, target);
    switch (step.kind) {
      case 'done':
        return false;
      case 'confirm':
        return this.confirm(state, primary);
      case 'move':
        return this.move(state, step.next);
    }
  }

  private target(state: ClusterState): SyncTarget {
    return syncTargetOf(state, {
      mayEnter: (name) => this.watch.mayEnter(name),
      isLost: (name) => this.isLost(state, name),
    });
  }

  private async confirm(state: ClusterState, primary: Member): Promise<boolean> {
    const { clusterId, reign, syncSet, syncProgress } = state;
    const setting = { standbys: syncSet.standbys, count: syncSet.count };
    const isFirst = syncProgress.unconfirmed.some(({ count }) => count === 0);
    const { move } = syncProgress;
    const confirmed = await this.options.peers.call(primary, 'confirm-sync-set', {
      input: { clusterId, epoch: reign.epoch, move, setting, isFirst },
      deadlineMs: confirmDeadlineMs(isFirst) + 2000,
    });
    if (!confirmed.ok)
      return this.wait(`PostgreSQL on ${primary.name} has not confirmed: ${confirmed.reason}`);
    return this.submit({ kind: 'confirm-sync-set', epoch: reign.epoch, expected: move });
  }

  private async move(state: ClusterState, next: SyncSet): Promise<boolean> {
    const { reign, syncSet, syncProgress } = state;
    const able = (names: string[]) => names.filter((name) => this.watch.isWell(name)).length;
    const wouldBlock = able(next.standbys) < next.count && able(syncSet.standbys) >= syncSet.count;
    if (wouldBlock) {
      const unwell = next.standbys.filter((name) => !this.watch.isWell(name));
      return this.wait(`writes would then wait for ${unwell.join(', ')}, which does not keep up`);
    }
    const { epoch } = reign;
    return this.submit({ kind: 'move-sync-set', epoch, expected: syncProgress.move, syncSet: next });
  }

  /** Writes go on without a standby that has been silent for too long: somebody should know, once. */
  private async announceLost(state: ClusterState, target: SyncTarget): Promise<void> {
    const { standbys } = state.syncSet;
    for (const name of this.announced) if (this.watch.isWell(name)) this.announced.delete(name);
    const lost = standbys.filter((name) => this.isLost(state, name) && !target.standbys.includes(name));
    for (const name of lost.filter((each) => !this.announced.has(each))) {
      this.announced.add(name);
      this.watch.dropped(name);
      const seconds = Math.round(this.watch.silentForMs(name) / 1000);
      const needed = Math.round(this.watch.neededMs(name) / 1000);
      const message = `${name} has confirmed nothing for ${seconds} s: writes no longer wait for it until it has kept up for ${needed} s (twice as long after each time).`;
      await this.options.commander.submit(
        { kind: 'note', severity: 'warning', event: 'sync-standby-dropped', node: name, message },
        commandDeadlineMs,
      );
    }
  }

  private isLost(state: ClusterState, name: string): boolean {
    return this.watch.silentForMs(name) >= state.durability.syncTimeoutMs;
  }

  /** Refused means that the world has moved on: stop here, and look again at the next tick. */
  private async submit(command: Parameters<Commander['submit']>[0]): Promise<boolean> {
    const result = await this.options.commander.submit(command, commandDeadlineMs);
    return result.ok ? true : this.wait(result.reason);
  }

  private wait(reason: string): false {
    if (this.waiting !== reason) this.options.logger.info({ reason }, 'the synchronous set waits');
    this.waiting = reason;
    return false;
  }
}
