import type { Commander } from '../cluster/commander.ts';
import type { Peers } from '../cluster/peer-protocol.ts';
import { isBeingReplaced } from '../cluster/restoring.ts';
import type { Leadership } from '../cluster/store.ts';
import type {
  ClusterState,
  Failover,
  Operation,
  SealVote,
  TimelineRecord,
  WalPosition,
} from '../contract/cluster-state.ts';
import type { Network } from '../contract/network.ts';
import type { ReceivedRenewal } from '../raft/lease-ledger.ts';
import { type Cancel, type Clock, sleep, systemClock } from '../shared/clock.ts';
import { messageOf } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import { type NewId, systemNewId } from '../shared/random.ts';
import { barsOf } from './bars.ts';
import { judgeNetwork } from './connectivity.ts';
import { type Election, elect, electorsOf } from './decide.ts';
import type { Suspicion } from './detect.ts';
import { granterDeadlineMs } from './lease.ts';
import { PrimaryWatch } from './primary-watch.ts';
import { graceFor, isElecting, isGoodEnough, sealLimits, withHistories } from './round.ts';
import type { FailoverTiming } from './timing.ts';
import { askWitnesses, networkAtSuspicion, type Witness } from './witnesses.ts';

export interface FailoverManagerOptions {
  self: string;
  commander: Commander;
  peers: Peers;
  timing: FailoverTiming;
  logger: Logger;
  clock?: Clock;
  newId?: NewId;
  state(): ClusterState | null;
  leadership(): Leadership;
  isVoter(raftId: number): boolean;
  setLeaseGate(gate: { epoch: number; holderId: number } | null): void;
  transferLeadership(toRaftId: number): Promise<{ ok: boolean; reason?: string | undefined }>;
  comparePositions(
    left: WalPosition,
    right: WalPosition,
    history: { current: number; timelines: TimelineRecord[] },
  ): number;
  /** Who hears whom, as far as it is known here. */
  contactRows?(): Network['rows'];
}

const commandDeadlineMs = 3000;
/** A blocked election is tried again this often: a node that comes back may unblock it. */
const retryBlockedMs = 1000;
/** The node that a person asked for is asked again for so long: nothing is lost by waiting for it but time. */
const preferredDeadlineMs = 5000;
const preferredRetryMs = 100;
/** A primary that does not hear this decider is given to another one at most this often. */
const handOverEveryMs = 500;
/** A decider that inherits a switchover leaves its election to the operation for so long. */
const inheritMs = 3000;
/** Operations that run an election of their own. */
const switchingOperations: Operation['kind'][] = ['switchover', 'rolling-restart', 'upgrade-postgres'];

/**
 * The decider's part of failover; it acts only on the Raft leader. What it has decided is in ClusterState, so the next
 * leader goes on from there: SEAL and COLLECT are repeated (electors answer the same), a grant is watched until its
 * timeline is recorded.
 */
export class FailoverManager {
  private readonly options: FailoverManagerOptions;
  private readonly clock: Clock;
  private readonly watch = new PrimaryWatch();
  private handOverAtMs = 0;
  private busy = false;
  private retryAtMs = 0;
  /** Rounds of that election that came to nothing, as this decider has seen them. */
  private blocked = { failover: '', rounds: 0 };
  private gateKey = '';
  /** The switchover whose old primary is given no more time. */
  private closedFor: string | null = null;
  /** The election that an operation in this process runs itself (a switchover's). */
  private claimed: string | null = null;

