import { entryBytes } from './log.ts';
import type { Progress } from './progress.ts';
import { acknowledge, becomeSnapshot, isPaused, newProgress, reject } from './progress.ts';
import { continueSnapshot, receiveChunk, repeatLostChunk, sendChunk } from './snapshot-transfer.ts';
import type { CoreState } from './state.ts';
import { hasCommittedOwnTerm, isMember, resetElectionTimer, send } from './state.ts';
import type { Message } from './types.ts';
import { majority, voters } from './types.ts';

type Of<T extends Message['type']> = Extract<Message, { type: T }>;

export const appendBytesMax = 256 * 1024;

/** Brings the leader's table of peers in line with the configuration. A removed peer stays a while, to be told. */
export function syncProgress(state: CoreState): void {
  const members = new Set(state.log.configuration.map((peer) => peer.id));
  for (const id of members) {
    const known = state.progress.get(id);
    if (known) {
      known.departingUntilMs = null;
      continue;
    }
    const added = newProgress(state.log.lastIndex + 1);
    added.lastContactMs = null;
    state.progress.set(id, added);
  }
  for (const [id, progress] of state.progress) {
    if (members.has(id) || id === state.id || progress.departingUntilMs !== null) continue;
    progress.departingUntilMs = state.nowMs + state.timing.electionMaxMs;
  }
}

export function forgetDeparted(state: CoreState): void {
  for (const [id, progress] of state.progress) {
    if (progress.departingUntilMs !== null && progress.departingUntilMs <= state.nowMs)
      state.progress.delete(id);
  }
}

export function broadcastAppend(state: CoreState): void {
  for (const [id, progress] of state.progress) {
    if (id !== state.id) sendAppend(state, id, progress);
  }
}

/** Sends what `progress` lacks. Entries go ahead of their acknowledgement, up to the bound of messages in flight. */
export function sendAppend(state: CoreState, to: number, progress: Progress): void {
  const { log } = state;
  if (isPaused(progress)) return;
  const prevIndex = progress.nextIndex - 1;
  const prevTerm = log.termAt(prevIndex);
  if (prevTerm === undefined || progress.nextIndex < log.firstIndex) {
    sendSnapshot(state, to, progress);
    return;
  }
  const entries = log.slice(progress.nextIndex, appendBytesMax);
  send(state, to, { type: 'append', prevIndex, prevTerm, entries, commit: log.commitIndex });
  progress.sentCommit = log.commitIndex;
  const last = entries.at(-1);
  if (progress.mode === 'probe') progress.probeSent = true;
  else if (last) {
    progress.nextIndex = last.index + 1;
    progress.inflight.push(last.index);
    if (last.index < log.lastIndex) sendAppend(state, to, progress);
  }
}

function sendSnapshot(state: CoreState, to: number, progress: Progress): void {
  const snapshot = state.log.snapshot;
  if (!snapshot) return;
  becomeSnapshot(progress, snapshot);
  sendChunk(state, to, progress);
}

/** A heartbeat never carries a commit index past what the peer is known to hold, so it needs no log check. */
export function broadcastHeartbeat(state: CoreState): void {
  const round = state.reads.startRound(state.log.commitIndex, hasCommittedOwnTerm(state));
  state.heartbeatDueMs = state.nowMs + state.timing.heartbeatMs;
  for (const [id, progress] of state.progress) {
    if (id === state.id) continue;
    const commit = Math.min(progress.matchIndex, state.log.commitIndex);
    send(state, id, { type: 'heartbeat', commit, round });
  }
  confirmReads(state);
}

/** Raft §5.4.2: only entries of the leader's own term are committed by counting; older ones follow with them. */
export function maybeCommit(state: CoreState): boolean {
  const { log } = state;
  const own = state.progress.get(state.id);
  if (own) own.matchIndex = log.stableIndex;
  const matches = voters(log.configuration).map((id) => state.progress.get(id)?.matchIndex ?? 0);
  const candidate = matches.sort((a, b) => b - a)[majority(matches.length) - 1] ?? 0;
  if (candidate <= log.commitIndex || log.termAt(candidate) !== state.term) return false;
  const newlyCommitted = log.range(log.commitIndex + 1, candidate);
  state.uncommittedBytes -= newlyCommitted.reduce((sum, entry) => sum + entryBytes(entry), 0);
  log.commitTo(candidate);
  state.leaderSinceMs ??= state.nowMs;
  return true;
}

/** Followers hear of a new commit index at once, not with the next heartbeat: a failover is several commits long. */
export function commitAndTell(state: CoreState): void {
  if (!maybeCommit(state)) return;
  for (const [id, progress] of state.progress) {
    if (id !== state.id && progress.sentCommit < state.log.commitIndex) sendAppend(state, id, progress);
  }
}

export function handleAppendReply(state: CoreState, message: Of<'append_reply'>): void {
  const progress = contact(state, message.from);
  if (!progress || message.matchIndex > state.log.lastIndex) return;
  const wasPaused = isPaused(progress);
  const advanced = acknowledge(progress, message.matchIndex);
  if (advanced) commitAndTell(state);
  const lacks = progress.nextIndex <= state.log.lastIndex || progress.sentCommit < state.log.commitIndex;
  if ((advanced || wasPaused) && lacks) sendAppend(state, message.from, progress);
  continueTransfer(state, message.from, progress);
}

