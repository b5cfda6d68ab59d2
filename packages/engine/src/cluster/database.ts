import type { TimelineRecord, WalPosition } from '../contract/cluster-state.ts';
import type { NodeReport } from '../contract/node-report.ts';
import type { Consumer } from '../postgres/consumers.ts';
import type { CopyProgress } from '../postgres/copy-progress.ts';
import type { DataSwap } from '../postgres/data-swap.ts';
import type { RewindOutcome } from '../postgres/rewind-outcome.ts';
import type { AgreedSettings } from '../postgres/settings.ts';
import type { TornRecord } from '../postgres/torn-record.ts';
import type { Unconfirmed } from '../postgres/unconfirmed.ts';
import type { FollowerSlots } from '../replication/follower-slots.ts';
import type { SlotMirror } from '../replication/slot-mirror.ts';
import type { SynchronousOrder } from '../replication/synchronous.ts';

/** A server to stream from. */
export interface UpstreamNode {
  name: string;
  host: string;
  port: number;
  /** It belongs to another cluster, where ours is known by this name. */
  follower?: string;
}

export type { CopyProgress, RewindOutcome };

/** Whether local WAL is part of the cluster's history. */
export type HistoryVerdict =
  | { kind: 'contained' }
  | { kind: 'diverged'; forkLsn: string; timeline: number }
  | { kind: 'unknown-timeline' };

