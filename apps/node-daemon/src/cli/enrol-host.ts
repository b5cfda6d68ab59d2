import { mkdir, readFile, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { type HostKind, nodeNameSchema } from '@quantadb/engine/contract/cluster-state';
import { writeDurably } from '@quantadb/engine/shared/durable-file';
import { QuantaError } from '@quantadb/engine/shared/errors';
import { enrol } from '../enrol.ts';
import { type HostConfig, hostConfigSchema, hostConfigText } from '../host-config.ts';
import { findPostgres } from '../preflight/find-postgres.ts';
import { osUserNamed } from '../preflight/os-user.ts';
import { refuseAll } from '../preflight/problem.ts';
import { runDirectoryOf } from '../preflight/run-directory.ts';
import { UsageError } from './usage-error.ts';

export interface EnrolHostOptions {
  url: string;
  token: string;
  fingerprint: string;
  /** Default: the machine's own name. */
  name: string | undefined;
  /** What other hosts dial. */
  address: string;
  directory: string;
  /** Of a server that is to be adopted; undefined: a new one below `directory`. */
  dataDirectory: string | undefined;
  /** `router` null: none on this host. */
  ports: { postgres: number; api: number; raft: number; router: number | null };
  untested: boolean;
  /** Only `data` needs PostgreSQL. */
  kind: HostKind;
}

const packagedUser = 'postgres';
const loopback = /^(127\.|localhost$|\[::1\]$)/;

/** @throws UsageError where the console is on another machine: nobody there could dial 127.0.0.1 */
export function usualAddress(consoleUrl: string): string {
  if (URL.canParse(consoleUrl) && loopback.test(new URL(consoleUrl).hostname)) return '127.0.0.1';
  throw new UsageError('--address is missing: at what address do the other hosts reach this one?');
}

/**
 * Makes this machine a host of an installation: a certificate in exchange for a one-time token, and `host.json`, which the
 * daemon is started with.
 *
 * @returns the path of host.json
 * @throws QuantaError REFUSED when the directory holds a host already, and whatever the console refuses with
 */
export async function enrolHost(options: EnrolHostOptions): Promise<string> {
  const name = nameOf(options.name);
  const directory = resolve(options.directory);
  const configFile = join(directory, 'host.json');
  await refuseSecond(configFile);
  const binDir = process.env.QUANTADB_POSTGRES_BIN;
  const { kind } = options;
  const postgres = kind === 'data' ? await findPostgres({ binDir, allowUntested: options.untested }) : null;
  if (postgres && !postgres.ok) refuseAll([postgres.problem]);
  const osUser = postgres && process.getuid?.() === 0 ? await userOf(options.dataDirectory) : null;
  if (osUser) await osUserNamed(osUser);
  const at = (port: number) => ({ host: options.address, port });
  const { ports, url, token, fingerprint } = options;
  const addresses = { raft: at(ports.raft), api: at(ports.api), postgres: postgres && at(ports.postgres) };
  const enrolled = await enrol({ url, token, fingerprint, name, kind, addresses });
  const tls = {
    ca: join(directory, 'tls/ca.crt'),
    cert: join(directory, 'tls/host.crt'),
    key: join(directory, 'tls/host.key'),
  };
  const config: HostConfig = {
    ...{
      version: 1,
      name,
      kind,
      addresses,
      listenHost: options.address,
      timing: 'lan',
      logLevel: 'info',
      hooks: [],
      metricsTokenFile: null,
      router:
        ports.router === null ? null : { port: ports.router, listenHost: null, settings: {}, workers: 1 },
    },
    stateDir: join(directory, 'state'),
    dataDir: options.dataDirectory ? resolve(options.dataDirectory) : join(directory, 'postgres/data'),
    runDir: runDirectoryOf(directory, name),
    binDir: postgres?.ok ? postgres.binDir : '/nonexistent',
    osUser,
    tls,
    console: url,
  };
  await mkdir(join(directory, 'tls'), { recursive: true, mode: 0o755 });
  await writeDurably(tls.key, enrolled.key);
  await writeDurably(tls.ca, enrolled.authority);
  await writeDurably(tls.cert, enrolled.certificate);
  await writeDurably(configFile, hostConfigText(hostConfigSchema.parse(config)));
  return configFile;
}

/** Whom a server that is there already runs as: its data belongs to that user. */
async function userOf(dataDirectory: string | undefined): Promise<string> {
  if (dataDirectory === undefined) return packagedUser;
  const found = await stat(join(dataDirectory, 'PG_VERSION')).catch(() => null);
  if (!found) throw new UsageError(`--data-directory: there is no PostgreSQL server in ${dataDirectory}`);
  const line = (await readFile('/etc/passwd', 'utf8'))
    .split('\n')
    .map((each) => each.split(':'))
    .find((fields) => Number(fields[2]) === found.uid);
  if (line?.[0]) return line[0];
  throw new UsageError(`--data-directory: the owner of ${dataDirectory} (uid ${found.uid}) has no name`);
}

function nameOf(given: string | undefined): string {
  const name = given ?? hostname().split('.')[0]?.toLowerCase() ?? '';
  const parsed = nodeNameSchema.safeParse(name);
  if (parsed.success) return parsed.data;
  throw new UsageError(
    `${name} cannot be a host's name (${parsed.error.issues[0]?.message}); give one with --name`,
  );
}

async function refuseSecond(configFile: string): Promise<void> {
  const isThere = await stat(configFile).catch(() => null);
  if (!isThere) return;
  throw new QuantaError('REFUSED', `${configFile} is there already: this machine is enrolled`, {
    hint: 'Start its daemon with it, or give another --directory.',
  });
}
