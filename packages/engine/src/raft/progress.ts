import type { Snapshot } from './types.ts';

export const inflightMessagesMax = 64;

/**
 * What a leader knows of one peer, as in etcd-io/raft: `probe` sends one append and waits, `replicate` sends ahead
 * of the answers, `snapshot` waits for an installation.
 */
export interface Progress {
  mode: 'probe' | 'replicate' | 'snapshot';
  matchIndex: number;
  nextIndex: number;
  /** The commit index this peer was last told. */
  sentCommit: number;
  probeSent: boolean;
  /** Last index of each append that was not answered yet, oldest first. */
  inflight: number[];
  /** What is being sent in `snapshot` mode: kept until it has arrived, though a newer one may be taken meanwhile. */
  snapshot: Snapshot | null;
  snapshotOffset: number;
  snapshotSentMs: number;
  lastContactMs: number | null;
  ackedRound: number;
  /** Set for a removed peer that is still told about its removal: until when. */
  departingUntilMs: number | null;
}

export function newProgress(nextIndex: number): Progress {
  return {
    mode: 'probe',
    matchIndex: 0,
    nextIndex,
    sentCommit: 0,
    probeSent: false,
    inflight: [],
    snapshot: null,
    snapshotOffset: 0,
    snapshotSentMs: 0,
    lastContactMs: null,
    ackedRound: 0,
    departingUntilMs: null,
  };
}

export function isPaused(progress: Progress): boolean {
  switch (progress.mode) {
    case 'probe':
      return progress.probeSent;
    case 'replicate':
      return progress.inflight.length >= inflightMessagesMax;
    case 'snapshot':
      return true;
  }
}

export function becomeProbe(progress: Progress): void {
  progress.mode = 'probe';
  progress.nextIndex = progress.matchIndex + 1;
  progress.probeSent = false;
  progress.inflight = [];
}

function becomeReplicate(progress: Progress): void {
  progress.mode = 'replicate';
  progress.snapshot = null;
  progress.probeSent = false;
  progress.nextIndex = progress.matchIndex + 1;
  progress.inflight = [];
}

export function becomeSnapshot(progress: Progress, snapshot: Snapshot): void {
  progress.mode = 'snapshot';
  progress.snapshot = snapshot;
  progress.snapshotOffset = 0;
  progress.inflight = [];
}

/** The peer's log matches ours up to `index`. @returns whether that was news */
export function acknowledge(progress: Progress, index: number): boolean {
  const advanced = index > progress.matchIndex;
  if (advanced) progress.matchIndex = index;
  progress.nextIndex = Math.max(progress.nextIndex, index + 1);
  progress.inflight = progress.inflight.filter((last) => last > index);
  const ready = progress.matchIndex >= (progress.snapshot?.index ?? 0);
  if (progress.mode !== 'replicate' && ready) becomeReplicate(progress);
  return advanced;
}

/** The peer refused the append after `rejectedIndex`; `nextIndex` is the leader's guess. @returns whether it was not stale */
export function reject(progress: Progress, rejectedIndex: number, nextIndex: number): boolean {
  if (progress.mode === 'snapshot' || rejectedIndex <= progress.matchIndex) return false;
  if (progress.mode === 'probe' && rejectedIndex !== progress.nextIndex - 1) return false;
  becomeProbe(progress);
  progress.nextIndex = Math.max(Math.min(rejectedIndex, nextIndex), progress.matchIndex + 1);
  return true;
}
