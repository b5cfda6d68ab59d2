import { invariant } from '../shared/errors.ts';
import type { Random } from '../shared/random.ts';
import { planConfiguration } from './confchange.ts';
import * as election from './election.ts';
import { entryBytes, RaftLog } from './log.ts';
import { ReadQueue } from './reads.ts';
import * as replication from './replication.ts';
import { chunkLengthDefault } from './snapshot-transfer.ts';
import type { CoreState } from './state.ts';
import { hasCommittedOwnTerm, isMember, isVoter, resetElectionTimer, send } from './state.ts';
import { handleMessage } from './step.ts';
import type {
  Configuration,
  ConfigurationChange,
  Entry,
  HardState,
  Message,
  PersistedState,
  RaftRole,
  RaftTiming,
  Ready,
} from './types.ts';
import { voters } from './types.ts';

export const uncommittedEntriesMax = 2048;
export const uncommittedBytesMax = 4 * 1024 * 1024;
export const deliveredEntriesMax = 1024;
/** A learner this close to the leader's commit index may become a voter without making commits wait for it. */
export const promotionLagMax = 64;

export interface CoreOptions {
  id: number;
  timing: RaftTiming;
  random: Random;
  persisted: PersistedState;
  nowMs: number;
  snapshotChunkLength?: number;
}

export type CoreProposal =
  | { ok: true; index: number; term: number }
  | { ok: false; reason: 'not_leader' | 'queue_full' };

export type CoreConfigurationProposal =
  | CoreProposal
  /** Not now, but the same request may succeed soon. */
  | { ok: false; reason: 'not_yet'; detail: string }
  | { ok: false; reason: 'refused'; detail: string }
  | { ok: false; reason: 'unchanged'; index: number; term: number };

export interface CoreStatus {
  role: RaftRole;
  term: number;
  leaderId: number | null;
  commitIndex: number;
  appliedIndex: number;
  lastIndex: number;
  /** See `RaftLog.replayTo`. */
  replayTo: number;
  leaderSinceMs: number | null;
  configuration: Configuration;
  peers: { id: number; matchIndex: number; lastContactMs: number | null }[];
}

/**
 * The Raft core: no I/O, no clock, no chance of its own. Inputs are messages, ticks and requests with the present
 * time in monotonic ms; outputs are collected by `ready()`, whose `Ready` says what must be durable before what is sent.
 */
export class RaftCore {
  private readonly state: CoreState;
  private saved: HardState;

  constructor(options: CoreOptions) {
    const { persisted, nowMs } = options;
    this.state = {
      id: options.id,
      timing: options.timing,
      random: options.random,
      log: new RaftLog(persisted),
      reads: new ReadQueue(),
      nowMs,
      lastTickMs: nowMs,
      term: persisted.hardState.term,
      vote: persisted.hardState.vote,
      role: 'follower',
      leaderId: null,
      leaderContactMs: Number.NEGATIVE_INFINITY,
      electionDeadlineMs: nowMs,
      heartbeatDueMs: nowMs,
      quorumCheckAfterMs: nowMs,
      votes: new Map(),
      progress: new Map(),
      uncommittedBytes: 0,
      transfer: null,
      mayLead: true,
      snapshotChunkLength: options.snapshotChunkLength ?? chunkLengthDefault,
      incoming: null,
      leaderSinceMs: null,
      outbox: [],
    };
    this.saved = { ...persisted.hardState };
    resetElectionTimer(this.state);
    // Nobody else could lead: waiting an election timeout would only delay the start.
    if (this.isOnlyVoter()) this.state.electionDeadlineMs = nowMs;
  }

  status(): CoreStatus {
    const { state } = this;
    const { log } = state;
    const peers = [...state.progress].filter(([id]) => id !== state.id && isMember(state, id));
    return {
      role: state.role === 'follower' && !isVoter(state) ? 'learner' : state.role,
      term: state.term,
      leaderId: state.leaderId,
      commitIndex: log.commitIndex,
      appliedIndex: log.appliedIndex,
      lastIndex: log.lastIndex,
      replayTo: log.replayTo,
      leaderSinceMs: state.leaderSinceMs,
      configuration: log.configuration,
      peers: peers.map(([id, { matchIndex, lastContactMs }]) => ({ id, matchIndex, lastContactMs })),
    };
  }

  get isLeader(): boolean {
    return this.state.role === 'leader';
  }

  get term(): number {
    return this.state.term;
  }

  get log(): Omit<RaftLog, 'appendOwn' | 'merge' | 'restore' | 'commitTo'> {
    return this.state.log;
  }

  tick(nowMs: number): void {
    const { state } = this;
    this.advanceClock(nowMs);
    this.forgiveStall();
    state.lastTickMs = state.nowMs;
    if (state.role === 'leader') this.tickLeader();
    else if (state.nowMs >= state.electionDeadlineMs) {
      if (election.mayCampaign(state)) election.startPreVote(state);
      else {
        state.leaderId = null;
        resetElectionTimer(state);
      }
    }
    this.settle();
  }

