import type { DurabilityMode, SyncSet, TimelineRecord, WalPosition } from '../contract/cluster-state.ts';
import type { NodeReport } from '../contract/node-report.ts';

/** A server to stream from. */
export interface UpstreamNode {
  name: string;
  host: string;
  port: number;
}

export interface CloneProgress {
  doneBytes: number;
  totalBytes: number | null;
}

/** Whether local WAL is part of the cluster's history. */
export type HistoryVerdict =
  | { kind: 'contained' }
  | { kind: 'diverged'; forkLsn: string; timeline: number }
  | { kind: 'unknown-timeline' };

/** The last look at the running server; at most a second or so old. */
export interface Observation {
  inRecovery: boolean;
  timeline: number | null;
  lsn: string | null;
  replayLsn: string | null;
  receiverStatus: string | null;
  standbys: NodeReport['standbys'];
}

/**
 * What the agent needs of PostgreSQL on this host. `postgres/` implements it on the real server; the simulator may
 * put a model behind it. Every method has its own deadline and throws QuantaError when it cannot do what it says.
 */
export interface Database {
  isInitialised(): Promise<boolean>;
  /** Pid of the postmaster, or null. */
  pid(): number | null;
  isRunning(): Promise<boolean>;
  /** Null while the server does not run or does not answer. */
  observation(): Observation | null;
  /** Runs and is out of recovery. */
  isPrimary(): Promise<boolean>;
  initialise(): Promise<{ systemIdentifier: string }>;
  systemIdentifier(): Promise<string>;
  /** Starts as a standby, always. Clients are let in only when `clients` is open (its WAL is proven). */
  startStandby(options: { upstream: UpstreamNode | null; clients: 'open' | 'closed' }): Promise<void>;
  setUpstream(upstream: UpstreamNode | null): Promise<void>;
  /** Lets clients in on a running server, or shuts them out. */
  setClients(clients: 'open' | 'closed'): Promise<void>;
  clone(
    upstream: UpstreamNode,
    options: { onProgress(progress: CloneProgress): void; signal: AbortSignal },
  ): Promise<void>;
  /** Stops the WAL receiver until its process is gone, then reads the exact end of the local WAL. */
  seal(): Promise<{ ok: true; position: WalPosition } | { ok: false; reason: string }>;
  exactEndOfWal(): Promise<WalPosition>;
  /** Where the server is now: insert position of a primary, end of received WAL of a standby. */
  position(): Promise<WalPosition>;
  history(timeline: number): Promise<{ timeline: number; parentId: number; forkLsn: string }[]>;
  judge(position: WalPosition, timeline: number, timelines: TimelineRecord[]): HistoryVerdict;
  /** Cluster-wide parameters and client access lines; those that QuantaDB owns are refused and logged. */
  applyConfiguration(configuration: { parameters: Record<string, string>; hba: string[] }): Promise<void>;
  applySynchronous(set: SyncSet, mode: DurabilityMode): Promise<void>;
  ensureSlots(nodes: string[]): Promise<void>;
  dropSlotsExcept(nodes: string[]): Promise<void>;
  /** Names of the standbys that stream from here right now. */
  connectedStandbys(): Promise<string[]>;
  promote(options: { timeline: number; deadlineMs: number }): Promise<{ forkLsn: string }>;
  probe(deadlineMs: number): Promise<{ ok: boolean; detail: string }>;
  createApplication(application: { role: string; database: string; password: string }): Promise<void>;
  /** A checkpoint now, so that the shutdown that follows is short, and what else would hold that shutdown up. */
  prepareStop(): Promise<{ ok: true } | { ok: false; reason: string }>;
  /**
   * Makes commits wait for the set, and answers once every transaction that began before has ended and every named
   * standby has confirmed a later position.
   */
  confirmSynchronous(request: {
    set: SyncSet;
    mode: DurabilityMode;
    deadlineMs: number;
  }): Promise<{ ok: true } | { ok: false; reason: string }>;
  stopFast(deadlineMs: number): Promise<void>;
  /** SIGKILLs PostgreSQL and everything it started; returns when nothing is left. */
  kill(why: string): Promise<void>;
  setAside(): Promise<void>;
}
