import type { ClusterState, Member } from '../contract/cluster-state.ts';
import { type Clock, sleep } from '../shared/clock.ts';
import { QuantaError } from '../shared/errors.ts';
import { targetVoters } from './membership.ts';
import { HandedOver } from './operation-runner.ts';

export interface ConfigurationEntry {
  id: number;
  name: string;
  role: 'voter' | 'learner';
}

type Outcome = { ok: true } | { ok: false; reason: string };

/** The part of the Raft driver that membership changes need. */
export interface ConfigurableLog {
  configuration(): ConfigurationEntry[];
  change(
    change:
      | { kind: 'add-learner'; peer: { id: number; name: string; host: string; port: number } }
      | { kind: 'promote' | 'remove'; id: number },
    deadlineMs: number,
  ): Promise<Outcome>;
  transferLeadership(toId: number, deadlineMs: number): Promise<Outcome>;
  leaderId(): number | null;
  /** The other voters, the one that should lead next first. */
  heirs(): number[];
}

const changeDeadlineMs = 10_000;
const transferDeadlineMs = 15_000;
const transferTryMs = 2_000;
const transferPauseMs = 200;

/** Keeps the Raft configuration in step with the members: one single-server change at a time (Raft dissertation §4.1). */
export class RaftMembership {
  private readonly log: () => ConfigurableLog;
  private readonly clock: Clock;

  constructor(log: () => ConfigurableLog, clock: Clock) {
    this.log = log;
    this.clock = clock;
  }

  isVoter(raftId: number): boolean {
    return this.log()
      .configuration()
      .some((entry) => entry.id === raftId && entry.role === 'voter');
  }

  votersNow(): Set<number> {
    const voters = this.log()
      .configuration()
      .filter((entry) => entry.role === 'voter');
    return new Set(voters.map((entry) => entry.id));
  }

  async addLearner(member: Member): Promise<void> {
    if (
      this.log()
        .configuration()
        .some((entry) => entry.id === member.raftId)
    )
      return;
    const peer = { id: member.raftId, name: member.name, ...member.addresses.raft };
    await this.change({ kind: 'add-learner', peer });
  }

  /**
   * Takes a member that leaves out of the group, and always before its host forgets the log: of two voters the other one
   * alone would be no majority, and the only voter would take the log with it. In place of that one another votes first.
   *
   * @throws HandedOver when it led the group: the next leader goes on
   */
  async retire(state: ClusterState, member: Member): Promise<void> {
    const configuration = this.log().configuration();
    if (!configuration.some(({ id }) => id === member.raftId)) return;
    const isOnlyVoter = !configuration.some(({ id, role }) => role === 'voter' && id !== member.raftId);
    if (isOnlyVoter) await this.reconcileVoters(state);
    if (await this.moveLeadershipFrom(member)) throw new HandedOver();
    await this.change({ kind: 'remove', id: member.raftId });
  }

  /** Gives votes to members that should have one. Votes are only taken away by removal. */
  async reconcileVoters(state: ClusterState): Promise<void> {
    const target = targetVoters(Object.values(state.members), this.votersNow());
    for (const raftId of target) {
      const entry = this.log()
        .configuration()
        .find((candidate) => candidate.id === raftId);
      if (entry?.role === 'learner') await this.change({ kind: 'promote', id: raftId });
    }
  }

  needsReconciling(state: ClusterState): boolean {
    const voters = this.votersNow();
    const learners = this.log()
      .configuration()
      .filter((entry) => entry.role === 'learner');
    const target = targetVoters(Object.values(state.members), voters);
    return learners.some((entry) => target.has(entry.id));
  }

  /**
   * One voter after the other until somebody else leads: the first one may be slow, or its daemon just starting.
   *
   * @returns whether this node was leading on `member`'s host and leadership has moved
   */
  async moveLeadershipFrom(member: Member): Promise<boolean> {
    if (this.log().leaderId() !== member.raftId) return false;
    if (this.log().heirs().length === 0) throw new QuantaError('REFUSED', 'the last voter cannot leave');
    const endMs = this.clock.monotonicMs() + transferDeadlineMs;
    let reason = 'timeout';
    while (this.clock.monotonicMs() < endMs) {
      for (const heir of this.log().heirs()) {
        const moved = await this.log().transferLeadership(heir, transferTryMs);
        if (moved.ok || ![member.raftId, null].includes(this.log().leaderId())) return true;
        reason = moved.reason;
      }
      await sleep(this.clock, transferPauseMs);
    }
    throw new QuantaError('REFUSED', `Raft leadership could not be moved: ${reason}`);
  }

  private async change(change: Parameters<ConfigurableLog['change']>[0]): Promise<void> {
    const changed = await this.log().change(change, changeDeadlineMs);
    if (!changed.ok)
      throw new QuantaError('NO_QUORUM', `the Raft group did not accept the change: ${changed.reason}`);
  }
}
