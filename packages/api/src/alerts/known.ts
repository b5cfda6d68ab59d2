import type { BackupOverview } from '@quantadb/engine/contract/backup-view';
import type { NodeFigures } from '@quantadb/engine/contract/node-metrics';
import type { ClusterStatus } from '@quantadb/engine/contract/status';

/** What the control plane knows at one moment; alerts are judged from it and from nothing else. */
export interface Known {
  nowMs: number;
  clusters: KnownCluster[];
  hosts: KnownHost[];
  installation: KnownInstallation;
}

export interface KnownCluster {
  clusterId: string;
  name: string;
  status: ClusterStatus;
  /** Since a node of it last reported. */
  ageMs: number;
  /** The last look of each node at itself, by node; one that has not told lately is missing. */
  figures: ReadonlyMap<string, NodeFigures>;
  /** Null: no host has told of the backups lately. */
  backups: BackupOverview | null;
  /** Lately begun, the newest first. */
  failovers: {
    id: string;
    reason: string;
    newPrimary: string | null;
    mayHaveLost: boolean;
    startedAtMs: number;
  }[];
  /** Lately ended, the newest first. */
  operations: { id: string; kind: string; state: string; error: string | null; endedAtMs: number }[];
}

export interface KnownHost {
  name: string;
  clusterId: string | null;
  certificateUntilMs: number;
  lastSeenMs: number | null;
  /** How far its clock is ahead of the console's; null: not known yet. */
  clockAheadMs: number | null;
}

export interface KnownInstallation {
  /** How long the metadata database took to answer. */
  databaseMs: number;
  /** Rows of history that could not be stored in the last minutes, by whichever console. */
  rowsDropped: number;
  /** Of the console that judges; null: it makes no backups of the metadata. */
  metadataBackup: {
    everyHours: number;
    /** Since the newest one; null: there is none. */
    ageMs: number | null;
    /** Since another one should have been made. */
    overdueMs: number;
    /** Why the last attempt failed. */
    problem: string | null;
  } | null;
  /** Channels with messages that were given up lately. */
  failedChannels: { channel: string; messages: number; lastError: string }[];
  /** Accounts of which so many passwords were tried lately that strangers have to wait. */
  guessedAccounts: string[];
}
