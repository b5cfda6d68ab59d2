import type { BackupImpact, Repository, RepositorySecrets } from '../../../contract/backup.ts';
import { QuantaError } from '../../../shared/errors.ts';

/** The text of pgbackrest.conf (pure). It holds the repository's secrets, so that no process argument does. */

/** A server whose files or sockets a backup needs. */
export interface ConfiguredServer {
  dataDir: string;
  port: number;
  /** Directory of its unix socket: on this machine, or on the one that `remote` names. */
  socketDir: string;
  /** Null: it runs on this machine. */
  remote: RemoteServer | null;
}

/** Another host's `pgbackrest server`, reached over mutual TLS. */
export interface RemoteServer {
  host: string;
  port: number;
  caFile: string;
  certFile: string;
  keyFile: string;
}

export interface ConfigurationInput {
  stanza: string;
  /** Owned by PostgreSQL's OS user: `lock`, `log` and `spool` lie below it. */
  workDir: string;
  repository: Repository;
  /** Where a repository that another host holds is reached; null: this machine reaches it by itself. */
  repositoryHost?: RemoteServer | null;
  secrets: RepositorySecrets;
  impact: BackupImpact;
  /** pg1, pg2, … The first is this host's own. None: only the repository is used. */
  servers: ConfiguredServer[];
  databaseRole: string;
}

const walDeadlineSeconds = 60;
const protocolTimeoutSeconds = 330;

export function renderConfiguration(input: ConfigurationInput): string {
  const { workDir, impact } = input;
  const lines = [
    '# Written by QuantaDB and overwritten at any time.',
    '[global]',
    ...entries({
      'lock-path': `${workDir}/lock`,
      'log-path': `${workDir}/log`,
      'spool-path': `${workDir}/spool`,
      'log-level-file': 'off',
      'log-level-console': 'off',
      'log-timestamp': 'n',
      ...(input.repositoryHost
        ? // Said to its host as well: a directory that is only tried there must not be given this cluster's WAL.
          { 'repo1-path': input.repository.path, ...hostOptions('repo1', input.repositoryHost) }
        : repositoryOptions(input.repository, input.secrets)),
      'compress-type': impact.compression,
      'process-max': impact.processes,
      'start-fast': 'y',
      'archive-timeout': walDeadlineSeconds,
      // A process of a node that is fenced or gone must not hold up the others for the default of half an hour.
      'protocol-timeout': protocolTimeoutSeconds,
      'db-timeout': protocolTimeoutSeconds - 30,
      // A segment is pushed by the archiver's own child: a daemonised pusher would outlive the fencing of its node.
      'archive-async': 'n',
      // Retention is decided by the cluster, which knows holds and tiers; the program itself expires nothing unasked.
      'expire-auto': 'n',
    }),
    `[${checked(input.stanza, 'the stanza')}]`,
    ...input.servers.flatMap((server, index) =>
      entries(serverOptions(server, index + 1, input.databaseRole)),
    ),
  ];
  return `${lines.join('\n')}\n`;
}

/**
 * What runs on a host so that others may read its files: it answers only those who show one of these names. What others ask
 * of it is done by this configuration too, so a repository's place and secrets stay on the host that holds it.
 */
export function renderServerConfiguration(input: {
  workDir: string;
  stanza: string;
  listen: { host: string; port: number };
  caFile: string;
  certFile: string;
  keyFile: string;
  clients: readonly string[];
  /** Null: it gives out a node's data only. */
  repository: { repository: Repository; secrets: RepositorySecrets } | null;
}): string {
  const lines = [
    '# Written by QuantaDB and overwritten at any time.',
    '[global]',
    ...entries({
      'lock-path': `${input.workDir}/lock`,
      'log-path': `${input.workDir}/log`,
      'log-level-file': 'off',
      'log-level-console': 'off',
      'log-level-stderr': 'warn',
      ...(input.repository ? repositoryOptions(input.repository.repository, input.repository.secrets) : {}),
      'protocol-timeout': protocolTimeoutSeconds,
      'db-timeout': protocolTimeoutSeconds - 30,
      'tls-server-address': input.listen.host,
      'tls-server-port': input.listen.port,
      'tls-server-ca-file': input.caFile,
      'tls-server-cert-file': input.certFile,
      'tls-server-key-file': input.keyFile,
    }),
    ...input.clients.map((name) =>
      entry('tls-server-auth', `${name}=${checked(input.stanza, 'the stanza')}`),
    ),
  ];
  return `${lines.join('\n')}\n`;
}

