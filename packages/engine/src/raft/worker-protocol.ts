import type { ErrorCode } from '../shared/errors.ts';
import type { LeaseGate, ReceivedRenewal, RenewalOutcome } from './lease-ledger.ts';
import type { ConfigurationChange, RaftPeer, RaftRole, RaftTiming } from './types.ts';

/** Commands only: no-ops and configurations are Raft's own. */
export interface CommittedEntry {
  index: number;
  term: number;
  data: string;
}

export interface RaftStatus {
  id: number;
  role: RaftRole;
  term: number;
  leaderId: number | null;
  commitIndex: number;
  /** Up to here the state machine of the main thread has applied. */
  appliedIndex: number;
  lastIndex: number;
  /** Once everything up to here is applied, the state is no older than the one that this node had before it started. */
  replayTo: number;
  /** CLOCK_MONOTONIC ms since which this node leads with an entry of its own term committed. */
  leaderSinceMs: number | null;
  configuration: RaftPeer[];
  peers: { id: number; matchIndex: number; lastContactMs: number | null }[];
  fsyncMsMax: number;
  loopDelayMsMax: number;
}

/** When a member last answered on the connection that this node dialled: CLOCK_MONOTONIC ms, null when never. */
export interface PeerAnswer {
  id: number;
  atMs: number | null;
}

export type ProposalOutcome =
  | { ok: true; index: number; term: number }
  | {
      ok: false;
      /** `timeout` and `lost`-by-overwrite differ: after a timeout the entry may still be committed. */
      reason: 'not_leader' | 'queue_full' | 'lost' | 'timeout' | 'stopped';
      leaderId: number | null;
    };

export type SimpleOutcome = { ok: true } | { ok: false; reason: string };

export interface WorkerOptions {
  clusterId: string;
  id: number;
  directory: string;
  self: { name: string; host: string; port: number };
  version: string;
  listenHost: string;
  tls: { ca: string; cert: string; key: string };
  /** Found a new group with this node as its only voter, if the directory is empty. */
  bootstrap: boolean;
  timing: RaftTiming;
  /** After so long without a sign of life of the main thread this node hands over and does not campaign. */
  mainSilenceMsMax: number;
}

export type Request =
  | { type: 'propose'; data: string; deadlineMs: number }
  | { type: 'change-configuration'; change: ConfigurationChange; deadlineMs: number }
  | { type: 'transfer'; toId: number; deadlineMs: number }
  | { type: 'confirm'; deadlineMs: number }
  | { type: 'renew'; epoch: number; body: string; deadlineMs: number }
  | { type: 'stop' };

export type ToWorker =
  | { type: 'request'; id: number; request: Request }
  | { type: 'alive' }
  | { type: 'gate'; gate: LeaseGate | null }
  | { type: 'certificate'; tls: WorkerOptions['tls'] }
  | { type: 'applied'; index: number }
  | { type: 'keep-snapshot'; index: number; data: string };

export type WorkerEvent =
  | { type: 'status'; status: RaftStatus }
  | { type: 'committed'; upTo: number; entries: CommittedEntry[] }
  | { type: 'snapshot'; snapshot: { index: number; term: number; data: string } }
  | { type: 'lease-renewal'; renewal: ReceivedRenewal };

export type FromWorker =
  | WorkerEvent
  | { type: 'started'; status: RaftStatus }
  | { type: 'peer-answers'; answers: PeerAnswer[] }
  | { type: 'answer'; id: number; answer: ProposalOutcome | SimpleOutcome | RenewalOutcome }
  | { type: 'log'; level: 'debug' | 'info' | 'warn' | 'error'; fields: object; message: string }
  | { type: 'fatal'; code: ErrorCode; message: string; hint: string | undefined };