/** The last look at the running server; at most a second or so old. */
export interface Observation {
  inRecovery: boolean;
  /** Of the running server, as "15.18". */
  version: string;
  timeline: number | null;
  lsn: string | null;
  replayLsn: string | null;
  receiverStatus: string | null;
  /** Standby: whom its receiver is connected to, as it was told. */
  sender: { host: string; port: number } | null;
  /** Standby: replay waits on purpose, because it is to be late or because somebody has paused it. */
  isHeldBack: boolean;
  /** Standby: when the newest visible transaction was committed (wall clock of its primary). */
  lastCommitMs: number | null;
  clients: 'open' | 'closed';
  /** For whom commits waited at this look, in PostgreSQL's words. */
  synchronousStandbyNames: string;
  standbys: NodeReport['standbys'];
  /** Primary: consumers that PostgreSQL has lately taken for a member of the synchronous set; they were ended at once. */
  impostors: Consumer[];
  /** Parameters whose new value takes effect with the next restart. */
  pendingRestart: string[];
  /** Whose commits wait for less than the cluster promises, in words. */
  unguarded: string[];
  /** Commits whose wait for the standbys was given up, since the daemon began to look. */
  cancelledWaits: number;
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
  /**
   * Starts as a standby, always, and waits until it answers; one that nobody waits for any more goes on recovering. Clients
   * are let in only when `clients` is open (its WAL is proven).
   */
  startStandby(options: {
    upstream: UpstreamNode | null;
    clients: 'open' | 'closed';
    signal: AbortSignal;
  }): Promise<void>;
  setUpstream(upstream: UpstreamNode | null): Promise<void>;
  /** Only of a primary that holds its lease: what it writes may go to the archive, whatever closed that before. */
  openArchive(): Promise<void>;
  /** Lets clients in on a running server, or shuts them out. */
  setClients(clients: 'open' | 'closed'): Promise<void>;
  clone(
    upstream: UpstreamNode,
    options: { onProgress(progress: CopyProgress): void; signal: AbortSignal },
  ): Promise<void>;
  /** The data of a stopped server is not to be started any more: a new copy takes its place. Durable. */
  giveUp(what: string): Promise<void>;
  /** What was begun with the data directory and did not end well, if anything: it must not be started. */
  interruption(): Promise<string | null>;
  /**
   * Takes the data of a stopped server, which left the upstream's history, back into it. `rewound`: the server runs as a
   * standby of the upstream, with its clients shut out. Otherwise it is stopped.
   */
  rewind(
    upstream: UpstreamNode,
    options: {
      /** Where the histories part; null when nobody knows. */
      forkLsn: string | null;
      onProgress(progress: CopyProgress): void;
      onStep(words: string): void;
      /** Asked when the data is rewound, before the server starts to receive WAL. */
      mayReceive(): Promise<boolean>;
      signal: AbortSignal;
    },
  ): Promise<RewindOutcome>;
  /** Of a primary: whether another node may rewind to it now. What that takes is begun. Null: a node of another cluster. */
  offerRewind(node: string | null): Promise<boolean>;
  /** Stops the WAL receiver until its process is gone, then reads the exact end of the local WAL. */
  seal(patienceMs?: number): Promise<{ ok: true; position: WalPosition } | { ok: false; reason: string }>;
  exactEndOfWal(): Promise<WalPosition>;
  /**
   * Of a standby that streams from nobody: whether a commit in its WAL lies past the confirmed position, and so may never
   * have been acknowledged.
   */
  unconfirmed(confirmed: WalPosition, signal: AbortSignal): Promise<Unconfirmed>;
  /** Of a standby whose replay stands still: ends what stands in its way, a pause or readers. Null when nothing does. */
  freeReplay(): Promise<'paused' | 'sessions' | null>;
  /** Where the server is now: insert position of a primary, end of received WAL of a standby. */
  position(): Promise<WalPosition>;
  history(timeline: number): Promise<{ timeline: number; parentId: number; forkLsn: string }[]>;
  judge(position: WalPosition, timeline: number, timelines: TimelineRecord[]): HistoryVerdict;
  /** Timelines that this node knows from a primary, once it knows `timeline` too, and that `timeline` does not descend from. */
  strayTimelines(timeline: number, timelines: TimelineRecord[]): Promise<number[]>;
  /**
   * Cluster-wide parameters and client access lines, of which those that QuantaDB owns are refused and logged; and how late
   * a standby is to be, which counts at once, also for what it waits for already.
   */
  applyConfiguration(configuration: AgreedSettings): Promise<void>;
  /** Which of these PostgreSQL or QuantaDB would refuse here, and why; nothing is changed. */
  refusedParameters(parameters: Record<string, string>): Promise<{ name: string; detail: string }[]>;
  /** Tells PostgreSQL whom a commit waits for; an order older than the last one changes nothing. */
  applySynchronous(order: SynchronousOrder): Promise<void>;
  /** A standby's slots after those of its primary; null where there are no slots. */
  readonly mirror: Pick<SlotMirror, 'kept' | 'lost' | 'follow' | 'advance' | 'logical'> | null;
  /** WAL that is kept for clusters that follow this one; null where there are no slots. */
  readonly followers: Pick<FollowerSlots, 'keep' | 'drop'> | null;
  /** What a failover left of a record that was on its way; null where there are none. */
  readonly torn: Pick<TornRecord, 'reachesOver' | 'erase'> | null;
  /** A restored copy in the place of the data, and back; null where there are no directories. */
  readonly swap: Pick<DataSwap, 'pending' | 'putInPlace' | 'takeBack' | 'finish'> | null;
  ensureSlots(nodes: string[]): Promise<void>;
  dropSlotsExcept(nodes: string[]): Promise<void>;
  /** Of a primary: whether the WAL after that position is still there for a standby to stream. */
  holdsWal(lsn: string): Promise<boolean>;
  /** Names of the standbys that stream from here right now. */
  connectedStandbys(): Promise<string[]>;
  /**
   * The deadline counts from when the replay of what is there last moved on. Once triggered, PostgreSQL goes on with it
   * whatever becomes of this call.
   */
  promote(options: {
    timeline: number;
    deadlineMs: number;
    signal: AbortSignal;
  }): Promise<{ forkLsn: string }>;
  probe(deadlineMs: number): Promise<{ ok: boolean; detail: string }>;
  createApplication(application: { role: string; database: string; password: string }): Promise<void>;
  /** A checkpoint now, so that the shutdown that follows is short, and what else would hold that shutdown up. */
  prepareStop(): Promise<{ ok: true } | { ok: false; reason: string }>;
  /**
   * Makes commits wait as ordered, and answers once as many of the named standbys as a commit waits for hold everything
   * that was acknowledged before. `isFirst`: commits may not have waited at all until now, so every older statement has
   * to end first.
   */
  confirmSynchronous(
    order: SynchronousOrder & { isFirst: boolean; deadlineMs: number },
  ): Promise<{ ok: true } | { ok: false; reason: string }>;
  stopFast(deadlineMs: number): Promise<void>;
  /** SIGKILLs PostgreSQL and everything it started; returns when nothing is left. */
  kill(why: string): Promise<void>;
  setAside(): Promise<void>;
}
