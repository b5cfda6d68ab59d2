import type { Random } from '../shared/random.ts';
import type { RaftLog } from './log.ts';
import type { Progress } from './progress.ts';
import type { ReadQueue } from './reads.ts';
import type { IncomingSnapshot, Message, MessageBody, RaftRole, RaftTiming } from './types.ts';
import { voters } from './types.ts';

/** Everything the pure core knows. The functions of election.ts and replication.ts work on it; core.ts owns it. */
export interface CoreState {
  readonly id: number;
  readonly timing: RaftTiming;
  readonly random: Random;
  readonly log: RaftLog;
  readonly reads: ReadQueue;
  nowMs: number;
  lastTickMs: number;
  term: number;
  vote: number;
  role: Exclude<RaftRole, 'learner'>;
  leaderId: number | null;
  /** When this follower last heard its leader; while that is fresh it takes part in no election. */
  leaderContactMs: number;
  electionDeadlineMs: number;
  heartbeatDueMs: number;
  /** Before this moment a leader does not yet judge that it has lost its majority. */
  quorumCheckAfterMs: number;
  votes: Map<number, boolean>;
  progress: Map<number, Progress>;
  uncommittedBytes: number;
  transfer: { toId: number; deadlineMs: number; sent: boolean } | null;
  /** False while the process around the core is unfit to decide (its main thread is silent). */
  mayLead: boolean;
  readonly snapshotChunkLength: number;
  /** A snapshot that a leader is sending. */
  incoming: IncomingSnapshot | null;
  leaderSinceMs: number | null;
  outbox: Message[];
}

export function send(state: CoreState, to: number, body: MessageBody, term: number = state.term): void {
  state.outbox.push({ from: state.id, to, term, ...body });
}

export function isVoter(state: CoreState, id: number = state.id): boolean {
  return state.log.configuration.some((peer) => peer.id === id && peer.role === 'voter');
}

export function isMember(state: CoreState, id: number): boolean {
  return state.log.configuration.some((peer) => peer.id === id);
}

export function otherVoters(state: CoreState): number[] {
  return voters(state.log.configuration).filter((id) => id !== state.id);
}

/** Raft §9.3: a fresh random timeout each time, so that split votes do not repeat. */
export function resetElectionTimer(state: CoreState): void {
  const { electionMinMs, electionMaxMs } = state.timing;
  state.electionDeadlineMs = state.nowMs + electionMinMs + state.random() * (electionMaxMs - electionMinMs);
}

/** Whether this leader has an entry of its own term committed, before which it may neither read nor change members. */
export function hasCommittedOwnTerm(state: CoreState): boolean {
  return state.log.termAt(state.log.commitIndex) === state.term;
}
