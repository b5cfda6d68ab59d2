import type { DataDirectory, Fork, WalRecord } from './data-directory.ts';
import type { HostDisk } from './disk.ts';
import type { Network } from './network.ts';
import type { World } from './world.ts';

/** What the two ends of a replication connection need of each other, and of the servers they belong to. */

/** What is sent down a replication connection. */
export type ReplicationMessage =
  | { kind: 'wal'; records: WalRecord[] }
  | { kind: 'switch'; fork: Fork }
  | { kind: 'keepalive' };

export interface Sender {
  readonly standby: string;
  /** What the standby has said it has flushed. */
  readonly confirmedLsn: number;
  push(): void;
  heard(flushedLsn: number): void;
  close(): void;
}

export interface Receiver {
  readonly upstream: string;
  readonly status: 'connecting' | 'streaming';
  readonly server: ReplicatingServer;
  receive(sender: Sender, message: ReplicationMessage): void;
  disconnected(sender: Sender): void;
}

export interface ServerSurroundings {
  name: string;
  world: World;
  network: Network;
  disk: HostDisk;
  data: DataDirectory;
  serverOf(name: string): ReplicatingServer | undefined;
}

export interface ReplicatingServer {
  readonly parts: ServerSurroundings;
  readonly name: string;
  readonly isUp: boolean;
  readonly isFrozen: boolean;
  /** A planted bug: acknowledges what it has not flushed. */
  readonly acknowledgesUnflushed: boolean;
  readonly senders: Map<string, Sender>;
  receiver: Receiver | null;
  /** Told before its receiver acknowledges WAL up to `lsn`. */
  acknowledgesWal(lsn: number): void;
  /** Does `work` in this life of the server, when it is not frozen. */
  later(delayMs: number, kind: 'disk' | 'timer', work: () => void): void;
  flush(): void;
  /** Answers the commits whose turn has come. */
  release(): void;
  receiverGone(): void;
}
