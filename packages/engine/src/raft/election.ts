import { entryBytes } from './log.ts';
import { newProgress } from './progress.ts';
import { broadcastAppend, maybeCommit, syncProgress } from './replication.ts';
import type { CoreState } from './state.ts';
import { isMember, isVoter, otherVoters, resetElectionTimer, send } from './state.ts';
import type { Message, MessageBody } from './types.ts';
import { majority, voters } from './types.ts';

type Of<T extends Message['type']> = Extract<Message, { type: T }>;

export function becomeFollower(state: CoreState, term: number, leaderId: number | null): void {
  if (term !== state.term) {
    state.term = term;
    state.vote = 0;
  }
  state.role = 'follower';
  state.leaderId = leaderId;
  if (leaderId !== null) state.leaderContactMs = state.nowMs;
  state.votes.clear();
  state.progress.clear();
  state.transfer = null;
  state.leaderSinceMs = null;
  state.reads.failAll();
  resetElectionTimer(state);
}

/**
 * A candidate must be a voter of the newest configuration in its log (Raft thesis §4.1), and fit to decide. One whose
 * removal is not committed may still be needed (§4.2.2): perhaps only its log has the removal, and no other can win.
 * Its own vote does not count then.
 */
export function mayCampaign(state: CoreState): boolean {
  const { log } = state;
  const isEligible = isVoter(state) || voters(log.configurationAt(log.commitIndex)).includes(state.id);
  return state.role !== 'leader' && state.mayLead && isEligible && log.pendingSnapshot === null;
}

/**
 * Pre-vote (Raft thesis §9.6): asks whether an election could be won before the term is raised, so that a member that
 * was cut off does not depose a working leader when it returns.
 */
export function startPreVote(state: CoreState): void {
  state.role = 'pre-candidate';
  state.leaderId = null;
  resetElectionTimer(state);
  state.votes = new Map([[state.id, true]]);
  requestVotes(state, 'pre_vote', false);
  tally(state, 'pre_vote', false);
}

export function startElection(state: CoreState, transfer: boolean): void {
  state.role = 'candidate';
  state.leaderId = null;
  state.term += 1;
  state.vote = state.id;
  resetElectionTimer(state);
  state.votes = new Map([[state.id, true]]);
  requestVotes(state, 'vote', transfer);
  tally(state, 'vote', transfer);
}

function requestVotes(state: CoreState, type: 'pre_vote' | 'vote', transfer: boolean): void {
  const term = type === 'pre_vote' ? state.term + 1 : state.term;
  const body: MessageBody = { type, lastIndex: state.log.lastIndex, lastTerm: state.log.lastTerm, transfer };
  for (const id of otherVoters(state)) send(state, id, body, term);
}

function tally(state: CoreState, type: 'pre_vote' | 'vote', transfer: boolean): void {
  const ids = voters(state.log.configuration);
  const needed = majority(ids.length);
  const granted = ids.filter((id) => state.votes.get(id) === true).length;
  const refused = ids.filter((id) => state.votes.get(id) === false).length;
  if (granted >= needed) {
    if (type === 'pre_vote') startElection(state, transfer);
    else becomeLeader(state);
  } else if (ids.length - refused < needed) {
    becomeFollower(state, state.term, null);
  }
}

export function becomeLeader(state: CoreState): void {
  const { log } = state;
  state.role = 'leader';
  state.leaderId = state.id;
  state.votes.clear();
  state.progress.clear();
  state.transfer = null;
  state.leaderSinceMs = null;
  state.quorumCheckAfterMs = state.nowMs + state.timing.electionMaxMs;
  state.heartbeatDueMs = state.nowMs + state.timing.heartbeatMs;
  syncProgress(state);
  const own = state.progress.get(state.id) ?? newProgress(log.lastIndex + 1);
  own.matchIndex = log.stableIndex;
  // Raft §8: without an entry of its own term a new leader cannot learn which entries are committed.
  log.appendOwn({ index: log.lastIndex + 1, term: state.term, kind: 'noop' });
  state.uncommittedBytes = log
    .range(log.commitIndex + 1, log.lastIndex)
    .reduce((sum, entry) => sum + entryBytes(entry), 0);
  maybeCommit(state);
  broadcastAppend(state);
}

/** While a leader is heard, elections are not (Raft thesis §4.2.3): a removed or cut-off server cannot disturb. */
function hearsLeader(state: CoreState): boolean {
  if (state.role === 'leader') return true;
  if (state.leaderId === null) return false;
  return state.nowMs - state.leaderContactMs < state.timing.electionMinMs;
}

export function ignoresElection(state: CoreState, message: Of<'vote' | 'pre_vote'>): boolean {
  return !message.transfer && hearsLeader(state);
}

export function handleVoteRequest(state: CoreState, message: Of<'vote' | 'pre_vote'>): void {
  const { log } = state;
  const isPreVote = message.type === 'pre_vote';
  const reply = isPreVote ? 'pre_vote_reply' : 'vote_reply';
  const free =
    state.vote === message.from ||
    (state.vote === 0 && state.leaderId === null) ||
    (isPreVote && message.term > state.term);
  // A member that knows no configuration is new, or lost its state and with it the memory of votes it cast.
  const knowsGroup = log.configuration.length > 0;
  const granted = knowsGroup && free && log.isUpToDate(message.lastIndex, message.lastTerm);
  if (!granted) {
    send(state, message.from, { type: reply, granted: false });
    return;
  }
  // A granted pre-vote answers with the term it would count for, and promises nothing.
  send(state, message.from, { type: reply, granted: true }, message.term);
  if (isPreVote) return;
  state.vote = message.from;
  resetElectionTimer(state);
}

export function handleVoteReply(state: CoreState, message: Of<'vote_reply' | 'pre_vote_reply'>): void {
  const wanted = message.type === 'pre_vote_reply' ? 'pre-candidate' : 'candidate';
  if (state.role !== wanted || !isMember(state, message.from)) return;
  if (message.type === 'pre_vote_reply' && message.granted && message.term !== state.term + 1) return;
  if (!state.votes.has(message.from)) state.votes.set(message.from, message.granted);
  tally(state, message.type === 'pre_vote_reply' ? 'pre_vote' : 'vote', false);
}
