import type { ClusterState } from '../contract/cluster-state.ts';
import type { NodeReport } from '../contract/node-report.ts';
import type { Source } from '../contract/source.ts';
import type { ClusterMonitor } from '../monitor/cluster-monitor.ts';
import { type Clock, systemClock } from '../shared/clock.ts';
import { messageOf } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import { NowAndThen } from '../shared/now-and-then.ts';
import type { Commander } from './commander.ts';
import type { Command } from './commands.ts';
import { dataMembers } from './membership.ts';
import type { Peers } from './peer-protocol.ts';
import type { SourceLook } from './source-look.ts';
import type { SourceView } from './source-view.ts';
import { neededFrom, newsOf, nextLeader, whyUnfit } from './standby-leader.ts';
import type { Leadership } from './store.ts';

export interface SourceKeeperOptions {
  self: string;
  commander: Commander;
  peers: Peers;
  monitor: ClusterMonitor;
  look: SourceLook;
  logger: Logger;
  clock?: Clock;
  state(): ClusterState | null;
  leadership(): Leadership;
}

const everyMs = 1000;
const commandDeadlineMs = 5000;
const askDeadlineMs = 3000;

/** The decider's duties in a cluster that follows another one; idle everywhere else. */
export class SourceKeeper {
  private readonly options: SourceKeeperOptions;
  private readonly clock: Clock;
  private readonly beat: NowAndThen;
  /** Since when the leader of that turn has been unfit. */
  private unfit: { turn: number; sinceMs: number } | null = null;
  private complained = '';

  constructor(options: SourceKeeperOptions) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
    const words = 'the source was not seen to; tried again';
    const onError = (error: unknown) => options.logger.warn({ error: messageOf(error) }, words);
    this.beat = new NowAndThen({ everyMs, clock: this.clock, onError });
  }

  tick(): void {
    const state = this.options.state();
    const { source } = state ?? {};
    if (!this.options.leadership().isLeader || !state || !source) return;
    this.beat.run(() => this.work(state, source));
  }

  private async work(state: ClusterState, source: Source): Promise<void> {
    if (source.ending !== null) return this.resume(state, source.ending);
    const [view, reports] = await Promise.all([this.see(state, source), this.options.monitor.reports()]);
    const news = view && newsOf(state, source, view);
    if (news) await this.submit(news);
    await this.moveLeader(state, source, { reports, isSourceOpen: view?.takesWrites === true });
    if (view?.primary) await this.keepWal(state, source, { primary: view.primary, reports });
  }

  /** A promotion that was given up, or whose decider ended in the wrong moment, must not end the following by accident. */
  private async resume(state: ClusterState, epoch: number): Promise<void> {
    const { operation } = state;
    if (operation?.kind !== 'promote-cluster') await this.submit({ kind: 'follow-again', epoch });
  }

  /** With its own eyes, or else with those of a member: the decider may be the one that is cut off. */
  private async see(state: ClusterState, source: Source): Promise<SourceView | null> {
    const { self, peers, look } = this.options;
    const own = await look.now(source);
    if (own) return own;
    const others = Object.values(state.members).filter(({ name }) => name !== self);
    const input = { clusterId: state.clusterId };
    for (const member of others) {
      const limits = { input, deadlineMs: askDeadlineMs };
      const seen = await peers.call(member, 'look-at-source', limits).catch(() => null);
      if (seen?.view) return seen.view;
    }
    return null;
  }

  private async moveLeader(
    state: ClusterState,
    source: Source,
    seen: { reports: ReadonlyMap<string, NodeReport>; isSourceOpen: boolean },
  ): Promise<void> {
    const unfit = whyUnfit(state, source, seen);
    const nowMs = this.clock.monotonicMs();
    if (!unfit) {
      this.unfit = null;
      return;
    }
    if (this.unfit?.turn !== source.turn) this.unfit = { turn: source.turn, sinceMs: nowMs };
    const node = nextLeader(state, source, seen.reports);
    if (node === null || nowMs - this.unfit.sinceMs < unfit.patienceMs) return;
    await this.submit({ kind: 'set-standby-leader', node, turn: source.turn, why: unfit.why });
  }

  private async keepWal(
    state: ClusterState,
    source: Source,
    { primary, reports }: { primary: string; reports: ReadonlyMap<string, NodeReport> },
  ): Promise<void> {
    const member = source.members.find(({ name }) => name === primary);
    if (!member) return;
    const { clusterId } = source;
    const hosts = dataMembers(state).map(({ name }) => name);
    const input = { clusterId, follower: state.name, from: neededFrom(state, reports), hosts };
    const peer = { name: primary, addresses: { api: member.api } };
    const kept = await this.options.peers
      .call(peer, 'keep-for-follower', { input, deadlineMs: askDeadlineMs })
      .catch((error: unknown) => ({ ok: false as const, reason: messageOf(error) }));
    const problem = kept.ok ? '' : kept.reason;
    if (problem !== '' && problem !== this.complained)
      this.options.logger.warn({ problem }, 'the source was not told which WAL to keep');
    this.complained = problem;
  }

  private async submit(command: Command): Promise<void> {
    const result = await this.options.commander.submit(command, commandDeadlineMs);
    if (!result.ok) this.options.logger.warn({ command: command.kind, reason: result.reason }, 'refused');
  }
}