  constructor(options: FailoverManagerOptions) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
  }

  renewed(renewal: Pick<ReceivedRenewal, 'epoch' | 'receivedAtMs' | 'body'>): void {
    this.watch.renewed(renewal);
  }

  primaryLost(report: { epoch: number; detail: string }): void {
    this.watch.primaryLost(report);
    this.tick();
  }

  primaryRestarts(restart: { epoch: number; forMs: number }): void {
    this.watch.primaryRestarts(restart, this.clock.monotonicMs());
  }

  /** Called often, and after every change of state; cheap when there is nothing to do. */
  tick(): void {
    const state = this.options.state();
    const { isLeader, leaderSinceMs } = this.options.leadership();
    if (!isLeader || leaderSinceMs === null || !state) {
      this.gateKey = '';
      this.watch.end();
      return;
    }
    this.watch.look(this.clock.monotonicMs());
    this.keepGate(state);
    if (this.busy || state.reign.epoch === 0) return;
    this.busy = true;
    void this.act(state, leaderSinceMs)
      .catch((error) =>
        this.options.logger.warn({ error: messageOf(error) }, 'failover step failed and will be tried again'),
      )
      .finally(() => {
        this.busy = false;
      });
  }

  /**
   * Renewals are confirmed only for the reign that stands, and not while its replacement is being elected. The old primary
   * of a switchover stops by itself, and needs its lease for that; once that lease is waited out it is not prolonged either.
   */
  private keepGate(state: ClusterState): void {
    const holder = state.members[state.reign.primary ?? ''];
    const { failover } = state;
    const isReplacing =
      failover !== null &&
      failover.epoch > state.reign.epoch &&
      (failover.kind === 'failover' || failover.id === this.closedFor);
    const isPlacing = state.restoring?.phase === 'placing';
    const gate =
      holder && !isReplacing && !isPlacing ? { epoch: state.reign.epoch, holderId: holder.raftId } : null;
    const key = JSON.stringify(gate);
    if (key === this.gateKey) return;
    this.gateKey = key;
    this.options.setLeaseGate(gate);
  }

  private async act(state: ClusterState, leaderSinceMs: number): Promise<void> {
    const { failover } = state;
    if (failover && isElecting(failover)) {
      if (failover.id !== this.claimed && !this.isLeftToOperation(state, leaderSinceMs))
        await this.runElection(state, failover);
      return;
    }
    // Its operation watches over that, and gives the cluster its former reign back when it comes to nothing.
    if (isBeingReplaced(state)) return;
    const nowMs = this.clock.monotonicMs();
    const leaseMs = this.leaseMs();
    const { timing } = this.options;
    const suspicion = this.watch.suspicion(state, { nowMs, leaderSinceMs, leaseMs, timing });
    if (suspicion.kind === 'deaf') await this.handOver(state, suspicion.reason);
    if (suspicion.kind === 'lost') await this.begin(state, suspicion);
  }

  /**
   * A switchover's operation runs its own election, also on a decider that has inherited both: it stops the old primary
   * first, which would veto its replacement else. An operation that does not come to it is not waited for.
   */
  private isLeftToOperation({ failover, operation }: ClusterState, leaderSinceMs: number): boolean {
    if (failover?.kind !== 'switchover' || !operation || !switchingOperations.includes(operation.kind))
      return false;
    return this.clock.monotonicMs() - leaderSinceMs < inheritMs;
  }

  private async begin(state: ClusterState, suspicion: Extract<Suspicion, { kind: 'lost' }>): Promise<void> {
    const witnesses = suspicion.isCertain ? [] : await this.askWitnesses(state);
    if (await this.moveToWitness(state, witnesses, suspicion.reason)) return;
    this.options.setLeaseGate(null);
    this.gateKey = JSON.stringify(null);
    const isTakeover = state.failover && state.failover.state !== 'REJOIN';
    await this.options.commander.submit(
      {
        kind: 'begin-failover',
        id: (this.options.newId ?? systemNewId)(),
        failoverKind: 'failover',
        fromEpoch: state.reign.epoch,
        reason: suspicion.reason,
        detection: this.detection(state, suspicion, witnesses),
        preferred: null,
        supersedes: state.failover?.id ?? null,
      },
      commandDeadlineMs,
    );
    if (isTakeover) this.options.logger.warn({}, 'the granted candidate did not open; electing again');
    const now = this.options.state();
    if (now?.failover && isElecting(now.failover)) await this.runElection(now, now.failover);
  }

  /** Nothing is wrong with the primary: somebody whom it hears should decide, before its lease runs out. */
  private async handOver(state: ClusterState, reason: string): Promise<void> {
    if (this.clock.monotonicMs() < this.handOverAtMs || state.reign.primary === this.options.self) return;
    this.handOverAtMs = this.clock.monotonicMs() + handOverEveryMs;
    await this.moveToWitness(state, await this.askWitnesses(state), reason);
  }

  private async moveToWitness(state: ClusterState, witnesses: Witness[], reason: string): Promise<boolean> {
    const witness = state.members[witnesses.find((each) => each.hears)?.node ?? ''];
    if (!witness) return false;
    this.options.logger.warn(
      { witness: witness.name, reason },
      'another voter hears the primary: leadership moves there',
    );
    return (await this.options.transferLeadership(witness.raftId)).ok;
  }

  /** While a voter still hears the primary, Raft leadership moves instead of anything being sealed. */
  private askWitnesses(state: ClusterState): Promise<Witness[]> {
    const { self, peers } = this.options;
    const others = Object.values(state.members).filter(
      (member) =>
        member.name !== self && member.name !== state.reign.primary && this.options.isVoter(member.raftId),
    );
    return askWitnesses(peers, state, { self, others });
  }

  private detection(
    state: ClusterState,
    suspicion: Extract<Suspicion, { kind: 'lost' }>,
    witnesses: Witness[],
  ): Failover['detection'] {
    const { self, contactRows } = this.options;
    const { primary } = state.reign;
    const nodes = Object.values(state.members)
      .filter((member) => member.phase === 'active')
      .map((member) => member.name);
    const rows = contactRows?.() ?? [];
    const seen =
      suspicion.isCertain || primary === null
        ? judgeNetwork(nodes, rows)
        : networkAtSuspicion({ self, nodes, primary, rows, witnesses });
    return { silentForMs: suspicion.silentForMs, detail: suspicion.reason, witnesses, network: seen };
  }

  private async runElection(state: ClusterState, failover: Failover): Promise<void> {
    if (this.clock.monotonicMs() < this.retryAtMs) return;
    if (this.blocked.failover !== failover.id) this.blocked = { failover: failover.id, rounds: 0 };
    const election = await this.collect(state, failover);
    await this.conclude(failover, election);
    if (election.election.kind !== 'blocked') return;
    this.blocked.rounds += 1;
    this.retryAtMs = this.clock.monotonicMs() + retryBlockedMs;
  }

  /**
   * SEAL and COLLECT: asks every elector at once, and decides as soon as the answers suffice.
   *
   * @param preset votes that are known already (a primary that was stopped for a switchover)
   */
  async collect(
    state: ClusterState,
    failover: Failover,
    preset: SealVote[] = [],
  ): Promise<{ election: Election; votes: SealVote[] }> {
    const votes: SealVote[] = [...preset];
    const { preferred } = failover;
    const electors = electorsOf({ oldPrimary: failover.oldPrimary, syncSet: state.syncSet });
    const pending = new Set(electors.filter((name) => !votes.some((vote) => vote.node === name)));
    const judge = () => this.judge({ state, failover, votes, pending });
    return new Promise((resolve) => {
      const grace = { endMs: Number.POSITIVE_INFINITY, cancel: (() => undefined) as Cancel };
      const finish = () => resolve({ election: judge(), votes: [...votes] });
      const settle = () => {
        if (pending.size === 0) return finish();
        const election = judge();
        if (!isGoodEnough(election) || (preferred !== null && pending.has(preferred))) return;
        const others = [...pending].filter((name) => name !== failover.oldPrimary);
        const waitMs = graceFor({ election, votes, pending: others, count: state.syncSet.count });
        const endMs = this.clock.monotonicMs() + waitMs;
        if (endMs >= grace.endMs) return;
        grace.cancel();
        Object.assign(grace, { endMs, cancel: this.clock.after(waitMs, finish) });
      };
      for (const name of pending) {
        void this.askElector(state, failover, name).then((vote) => {
          votes.push(vote);
          pending.delete(name);
          settle();
        });
      }
      settle();
    });
  }

  private judge(round: {
    state: ClusterState;
    failover: Failover;
    votes: SealVote[];
    pending: Set<string>;
  }): Election {
    const { state, failover, votes } = round;
    const history = { current: state.reign.timeline, timelines: withHistories(state.timelines, votes) };
    return elect({
      oldPrimary: failover.oldPrimary,
      syncSet: state.syncSet,
      votes: [...votes],
      pending: [...round.pending],
      preferred: failover.preferred,
      avoided: barsOf(state),
      priorities: new Map(Object.values(state.members).map(({ name, policy }) => [name, policy.priority])),
      compare: (left, right) => this.options.comparePositions(left, right, history),
    });
  }

  private async askElector(state: ClusterState, failover: Failover, name: string): Promise<SealVote> {
    const endMs = this.clock.monotonicMs() + (name === failover.preferred ? preferredDeadlineMs : 0);
    for (;;) {
      const vote = await this.askToSeal(state, failover, name);
      if (vote.ok || this.clock.monotonicMs() >= endMs) return vote;
      await sleep(this.clock, preferredRetryMs);
    }
  }

  private async askToSeal(state: ClusterState, failover: Failover, name: string): Promise<SealVote> {
    const member = state.members[name];
    if (!member) return { ok: false, node: name, reason: 'no longer a member' };
    const { deadlineMs, patienceMs } = sealLimits(this.options.timing.sealDeadlineMs, this.blocked.rounds);
    const input = { clusterId: state.clusterId, epoch: failover.epoch, failoverId: failover.id, patienceMs };
    try {
      return await this.options.peers.call(member, 'seal', { input, deadlineMs });
    } catch (error) {
      return { ok: false, node: name, reason: messageOf(error) };
    }
  }

  /** Writes the outcome of an election into the log: a grant, or what blocks it. */
  async conclude(failover: Failover, outcome: { election: Election; votes: SealVote[] }): Promise<boolean> {
    const { election, votes } = outcome;
    const { commander } = this.options;
    if (election.kind === 'blocked') {
      const { blockedBy, verdicts } = election;
      await commander.submit(
        { kind: 'block-failover', id: failover.id, votes, candidates: verdicts, blockedBy },
        commandDeadlineMs,
      );
      return false;
    }
    // A failover of an older release does not say: the wait is never wrong.
    if (failover.mayLose !== false && election.kind === 'promote') {
      this.closedFor = failover.id;
      const state = this.options.state();
      if (state) this.keepGate(state);
      await this.waitOutLease();
    }
    const result = await commander.submit(
      {
        kind: 'grant',
        failoverId: failover.id,
        epoch: failover.epoch,
        candidate: election.candidate,
        promote: election.kind === 'promote',
        parentTimeline: election.parentTimeline,
        history: election.vote.history,
        votes,
        candidates: election.verdicts,
      },
      commandDeadlineMs,
    );
    this.tick();
    return result.ok;
  }

  /**
   * Without quorum commit only the end of the old lease proves that the old primary has stopped. The gate is closed; a
   * renewal that came just before may be heard of while this waits.
   */
  private async waitOutLease(): Promise<void> {
    const sinceMs = this.options.leadership().leaderSinceMs ?? this.clock.monotonicMs();
    for (;;) {
      const last = Math.max(this.watch.renewedAtMs ?? 0, sinceMs);
      const waitMs = granterDeadlineMs(last, this.leaseMs()) - this.clock.monotonicMs();
      if (waitMs <= 0) return;
      await sleep(this.clock, waitMs);
    }
  }

  /** The longest that the reign's primary may have been given. */
  private leaseMs(): number {
    return Math.max(this.options.timing.leaseMs, this.options.state()?.reign.leaseMs ?? 0);
  }

  /** A switchover's operation runs the election of this failover until it lets go (null). */
  claim(failoverId: string | null): void {
    this.claimed = failoverId;
  }
}
