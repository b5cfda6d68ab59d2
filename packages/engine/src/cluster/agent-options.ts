import type { ClusterState } from '../contract/cluster-state.ts';
import type { NodeState } from '../contract/status.ts';
import type { LeaseKeeper } from '../failover/lease-keeper.ts';
import type { SealStore } from '../failover/seal-store.ts';
import type { FailoverTiming } from '../failover/timing.ts';
import type { Clock } from '../shared/clock.ts';
import type { Logger } from '../shared/logger.ts';
import type { Commander } from './commander.ts';
import type { ConfirmedWal } from './confirmed-wal.ts';
import type { Database } from './database.ts';
import type { LastPosition } from './last-position.ts';
import type { Peers } from './peer-protocol.ts';

export interface NodeAgentOptions {
  self: string;
  database: Database;
  seal: SealStore;
  lease: LeaseKeeper;
  confirmed: ConfirmedWal;
  lastPosition: LastPosition;
  timing: FailoverTiming;
  commander: Commander;
  peers: Peers;
  state(): ClusterState | null;
  /** This node's reign is over because its PostgreSQL is gone: tell the decider, which need not wait for silence. */
  onPrimaryLost(epoch: number, detail: string): void;
  logger: Logger;
  clock?: Clock;
}

/** What the agent says it is doing; the report shows it as it is. */
export interface Activity {
  state: NodeState;
  detail: string;
}