function repositoryOptions(
  repository: Repository,
  secrets: RepositorySecrets,
): Record<string, string | number> {
  const common = {
    // One that is on this host's own disk is a directory to it.
    'repo1-type': repository.type === 'host' ? 'posix' : repository.type,
    'repo1-path': repository.path,
    // Thousands of small files cost a round trip each on an object store, and an inode each elsewhere. Block incremental
    // backup is a beta here and stays off: its option may not even be named.
    'repo1-bundle': 'y',
    ...cipherOptions(repository, secrets),
  };
  if (repository.type !== 's3') return common;
  return {
    ...common,
    'repo1-s3-bucket': repository.bucket,
    'repo1-s3-endpoint': repository.endpoint,
    'repo1-s3-region': repository.region,
    'repo1-s3-uri-style': repository.uriStyle,
    'repo1-s3-key': required(secrets.s3Key, 'the key of the S3 repository'),
    'repo1-s3-key-secret': required(secrets.s3KeySecret, 'the secret key of the S3 repository'),
    'repo1-storage-verify-tls': repository.verifyTls ? 'y' : 'n',
    ...(repository.caFile === null ? {} : { 'repo1-storage-ca-file': repository.caFile }),
  };
}

function cipherOptions(repository: Repository, secrets: RepositorySecrets): Record<string, string> {
  if (!repository.encrypted) return {};
  return {
    'repo1-cipher-type': 'aes-256-cbc',
    'repo1-cipher-pass': required(secrets.cipherPass, 'the passphrase of the encrypted repository'),
  };
}

function serverOptions(
  server: ConfiguredServer,
  number: number,
  role: string,
): Record<string, string | number> {
  const { remote } = server;
  return {
    ...named(`pg${number}`, {
      path: server.dataDir,
      port: server.port,
      'socket-path': server.socketDir,
      user: role,
      database: 'postgres',
    }),
    ...(remote ? hostOptions(`pg${number}`, remote) : {}),
  };
}

/** The passphrase of a repository that is reached so comes from its host. */
function hostOptions(prefix: string, remote: RemoteServer): Record<string, string | number> {
  return named(prefix, {
    host: remote.host,
    'host-type': 'tls',
    'host-port': remote.port,
    'host-ca-file': remote.caFile,
    'host-cert-file': remote.certFile,
    'host-key-file': remote.keyFile,
  });
}

function named(prefix: string, options: Record<string, string | number>): Record<string, string | number> {
  return Object.fromEntries(Object.entries(options).map(([name, value]) => [`${prefix}-${name}`, value]));
}

function required(secret: string | null, what: string): string {
  if (secret !== null && secret !== '') return secret;
  throw new QuantaError('CONFIG_INVALID', `${what} is missing`, {
    hint: 'Set the repository again and give its secrets.',
  });
}

function entries(options: Record<string, string | number>): string[] {
  return Object.entries(options).map(([name, value]) => entry(name, value));
}

function entry(name: string, value: string | number): string {
  return `${name}=${checked(String(value), name)}`;
}

/** One line, as written: a line break would start an option of somebody else's choice. */
function checked(value: string, what: string): string {
  const isPlain = value !== '' && value.trim() === value && ![...value].some(isControl);
  if (isPlain) return value;
  throw new QuantaError('CONFIG_INVALID', `${what} is empty, or has line breaks or spaces at its ends`);
}

function isControl(character: string): boolean {
  return (character.codePointAt(0) ?? 0) < 32;
}
