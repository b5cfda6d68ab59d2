/** One member of the group. The configuration names hosts too, so that the log alone tells how to reach everybody. */
export interface RaftPeer {
  /** Positive, never reused: a node that lost its state comes back under a new id. */
  id: number;
  name: string;
  host: string;
  port: number;
  role: 'voter' | 'learner';
}

/** Where a member's Raft port is, and whose certificate it shows. */
export type PeerAddress = Omit<RaftPeer, 'role'>;

/** The members, sorted by id. In force from the moment it is appended (Raft thesis §4.1). */
export type Configuration = readonly RaftPeer[];

export type ConfigurationChange =
  | { kind: 'add-learner'; peer: PeerAddress }
  | { kind: 'promote' | 'remove'; id: number };

export type Entry =
  | { index: number; term: number; kind: 'noop' }
  | { index: number; term: number; kind: 'command'; data: string }
  | { index: number; term: number; kind: 'configuration'; peers: Configuration };

/** What must survive a crash besides the entries. `vote` is 0 while none was cast; `commit` is only a hint. */
export interface HardState {
  term: number;
  vote: number;
  commit: number;
}

export interface Snapshot {
  index: number;
  term: number;
  configuration: Configuration;
  data: string;
}

/** `data` is the part of the whole that begins at `offset`; all in UTF-16 units. */
export interface SnapshotChunk extends Snapshot {
  offset: number;
  size: number;
}

/** The part of a snapshot that has arrived, from which leader's term (Raft §7). */
export interface IncomingSnapshot {
  leaderTerm: number;
  index: number;
  pieces: string[];
  received: number;
}

export type MessageBody =
  | { type: 'pre_vote' | 'vote'; lastIndex: number; lastTerm: number; transfer: boolean }
  | { type: 'pre_vote_reply' | 'vote_reply'; granted: boolean }
  | { type: 'append'; prevIndex: number; prevTerm: number; entries: readonly Entry[]; commit: number }
  | { type: 'append_reply'; matchIndex: number }
  | { type: 'append_rejected'; rejectedIndex: number; hintIndex: number; hintTerm: number }
  | { type: 'heartbeat'; commit: number; round: number }
  | { type: 'heartbeat_reply'; round: number }
  | { type: 'snapshot'; chunk: SnapshotChunk }
  | { type: 'snapshot_reply'; index: number; received: number }
  | { type: 'timeout_now' }
  /** Tells a leader of an older term about the newer one, so that a returned member is not ignored for ever. */
  | { type: 'term_notice' };

export type Message = { from: number; to: number; term: number } & MessageBody;

export interface RaftTiming {
  heartbeatMs: number;
  electionMinMs: number;
  electionMaxMs: number;
}

export const defaultTiming: RaftTiming = { heartbeatMs: 100, electionMinMs: 800, electionMaxMs: 1600 };

export type RaftRole = 'leader' | 'candidate' | 'pre-candidate' | 'follower' | 'learner';

/** What the group of one process starts from: read from its storage. */
export interface PersistedState {
  hardState: HardState;
  snapshot: Snapshot | null;
  entries: Entry[];
}

export interface CommittedRead {
  id: number;
  index: number;
}

/**
 * The output of the core, as in etcd-io/raft. The order is the protocol: `early` may be sent at once (a leader's own
 * appends, Raft thesis §10.2.1), then snapshot, entries and hard state are made durable, then `messages` are sent.
 */
export interface Ready {
  early: Message[];
  hardState: HardState;
  /** False when only the commit hint moved: no reply depends on it. */
  mustSync: boolean;
  snapshot: Snapshot | null;
  entries: Entry[];
  messages: Message[];
  committed: Entry[];
  reads: CommittedRead[];
  failedReads: number[];
}

export function voters(configuration: Configuration): number[] {
  return configuration.filter((peer) => peer.role === 'voter').map((peer) => peer.id);
}

export function majority(count: number): number {
  return Math.floor(count / 2) + 1;
}
