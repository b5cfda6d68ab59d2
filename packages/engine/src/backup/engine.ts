import type { OsUser } from '../postgres/postmaster-host.ts';

/**
 * What QuantaDB asks of a program that stores backups and WAL. pgBackRest is the first; nothing above this interface knows
 * its options, files or exit codes. Every method fails with a QuantaError, or answers a refusal where one is expected.
 */
export interface BackupEngine {
  /** The program's version, and why it cannot serve this PostgreSQL; null when it can. */
  preflight(postgresMajor: number): Promise<{ version: string; problem: string | null }>;
  /** Makes the repository ready for this database system, or finds that it is. */
  createStanza(signal?: AbortSignal): Promise<StanzaOutcome>;
  /** After a major upgrade: the repository takes WAL of the new system, beside what it has of the old. */
  upgradeStanza(signal?: AbortSignal): Promise<StanzaOutcome>;
  /** Switches to a new WAL segment on the primary and waits until the repository has it. */
  proveArchiving(signal?: AbortSignal): Promise<void>;
  backup(request: BackupRequest): Promise<BackupOutcome>;
  /** What the repository holds. */
  inventory(signal?: AbortSignal): Promise<Inventory>;
  /** Every file of the WAL archive, of the newest database system. */
  archive(signal?: AbortSignal): Promise<ArchiveListing>;
  /** Text of a timeline's history as it was archived. */
  history(archiveId: string, file: string, signal?: AbortSignal): Promise<string>;
  /** Puts one archived segment, readable, at `destination`; false when the archive has none. */
  fetchWal(segment: string, destination: string, signal?: AbortSignal): Promise<boolean>;
  /** Reads every file of every backup and the WAL and compares it with its checksum. */
  verify(signal?: AbortSignal): Promise<Verification>;
  restore(request: RestoreRequest): Promise<void>;
  /** Removes these backups and whatever was built on them, then the WAL that no backup needs. */
  /** @returns the labels that stayed after all */
  expire(request: ExpireRequest): Promise<string[]>;
  /** Notes on a stored backup; an empty text takes one away. */
  annotate(label: string, notes: Record<string, string>): Promise<void>;
}

export type BackupType = 'full' | 'diff' | 'incr';

export interface BackupProgress {
  phase: 'starting' | 'copying' | 'finishing';
  /** Between 0 and 100, two decimals; null until the program knows. */
  percent: number | null;
  /** Sum over the files that are copied; null until the first one is. */
  bytesDone: number | null;
}

export interface BackupRequest {
  type: BackupType;
  /** Stored with the backup; how a run is found again after a crash. */
  notes: Record<string, string>;
  /** Read the files from the standby the configuration names; the primary only starts and stops the backup. */
  fromStandby: boolean;
  processes: number;
  onProgress(progress: BackupProgress): void;
  /** Asked about once a second: whether it is to stand still for now. Absent: it never does. */
  isHeld?(phase: BackupProgress['phase']): Promise<boolean>;
  timeoutMs: number;
  signal: AbortSignal;
}

export type BackupOutcome =
  | { ok: true; label: string; type: BackupType; warnings: string[] }
  | { ok: false; failure: EngineFailure };

/** Why the program refused, in words that name the next step. `retry` tells whether time alone may mend it. */
export interface EngineFailure {
  reason:
    | 'checkpoint_needed'
    | 'no_primary'
    | 'busy'
    | 'wal_not_archived'
    | 'wrong_system'
    | 'duplicate_wal'
    | 'no_backup_set'
    | 'repository_unreachable'
    | 'wrong_key'
    | 'misconfigured'
    | 'missing_file'
    | 'failed';
  detail: string;
  hint: string;
  retry: boolean;
}

export type StanzaOutcome = { ok: true } | { ok: false; failure: EngineFailure };

export interface StoredBackup {
  label: string;
  type: BackupType;
  /** The backup this one was built on; null for a full one. */
  prior: string | null;
  /** Every backup whose files this one needs. */
  references: string[];
  startMs: number;
  stopMs: number;
  startLsn: string;
  stopLsn: string;
  startWal: string;
  stopWal: string;
  databaseId: number;
  /** Size of the database, what of it was copied, and what the repository holds of this backup. */
  databaseBytes: number;
  copiedBytes: number;
  repositoryBytes: number;
  /** Pages whose checksum was wrong were copied as they are: the backup succeeded, the database is damaged. */
  hasPageErrors: boolean;
  notes: Record<string, string>;
}

export interface Inventory {
  /** Whether the repository can be used as it is; `missing` before the stanza was created. */
  state: 'ok' | 'missing' | 'empty' | 'broken';
  detail: string;
  isLocked: boolean;
  /** Database systems that have archived here, oldest first; more than one after a major upgrade. */
  systems: { id: number; systemIdentifier: string; postgresVersion: string }[];
  backups: StoredBackup[];
}

/** Names only: what they mean is for the catalogue to say. */
export interface ArchiveListing {
  archiveId: string | null;
  segments: ArchivedFile[];
  histories: ArchivedFile[];
  /** Two files of different content for one segment: somebody archived who must not have. */
  duplicates: string[];
}

export interface ArchivedFile {
  /** As PostgreSQL names it. */
  name: string;
  archivedAtMs: number;
  bytes: number;
  /** Of its content when it was archived, 40 hexadecimal digits; absent where the archive does not keep it. */
  sha1?: string;
}

export interface Verification {
  ok: boolean;
  wal: { checked: number; valid: number; problems: string[] };
  backups: { label: string; ok: boolean; checked: number; valid: number; problems: string[] }[];
  /** What belongs to neither: the repository's own files, or that there is nothing to check. */
  other: string[];
}

/** What recovery stops at. Times are milliseconds since 1970, so that no time zone can be misread. */
export type RecoveryTarget =
  | { kind: 'latest' }
  | { kind: 'backup' }
  | { kind: 'time'; atMs: number; inclusive: boolean }
  | { kind: 'lsn'; lsn: string; inclusive: boolean }
  | { kind: 'xid'; xid: string; inclusive: boolean }
  | { kind: 'name'; name: string };

export interface RestoreRequest {
  /** Always named: the program's own choice may be a backup of an abandoned timeline. */
  label: string;
  timeline: number;
  target: RecoveryTarget;
  /** An empty directory; with `delta` one whose files are kept where they are the same. */
  dataDir: string;
  delta: boolean;
  processes: number;
  /** Every tablespace goes below it, by its name; null: to where it was when the backup was made. */
  tablespaceDir: string | null;
  onProgress(progress: BackupProgress): void;
  timeoutMs: number;
  signal: AbortSignal;
}

export interface ExpireRequest {
  labels: string[];
  /** What the repository holds, when it was read just now. */
  backups?: readonly StoredBackup[];
  /** Of the full backups that stay, the newest so many keep all WAL from their start on; null: all of them. */
  fullsWithWal: number | null;
  /** Asked before each removal, about what the repository holds by then: these stay after all. */
  spared?(backups: readonly StoredBackup[]): ReadonlySet<string>;
  /** Asked before WAL is removed: from the oldest of these on all of it stays after all. */
  withWal?(backups: readonly StoredBackup[]): ReadonlySet<string>;
  signal?: AbortSignal;
}

/** Where the program, its configuration and its own files are on this host. */
export interface EnginePlace {
  program: string;
  configFile: string;
  /** Locks, logs and the like; belongs to the OS user. */
  workDir: string;
  stanza: string;
  osUser: OsUser | null;
  /** How far backups and verifications give way to everything else. */
  manners?: { nice: number; ioPriority: number | 'idle' };
}
