import { join } from 'node:path';
import type { OsUser } from './postmaster-host.ts';

/** The roles QuantaDB owns. Both names are closed to clients coming over the network. */
export const superuserRole = 'quantadb';
export const replicationRole = 'quantadb_replication';

export interface Upstream {
  /** The node's name; also what its certificate is issued to. */
  name: string;
  host: string;
  port: number;
  /** The physical slot on the upstream that keeps WAL for this node; null: it is kept in another way. */
  slot: string | null;
  /** This node's name, under which the upstream counts its acknowledgements. */
  applicationName: string;
}

export interface NodePlace {
  nodeName: string;
  clusterName: string;
  binDir: string;
  dataDir: string;
  /** The daemon's own; everything PostgreSQL needs of it lies in `postgres/` below, which belongs to the OS user. */
  stateDir: string;
  /** Holds the unix socket; belongs to the OS user. */
  runDir: string;
  port: number;
  listenHost: string;
  /** The host's certificate, its key, and the authority's certificate. Copied, because PostgreSQL must own its key. */
  tls: { ca: string; cert: string; key: string };
  osUser: OsUser | null;
}

export interface NodeFiles {
  /** Below the state directory, owned by PostgreSQL's OS user. */
  serverStateDir: string;
  tlsDir: string;
  archiveScript: string;
  archiveClosed: string;
  /** Exist while the cluster has a backup repository: the program's configuration, and whose archive it is. */
  repositoryConfig: string;
  repositoryStanza: string;
  /** Of repositories beside the first: `<number>.conf`, and `owed-<number>` of any: WAL that it has not got. */
  repositoriesDir: string;
  /** Locks of backups and the like. */
  backupWorkDir: string;
  /** Exists while a data directory is being received or created. */
  cloneMarker: string;
  /** The mutable part of the settings, so that a new daemon goes on with what the old one wrote. */
  settingsMemory: string;
  logFile: string;
  /** Inside the data directory, because that is the volume that must be proven writable. */
  probeFile: string;
  incomingDir: string;
  previousDir: string;
  /** A moment of before, restored beside the running data. */
  restoredDir: string;
  /** Exists while it is not settled which of the two counts. */
  swapJournal: string;
}

export function filesOf(place: Pick<NodePlace, 'dataDir' | 'stateDir'>): NodeFiles {
  const serverStateDir = join(place.stateDir, 'postgres');
  return {
    serverStateDir,
    tlsDir: join(serverStateDir, 'tls'),
    archiveScript: join(serverStateDir, 'archive-wal'),
    archiveClosed: join(serverStateDir, 'archive.closed'),
    repositoryConfig: join(serverStateDir, 'pgbackrest.conf'),
    repositoryStanza: join(serverStateDir, 'pgbackrest.stanza'),
    repositoriesDir: join(serverStateDir, 'repositories'),
    backupWorkDir: join(serverStateDir, 'backup'),
    cloneMarker: join(place.stateDir, 'incoming.json'),
    settingsMemory: join(place.stateDir, 'postgres-settings.json'),
    logFile: join(place.stateDir, 'postgres.log'),
    probeFile: join(place.dataDir, 'quantadb.probe'),
    incomingDir: `${place.dataDir}.incoming`,
    previousDir: `${place.dataDir}.previous`,
    restoredDir: `${place.dataDir}.restored`,
    swapJournal: join(place.stateDir, 'restore-swap.json'),
  };
}

/** A physical slot may be named with letters, digits and underscores only. */
export function slotNameOf(node: string): string {
  return `quantadb_${node.replaceAll('-', '_')}`;
}
