import type { BackupConfig, RepositoryTest } from '../contract/backup.ts';
import type { BackupNodeView, RepositoryView } from '../contract/backup-view.ts';
import type { ClusterState } from '../contract/cluster-state.ts';
import type {
  BesideLook,
  BesideOrder,
  InPlaceOutlook,
  RestoreClusterRequest,
  RestorePlanning,
  RestoreSource,
} from '../contract/restore.ts';
import type { RestoreTarget } from '../contract/restore-target.ts';
import type { Mended } from './archive-mending.ts';
import type { WrittenPoint } from './archiving-server.ts';
import type { RestoredData } from './cluster-restore.ts';
import type { ProbeAnswer } from './engines/pgbackrest/probe.ts';
import type { JobLook, JobOrder, SourceServer, Strain } from './job-order.ts';

export type Refusable = { ok: true } | { ok: false; reason: string };

/** What the cluster asks of a host about backups. Routers have none of it, nor has the simulator's model. */
export interface BackupHost {
  /** A witness holds none: it takes part when the repository is on its disk. */
  readonly holdsData: boolean;
  /** How hosts reach each other. */
  readonly way: {
    /** Serves by a configuration that is to be agreed on, so that it can be tried first. */
    offer(config: BackupConfig): Promise<Refusable>;
    /** Of the host that holds the repository: a host of no cluster may restore from it. */
    admit(reader: string): Promise<Refusable>;
  };
  /**
   * Makes this node archive as the cluster has agreed; called after every change of the state.
   *
   * @param isReplayed false: the cluster may have agreed on something else since, and this host may know of it by its files
   */
  follow(state: ClusterState | null, isReplayed: boolean): void;
  describe(): Promise<BackupNodeView>;
  /** Whether this node can write, read and delete in a repository that is only thought of. */
  tryRepository(test: RepositoryTest): Promise<ProbeAnswer>;
  /**
   * Of the primary, or of the host that holds the repository, which then reads `servers`: makes the repository of a
   * configuration that is not agreed on yet ready.
   */
  prepareRepository(config: BackupConfig, servers: readonly SourceServer[]): Promise<Refusable>;
  /** Whether the repository of a configuration that is not agreed on yet can be reached from here. */
  tryWay(config: BackupConfig): Promise<Refusable>;
  /** Of the primary: writes a segment and waits until it has arrived. */
  proveArchiving(repository: number): Promise<Refusable>;
  /** Of the primary: a checkpoint, unless there was one since its promotion. */
  checkpointAfterPromotion(): Promise<void>;
  start(order: JobOrder): Refusable;
  /**
   * @param asked.strain of the node that is read, when it is another one
   * @param asked.waitMs while it runs the answer comes when it has ended, or after so long
   */
  look(id: string, asked: { strain: Strain | null; waitMs: number }): Promise<JobLook>;
  cancel(id: string, why: string): void;
  closeLook(): Promise<void>;
  repository(number: number): Promise<RepositoryView>;
  /** Of the primary: pushes what a lost predecessor had not archived. */
  mend(): Promise<Mended>;
  /** Of the primary. */
  createRestorePoint(name: string): Promise<WrittenPoint>;
  /** Of a host in no cluster. */
  planRestore(source: RestoreSource, target: RestoreTarget): Promise<RestorePlanning>;
  /** Of a member, from the cluster's own repository. */
  planOwnRestore(target: RestoreTarget): Promise<RestorePlanning>;
  /** Of the primary: what a restore in place would take, and give up. */
  lookAhead(target: RestoreTarget): Promise<InPlaceOutlook>;
  /** Of the primary: restores a moment beside its running data. */
  readonly beside: {
    start(order: BesideOrder): Refusable;
    look(id: string): BesideLook;
    discard(id: string): Promise<void>;
  };
  restoreCluster(
    request: Pick<RestoreClusterRequest, 'source' | 'target' | 'way'>,
    report: { step(words: string): void; signal: AbortSignal },
  ): Promise<RestoredData>;
  annotate(label: string, notes: Record<string, string>): Promise<void>;
  stop(): void;
}
