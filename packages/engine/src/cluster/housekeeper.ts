import type { ClusterState } from '../contract/cluster-state.ts';
import type { NodeReport } from '../contract/node-report.ts';
import type { ClusterMonitor } from '../monitor/cluster-monitor.ts';
import { isApart } from '../replication/apart.ts';
import { type Clock, systemClock } from '../shared/clock.ts';
import { messageOf } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import { NowAndThen } from '../shared/now-and-then.ts';
import type { Commander } from './commander.ts';
import { featureLevel, levelToRaise } from './feature-level.ts';
import { dataMembers } from './membership.ts';
import type { RaftMembership } from './raft-membership.ts';
import type { Leadership } from './store.ts';

export interface HousekeeperOptions {
  self: string;
  commander: Commander;
  monitor: ClusterMonitor;
  raft: RaftMembership;
  logger: Logger;
  clock?: Clock;
  state(): ClusterState | null;
  leadership(): Leadership;
  transferLeadership(toRaftId: number): Promise<{ ok: boolean; reason?: string | undefined }>;
}

const everyMs = 1000;
const commandDeadlineMs = 5000;
/** Leadership is moved off the primary's host only when both have stood still for this long. */
const settledMs = 3000;
/** A failover whose other nodes have not come back by then is closed all the same; they rejoin on their own. */
const rejoinWaitMs = 10 * 60_000;

/** The decider's unhurried duties: close failovers, give votes, lead from another host than the primary's. */
export class Housekeeper {
  private readonly options: HousekeeperOptions;
  private readonly clock: Clock;
  private readonly beat: NowAndThen;

  constructor(options: HousekeeperOptions) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
    const words = 'housekeeping failed and will be tried again';
    const onError = (error: unknown) => options.logger.warn({ error: messageOf(error) }, words);
    this.beat = new NowAndThen({ everyMs, clock: this.clock, onError });
  }

  tick(): void {
    const { isLeader, leaderSinceMs } = this.options.leadership();
    const state = this.options.state();
    if (!isLeader || leaderSinceMs === null || !state) return;
    this.beat.run(() => this.work(state, this.clock.monotonicMs() - leaderSinceMs));
  }

  private async work(state: ClusterState, leadingForMs: number): Promise<void> {
    await this.endMaintenance(state);
    const primary = state.members[state.reign.primary ?? ''];
    if (!primary || (state.failover && state.failover.state !== 'REJOIN')) return;
    const report = await this.options.monitor.reportOf(primary);
    if (report?.role !== 'primary' || report.state !== 'running') return;
    await this.closeFailover(state, report);
    if ((state.level ?? 1) < featureLevel) await this.raiseLevel(state);
    if (!state.operation && this.options.raft.needsReconciling(state))
      await this.options.raft.reconcileVoters(state);
    if (!state.operation && leadingForMs > settledMs) await this.leadFromElsewhere(state);
  }

  private async endMaintenance(state: ClusterState): Promise<void> {
    const nowMs = this.clock.wallMs();
    for (const { name, maintenance } of Object.values(state.members)) {
      if (maintenance?.untilMs == null || maintenance.untilMs > nowMs) continue;
      await this.options.commander.submit(
        { kind: 'set-maintenance', node: name, maintenance: null },
        commandDeadlineMs,
      );
    }
  }

  private async raiseLevel(state: ClusterState): Promise<void> {
    const level = levelToRaise(state, await this.options.monitor.reports());
    if (level !== null)
      await this.options.commander.submit({ kind: 'raise-level', level }, commandDeadlineMs);
  }

  private async closeFailover(state: ClusterState, primary: NodeReport): Promise<void> {
    const { failover } = state;
    if (failover?.state !== 'REJOIN') return;
    const streaming = new Set(
      primary.standbys.filter((standby) => standby.state === 'streaming').map((standby) => standby.name),
    );
    const missing = dataMembers(state).filter(
      (member) => member.name !== state.reign.primary && !streaming.has(member.name) && !isApart(member),
    );
    const isOverdue = this.clock.wallMs() - failover.startedAtMs > rejoinWaitMs;
    if (missing.length > 0 && !isOverdue) return;
    const detail =
      missing.length === 0
        ? 'Every node streams from the new primary.'
        : `Still missing: ${missing.map((member) => member.name).join(', ')}; they rejoin by themselves.`;
    await this.options.commander.submit(
      { kind: 'end-failover', id: failover.id, state: 'DONE', detail },
      commandDeadlineMs,
    );
  }

  /** So that losing the primary's host needs no election of a decider first. */
  private async leadFromElsewhere(state: ClusterState): Promise<void> {
    const { self, monitor, raft } = this.options;
    if (state.reign.primary !== self) return;
    const others = Object.values(state.members).filter(
      (member) => member.name !== self && raft.isVoter(member.raftId),
    );
    for (const member of others) {
      const report = await monitor.reportOf(member);
      if (report?.raft?.role !== 'follower') continue;
      const moved = await this.options.transferLeadership(member.raftId);
      if (moved.ok) return;
      this.options.logger.debug({ to: member.name, reason: moved.reason }, 'leadership was not taken over');
    }
  }
}