export function handleAppendRejected(state: CoreState, message: Of<'append_rejected'>): void {
  const progress = contact(state, message.from);
  if (!progress) return;
  const guess = state.log.lastIndexWithTermUpTo(message.hintIndex, message.hintTerm) + 1;
  if (reject(progress, message.rejectedIndex, guess)) sendAppend(state, message.from, progress);
}

export function handleHeartbeatReply(state: CoreState, message: Of<'heartbeat_reply'>): void {
  const progress = contact(state, message.from);
  if (!progress) return;
  progress.ackedRound = Math.max(progress.ackedRound, Math.min(message.round, state.reads.round));
  confirmReads(state);
  if (progress.mode === 'snapshot') {
    repeatLostChunk(state, message.from, progress);
    return;
  }
  // The answer proves that the link works again, so a lost probe may be repeated and one lost append forgotten.
  progress.probeSent = false;
  if (isPaused(progress) && progress.mode === 'replicate') progress.inflight.shift();
  if (progress.matchIndex < state.log.lastIndex) sendAppend(state, message.from, progress);
}

export function handleSnapshotReply(state: CoreState, message: Of<'snapshot_reply'>): void {
  const progress = contact(state, message.from);
  if (progress?.mode === 'snapshot') continueSnapshot(state, message.from, progress, message);
}

function contact(state: CoreState, from: number): Progress | undefined {
  if (state.role !== 'leader') return undefined;
  const progress = state.progress.get(from);
  if (progress) progress.lastContactMs = state.nowMs;
  return progress;
}

/** Serves the reads whose round a majority of voters has answered (Raft thesis §6.4). */
export function confirmReads(state: CoreState): void {
  const ids = voters(state.log.configuration);
  const rounds = ids.map((id) => {
    if (id === state.id) return state.reads.round;
    return state.progress.get(id)?.ackedRound ?? 0;
  });
  const proven = rounds.sort((a, b) => b - a)[majority(ids.length) - 1] ?? 0;
  state.reads.confirm(proven);
}

export function continueTransfer(state: CoreState, id: number, progress: Progress): void {
  const { transfer, log } = state;
  if (transfer?.toId !== id || transfer.sent || progress.matchIndex < log.lastIndex) return;
  transfer.sent = true;
  send(state, id, { type: 'timeout_now' });
}

/** Whether a majority of voters was heard within the last election timeout (Raft thesis §6.2). */
export function hearsMajority(state: CoreState): boolean {
  const ids = voters(state.log.configuration);
  const sinceMs = state.nowMs - state.timing.electionMaxMs;
  const heard = ids.filter(
    (id) => id === state.id || (state.progress.get(id)?.lastContactMs ?? -Infinity) >= sinceMs,
  );
  return heard.length >= majority(ids.length);
}

export function handleAppend(state: CoreState, message: Of<'append'>): void {
  const { log } = state;
  hearLeader(state, message.from);
  if (message.prevIndex < log.commitIndex) {
    send(state, message.from, { type: 'append_reply', matchIndex: log.commitIndex });
    return;
  }
  if (log.termAt(message.prevIndex) !== message.prevTerm) {
    const hintIndex = log.lastIndexWithTermUpTo(Math.min(message.prevIndex, log.lastIndex), message.prevTerm);
    const hintTerm = log.termAt(hintIndex) ?? 0;
    const rejectedIndex = message.prevIndex;
    send(state, message.from, { type: 'append_rejected', rejectedIndex, hintIndex, hintTerm });
    return;
  }
  const matchIndex = log.merge(message.prevIndex, message.entries);
  log.commitTo(Math.min(message.commit, matchIndex));
  send(state, message.from, { type: 'append_reply', matchIndex });
}

export function handleHeartbeat(state: CoreState, message: Of<'heartbeat'>): void {
  hearLeader(state, message.from);
  state.log.commitTo(Math.min(message.commit, state.log.lastIndex));
  send(state, message.from, { type: 'heartbeat_reply', round: message.round });
}

export function handleSnapshot(state: CoreState, message: Of<'snapshot'>): void {
  const { log } = state;
  hearLeader(state, message.from);
  const { chunk } = message;
  if (chunk.index > log.commitIndex) {
    if (log.termAt(chunk.index) === chunk.term) log.commitTo(chunk.index);
    else {
      const snapshot = receiveChunk(state, message.term, chunk);
      if (!snapshot) {
        const received = state.incoming?.received ?? 0;
        send(state, message.from, { type: 'snapshot_reply', index: chunk.index, received });
        return;
      }
      log.restore(snapshot);
    }
  }
  state.incoming = null;
  send(state, message.from, { type: 'append_reply', matchIndex: log.commitIndex });
}

function hearLeader(state: CoreState, from: number): void {
  state.leaderId = from;
  state.leaderContactMs = state.nowMs;
  resetElectionTimer(state);
}

/** A leader that removed itself leads until the removal is committed (Raft thesis §4.2.2), then hands over. */
export function isRemovedLeader(state: CoreState): boolean {
  const { log } = state;
  return !isMember(state, state.id) && log.configurationIndex <= log.commitIndex;
}

/** The voter whose log is nearest to ours among those heard lately. */
export function bestSuccessor(state: CoreState): number | null {
  const sinceMs = state.nowMs - state.timing.electionMinMs;
  let best: { id: number; matchIndex: number } | null = null;
  for (const id of voters(state.log.configuration)) {
    const progress = state.progress.get(id);
    if (id === state.id || !progress || (progress.lastContactMs ?? -Infinity) < sinceMs) continue;
    if (!best || progress.matchIndex > best.matchIndex) best = { id, matchIndex: progress.matchIndex };
  }
  return best?.id ?? null;
}
