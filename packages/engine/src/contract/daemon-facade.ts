import type { RepositoryTest, RepositoryTested } from './backup.ts';
import type { BackupOverview } from './backup-view.ts';
import type { ClusterEvent, ClusterState, Operation } from './cluster-state.ts';
import type { NodeReport } from './node-report.ts';
import type { OperationPlan, OperationRequest, OperationStart } from './operations.ts';
import type {
  RestoreInto,
  RestoreIntoPlan,
  RestoreIntoStart,
  RestorePlanning,
  RestoreQuestion,
} from './restore.ts';
import type { SettingsOverview } from './settings-view.ts';
import type { ClusterStatus, HostStatus } from './status.ts';

/** Who is calling, as proven by the transport. */
export type Caller =
  | { kind: 'local' } // the unix socket, whose file permissions are the proof
  | { kind: 'operator'; name: string } // a client certificate with CN `operator:<name>`
  | { kind: 'peer'; name: string }; // a client certificate with CN `<host name>`

export interface RestoreFacade {
  /** What a restore to a moment takes: from this cluster's repository, or from the one that is named. */
  plan(question: RestoreQuestion): Promise<RestorePlanning>;
  /** The same into a new cluster on a host that is in none. */
  planInto(request: RestoreInto): Promise<RestoreIntoPlan>;
  /** The repository's secrets go from this host to that one; nobody has to know them. */
  startInto(start: RestoreIntoStart): Promise<{ operationId: string }>;
  /** Every data node writes, reads and deletes in a repository that is only thought of. */
  tryRepository(test: RepositoryTest): Promise<RepositoryTested>;
}

/** What the daemon's HTTP API offers to the outside; the engine implements it. Refusals are QuantaErrors. */
export interface DaemonFacade {
  report(): NodeReport;
  state(): ClusterState | null;
  host(): HostStatus;
  /** Asks every member's daemon (each with a deadline) and judges: the same answer from any node. Null in no cluster. */
  clusterStatus(): Promise<ClusterStatus | null>;
  /** Prometheus text. */
  metrics(): Promise<string>;
  events(sinceId: number): ClusterEvent[];
  operations(): Operation[];
  /** What is agreed on about backups, and what the repository holds. Null in no cluster. */
  backups(): Promise<BackupOverview | null>;
  readonly restores: RestoreFacade;
  /** PostgreSQL's settings on every node. Null in no cluster. */
  settings(): Promise<SettingsOverview | null>;
  plan(request: OperationRequest): Promise<OperationPlan>;
  /** Starts the operation and returns at once; progress is in `operations()`. Forwarded to the decider. */
  start(start: OperationStart): Promise<{ operationId: string }>;
  /** The host leaves a cluster that cannot let it go: it is the last node, or there is no majority. */
  leaveAlone(cluster: string): Promise<{ ok: true }>;
  /** Calls of other daemons: `method` is one of the engine's closed list, `body` is untrusted until it is parsed there. */
  peerCall(peer: string, method: string, body: unknown): Promise<unknown>;
}