  step(message: Message, nowMs: number): void {
    this.advanceClock(nowMs);
    invariant(message.to === this.state.id, `a message for ${message.to} reached ${this.state.id}`);
    handleMessage(this.state, message);
    this.settle();
  }

  propose(data: string, nowMs: number): CoreProposal {
    this.advanceClock(nowMs);
    const { state } = this;
    if (state.role !== 'leader' || state.transfer || !isMember(state, state.id)) {
      return { ok: false, reason: 'not_leader' };
    }
    const entry: Entry = { index: state.log.lastIndex + 1, term: state.term, kind: 'command', data };
    if (!this.hasRoomFor(entry)) return { ok: false, reason: 'queue_full' };
    return this.append(entry);
  }

  proposeConfiguration(change: ConfigurationChange, nowMs: number): CoreConfigurationProposal {
    this.advanceClock(nowMs);
    const { state } = this;
    const { log } = state;
    if (state.role !== 'leader' || state.transfer) return { ok: false, reason: 'not_leader' };
    // The bug found in 2015 in single-server changes: none before the leader's own term has a committed entry.
    if (!hasCommittedOwnTerm(state)) {
      return {
        ok: false,
        reason: 'not_yet',
        detail: 'the leader has not committed an entry of its term yet',
      };
    }
    if (log.configurationIndex > log.commitIndex) {
      return {
        ok: false,
        reason: 'not_yet',
        detail: 'another change of the configuration is not committed yet',
      };
    }
    const planned = planConfiguration(log.configuration, change);
    if (!planned.ok) return { ok: false, reason: 'refused', detail: planned.reason };
    if (!planned.changed) {
      const index = log.configurationIndex;
      return { ok: false, reason: 'unchanged', index, term: log.termAt(index) ?? state.term };
    }
    if (change.kind === 'promote' && !this.isCaughtUp(change.id)) {
      return { ok: false, reason: 'not_yet', detail: `learner ${change.id} has not caught up` };
    }
    const index = log.lastIndex + 1;
    return this.append({ index, term: state.term, kind: 'configuration', peers: planned.configuration });
  }

  /** Asks for a proof of leadership; the answer comes in `Ready.reads` or `Ready.failedReads` under the same id. */
  requestRead(id: number, nowMs: number): void {
    this.advanceClock(nowMs);
    const { state } = this;
    if (state.role !== 'leader' || !state.reads.add(id)) state.reads.fail(id);
    this.settle();
  }

  /** Raft thesis §3.10. @returns why it cannot even be tried, null when it is under way */
  transferTo(toId: number, nowMs: number): string | null {
    this.advanceClock(nowMs);
    const { state } = this;
    if (state.role !== 'leader') return 'not_leader';
    if (toId === state.id) return null;
    const progress = state.progress.get(toId);
    if (!isVoter(state, toId) || !progress) return 'not_a_voter';
    state.transfer = { toId, deadlineMs: state.nowMs + state.timing.electionMaxMs, sent: false };
    replication.sendAppend(state, toId, progress);
    replication.continueTransfer(state, toId, progress);
    return null;
  }

  /** Says whether the process around the core is fit to decide. An unfit leader hands over, or else steps down. */
  setMayLead(mayLead: boolean, nowMs: number): void {
    this.advanceClock(nowMs);
    const { state } = this;
    if (state.mayLead === mayLead) return;
    state.mayLead = mayLead;
    if (mayLead || state.role === 'follower') return;
    const successor = state.role === 'leader' ? replication.bestSuccessor(state) : null;
    if (successor === null || this.transferTo(successor, nowMs) !== null) this.stepDown();
  }

  compact(snapshot: { index: number; data: string }, keepEntries: number): boolean {
    const { log } = this.state;
    const term = log.termAt(snapshot.index);
    if (term === undefined || snapshot.index <= (log.snapshot?.index ?? 0)) return false;
    const configuration = log.configurationAt(snapshot.index);
    log.compact({ ...snapshot, term, configuration }, snapshot.index - keepEntries + 1);
    return true;
  }

  /**
   * Collects what there is to do, null if nothing. The caller carries it out in the order `Ready` documents and then
   * calls `persisted()`, before it asks again.
   *
   * @param applyUpTo bound on delivered entries, so that a slow state machine holds back delivery and not memory
   */
  ready(applyUpTo: number): Ready | null {
    const { state } = this;
    const { log } = state;
    const hardState: HardState = { term: state.term, vote: state.vote, commit: log.commitIndex };
    const { term, vote, commit } = this.saved;
    const votedOrNewTerm = hardState.term !== term || hardState.vote !== vote;
    const entries = log.unstableEntries();
    const snapshot = log.pendingSnapshot;
    const applyTo = Math.min(log.commitIndex, applyUpTo, log.appliedIndex + deliveredEntriesMax);
    const from = snapshot ? snapshot.index : log.appliedIndex;
    const somethingToDo =
      votedOrNewTerm ||
      hardState.commit !== commit ||
      entries.length > 0 ||
      snapshot !== null ||
      applyTo > from ||
      state.outbox.length > 0 ||
      state.reads.hasOutput;
    if (!somethingToDo) return null;
    const { early, late } = this.takeMessages(votedOrNewTerm || snapshot !== null);
    const committed = log.range(from + 1, applyTo);
    log.appliedIndex = Math.max(from, applyTo);
    this.saved = hardState;
    const mustSync = votedOrNewTerm || entries.length > 0 || snapshot !== null;
    const { reads, failedReads } = state.reads.take();
    return { early, hardState, mustSync, snapshot, entries, messages: late, committed, reads, failedReads };
  }

