import { invariant } from '../shared/errors.ts';
import * as election from './election.ts';
import * as replication from './replication.ts';
import type { CoreState } from './state.ts';
import { isMember, send } from './state.ts';
import type { Message } from './types.ts';

type FromLeader = Extract<Message, { type: 'append' | 'heartbeat' | 'snapshot' }>;

export function handleMessage(state: CoreState, message: Message): void {
  if (acceptsTerm(state, message)) dispatch(state, message);
}

function isFromLeader(message: Message): message is FromLeader {
  return message.type === 'append' || message.type === 'heartbeat' || message.type === 'snapshot';
}

/** Raft §5.1, with the exceptions of pre-vote and of a leader that is heard. @returns whether to handle the message */
function acceptsTerm(state: CoreState, message: Message): boolean {
  if (message.term > state.term) return acceptsNewerTerm(state, message);
  if (message.term === state.term) return true;
  if (isFromLeader(message)) send(state, message.from, { type: 'term_notice' });
  else if (message.type === 'pre_vote') send(state, message.from, { type: 'pre_vote_reply', granted: false });
  return false;
}

function acceptsNewerTerm(state: CoreState, message: Message): boolean {
  if (message.type === 'vote' || message.type === 'pre_vote') {
    if (election.ignoresElection(state, message)) return false;
    if (message.type === 'vote') election.becomeFollower(state, message.term, null);
    return true;
  }
  if (message.type === 'pre_vote_reply' && message.granted) return true;
  // Only a member's answer can depose: a removed server keeps its old configuration, and perhaps a higher term.
  if (!isFromLeader(message) && !isMember(state, message.from)) return false;
  election.becomeFollower(state, message.term, isFromLeader(message) ? message.from : null);
  return true;
}

function dispatch(state: CoreState, message: Message): void {
  switch (message.type) {
    case 'pre_vote':
    case 'vote':
      election.handleVoteRequest(state, message);
      break;
    case 'pre_vote_reply':
    case 'vote_reply':
      election.handleVoteReply(state, message);
      break;
    case 'append':
    case 'heartbeat':
    case 'snapshot':
      followLeader(state, message);
      break;
    case 'append_reply':
      replication.handleAppendReply(state, message);
      break;
    case 'append_rejected':
      replication.handleAppendRejected(state, message);
      break;
    case 'snapshot_reply':
      replication.handleSnapshotReply(state, message);
      break;
    case 'heartbeat_reply':
      replication.handleHeartbeatReply(state, message);
      break;
    case 'timeout_now':
      if (election.mayCampaign(state) && state.role !== 'candidate') election.startElection(state, true);
      break;
    case 'term_notice':
      break;
  }
}

function followLeader(state: CoreState, message: FromLeader): void {
  invariant(state.role !== 'leader', `two leaders in term ${state.term}: ${state.id} and ${message.from}`);
  if (state.role !== 'follower') election.becomeFollower(state, message.term, message.from);
  if (message.type === 'append') replication.handleAppend(state, message);
  else if (message.type === 'heartbeat') replication.handleHeartbeat(state, message);
  else replication.handleSnapshot(state, message);
}