  /** Everything in `ready` is durable now. */
  persisted(ready: Ready): void {
    const { state } = this;
    const last = ready.entries.at(-1);
    if (last) state.log.markStable(last.index);
    if (ready.snapshot) state.log.snapshotInstalled();
    if (state.role === 'leader') replication.commitAndTell(state);
    this.settle();
  }

  private advanceClock(nowMs: number): void {
    this.state.nowMs = Math.max(this.state.nowMs, nowMs);
  }

  /**
   * A process that was stopped or starved finds its deadlines long past, while the messages that would have moved them
   * are still in its sockets. It gets one more heartbeat's grace instead of acting on stale clocks.
   */
  private forgiveStall(): void {
    const { state } = this;
    const { electionMinMs, heartbeatMs } = state.timing;
    const lateMs = state.nowMs - state.lastTickMs;
    if (lateMs < electionMinMs / 2 || this.isOnlyVoter()) return;
    const graceMs = 2 * heartbeatMs + state.random() * electionMinMs;
    state.electionDeadlineMs = Math.max(state.electionDeadlineMs, state.nowMs + graceMs);
    state.quorumCheckAfterMs = Math.max(state.quorumCheckAfterMs, state.nowMs + 2 * heartbeatMs);
  }

  private tickLeader(): void {
    const { state } = this;
    replication.forgetDeparted(state);
    if (state.transfer && state.nowMs >= state.transfer.deadlineMs) state.transfer = null;
    if (!state.mayLead && !state.transfer) {
      this.stepDown();
      return;
    }
    if (state.nowMs >= state.quorumCheckAfterMs && !replication.hearsMajority(state)) {
      this.stepDown();
      return;
    }
    if (state.nowMs >= state.heartbeatDueMs) replication.broadcastHeartbeat(state);
  }

  private stepDown(): void {
    election.becomeFollower(this.state, this.state.term, null);
  }

  /** Runs after every input: what a leader owes as a consequence of it. */
  private settle(): void {
    const { state } = this;
    if (state.role !== 'leader') return;
    if (replication.isRemovedLeader(state)) {
      const successor = replication.bestSuccessor(state);
      if (successor !== null) send(state, successor, { type: 'timeout_now' });
      this.stepDown();
      return;
    }
    if (hasCommittedOwnTerm(state) && state.reads.wantsRound()) replication.broadcastHeartbeat(state);
  }

  private append(entry: Entry): CoreProposal {
    const { state } = this;
    state.log.appendOwn(entry);
    state.uncommittedBytes += entryBytes(entry);
    if (entry.kind === 'configuration') replication.syncProgress(state);
    replication.broadcastAppend(state);
    return { ok: true, index: entry.index, term: entry.term };
  }

  private hasRoomFor(entry: Entry): boolean {
    const { log, uncommittedBytes } = this.state;
    if (log.lastIndex - log.commitIndex >= uncommittedEntriesMax) return false;
    return uncommittedBytes === 0 || uncommittedBytes + entryBytes(entry) <= uncommittedBytesMax;
  }

  private isCaughtUp(id: number): boolean {
    const { state } = this;
    const progress = state.progress.get(id);
    if (!progress || progress.mode === 'snapshot') return false;
    const heard =
      (progress.lastContactMs ?? Number.NEGATIVE_INFINITY) > state.nowMs - state.timing.electionMaxMs;
    // A voter that does not know the group refuses its vote, and the group could wait for just that vote for ever.
    const { configurationIndex, commitIndex } = state.log;
    return heard && progress.matchIndex >= Math.max(configurationIndex, commitIndex - promotionLagMax);
  }

  private isOnlyVoter(): boolean {
    const ids = voters(this.state.log.configuration);
    return ids.length === 1 && ids[0] === this.state.id;
  }

  /** A leader's appends may leave before its own disk has them (it does not count itself yet); promises may not. */
  private takeMessages(nothingEarly: boolean): { early: Message[]; late: Message[] } {
    const { state } = this;
    const outbox = state.outbox;
    state.outbox = [];
    if (nothingEarly || state.role !== 'leader') return { early: [], late: outbox };
    const isEarly = (message: Message): boolean =>
      message.term === state.term &&
      (message.type === 'append' || message.type === 'heartbeat' || message.type === 'snapshot');
    return { early: outbox.filter(isEarly), late: outbox.filter((message) => !isEarly(message)) };
  }
}
