import { type HostKind, nodeNameSchema } from '@quantadb/engine/contract/cluster-state';
import type { Command } from 'commander';
import { change } from '../change.ts';
import { enrolHost, usualAddress } from '../enrol-host.ts';
import { followRequest, foundingRequest, throughHost } from '../found-cluster.ts';
import { installService, stopHost, uninstallService } from '../host-service.ts';
import { localDaemon } from '../local-daemon.ts';
import { UsageError } from '../usage-error.ts';
import { type GlobalOptions, print, wholeNumber } from './options.ts';

interface FoundingArguments {
  role: string | undefined;
  database: string | undefined;
  network: string[];
}

interface EnrolArguments {
  fingerprint: string;
  name?: string;
  address?: string;
  directory: string;
  dataDirectory?: string;
  postgresPort: string;
  apiPort: string;
  raftPort: string;
  untested?: boolean;
  routerPort?: string;
  witness?: boolean;
  routerOnly?: boolean;
}

/** The one of poolers, which clients have in their settings already. */
const usualRouterPort = 6432;

export function addHost(program: Command, options: () => GlobalOptions): void {
  const host = program.command('host').description('this machine as a host');
  host
    .command('enroll <console-url>')
    .description('exchange a one-time token (--token) for a certificate; writes host.json')
    .requiredOption('--fingerprint <sha256>', 'of the authority, as the console shows it')
    .option('--name <name>', 'default: the name of the machine')
    .option('--address <address>', 'what other hosts dial (where the console is on this machine: 127.0.0.1)')
    .option('--directory <directory>', 'where everything of this host lives', '/var/lib/quantadb/host')
    .option('--data-directory <directory>', 'of a PostgreSQL server that is to be adopted')
    .option('--postgres-port <port>', 'of its PostgreSQL', '5432')
    .option('--api-port <port>', 'of its daemon, for health, metrics and control', '7100')
    .option('--raft-port <port>', 'where the daemons agree', '7200')
    .option('--untested', 'allow PostgreSQL versions that were not tested')
    .option(
      '--router-port <port>',
      'where clients find the cluster; 0: no router here (default: 6432, on a witness none)',
    )
    .option('--witness', 'a host that votes on who is primary, and holds no data')
    .option('--router-only', 'a host that takes clients to the nodes, holds no data and does not vote')
    .action(async (url: string, own: EnrolArguments) => {
      const { token } = options();
      if (!token)
        throw new UsageError('--token is missing: `quantadb token create <host> --enrol` makes one');
      const kind = kindOf(own);
      const ports = {
        postgres: wholeNumber('--postgres-port', own.postgresPort),
        api: wholeNumber('--api-port', own.apiPort),
        raft: wholeNumber('--raft-port', own.raftPort),
        router: routerPortOf(kind, own.routerPort),
      };
      const { untested = false, fingerprint, name, directory } = own;
      const address = own.address ?? usualAddress(url);
      const where = { name, address, directory, dataDirectory: own.dataDirectory, ports };
      const file = await enrolHost({ url, token, fingerprint, ...where, untested, kind });
      print(options(), { config: file }, () => `Enrolled. Start the daemon: quantadb host run ${file}`);
    });
  host
    .command('run <host.json>')
    .description('run this host’s daemon in the foreground')
    .action(async (file: string) => {
      process.argv[2] = file;
      await import('../../main.ts');
    });
  addBeginnings(host, options);
  const tell = (lines: string[]) => print(options(), { done: lines }, () => lines.join('\n'));
  host
    .command('install <host.json>')
    .description('run the daemon as a service of systemd, from now on and with the machine')
    .action(async (file: string) => tell(await installService(file)));
  host
    .command('uninstall <host.json>')
    .description('stop PostgreSQL and the daemon, and remove the service; the data stays')
    .action(async (file: string) => tell(await uninstallService(file)));
  addLeave(host, tell);
  host
    .command('stop <host.json>')
    .description('stop PostgreSQL cleanly, then the daemon')
    .action(async (file: string) => {
      await stopHost(file);
      tell(['Stopped.']);
    });
}

function addLeave(host: Command, tell: (lines: string[]) => void): void {
  host
    .command('leave <host.json>')
    .description(
      'take this host out of a cluster that cannot let it go: it is the last node, or there is no majority; its data is set aside',
    )
    .requiredOption('--confirm <cluster>', 'the name of that cluster')
    .action(async (file: string, { confirm }: { confirm: string }) => {
      await (await localDaemon(file)).leaveAlone(confirm);
      tell([`It is in no cluster any more; what it held of ${confirm} lies beside its data directory.`]);
    });
}

function kindOf({ witness = false, routerOnly = false }: EnrolArguments): HostKind {
  if (witness && routerOnly) throw new UsageError('--witness and --router-only exclude each other');
  return witness ? 'witness' : routerOnly ? 'router' : 'data';
}

/** @returns null: no router on this host */
function routerPortOf(kind: HostKind, given: string | undefined): number | null {
  if (given === undefined) return kind === 'witness' ? null : usualRouterPort;
  const port = given === '0' ? null : wholeNumber('--router-port', given);
  if (port === null && kind === 'router') throw new UsageError('--router-only needs a --router-port');
  return port;
}

/** How a cluster begins: with an empty PostgreSQL, or with a server that was there before. */
function addBeginnings(host: Command, options: () => GlobalOptions): void {
  host
    .command('found <host.json> <cluster>')
    .description('make this host the first node of a new cluster; the others are added to it')
    .option('--role <role>', 'a role for the application, with a database of its own')
    .option('--database <database>', 'its name (default: the role’s)')
    .option('--network <cidr...>', 'where clients may come from', [])
    .action(async (file: string, cluster: string, own: FoundingArguments) => {
      const { json = false, yes = false, reason = '' } = options();
      const password = process.env.QUANTADB_APPLICATION_PASSWORD;
      const networks = own.network;
      const request = foundingRequest({ cluster, ...own, password, networks });
      const steering = await throughHost(file, request);
      const operation = await change({ steering, reason, yes, json });
      const told = password ? null : (request.application?.password ?? null);
      const words = told ? `\nThe password of ${own.role}, told once: ${told}` : '';
      print(options(), { ...operation, password: told }, () => `${cluster}: founded${words}`);
    });
  host
    .command('follow <host.json> <cluster>')
    .description('make this host the first node of a new cluster that follows another one, as a copy of it')
    .requiredOption(
      '--source <node@host:port>',
      'a node of the cluster to follow, and where its daemon answers',
    )
    .action(async (file: string, cluster: string, own: { source: string }) => {
      const { json = false, yes = false, reason = '' } = options();
      const steering = await throughHost(file, followRequest(cluster, own.source));
      const operation = await change({ steering, reason, yes, json });
      print(options(), operation, () => `${cluster}: it follows the source`);
    });
  host
    .command('promote <host.json>')
    .description(
      'end the following of this host’s cluster: it takes writes from then on; there is no way back',
    )
    .option('--insist', 'although the source takes writes, or a node that may hold more cannot be asked')
    .action(async (file: string, { insist = false }: { insist?: boolean }) => {
      const { json = false, yes = false, reason = '' } = options();
      const steering = await throughHost(file, { kind: 'promote-cluster', insist });
      const operation = await change({ steering, reason, yes, json });
      print(options(), operation, () => `${operation.kind}: ${operation.state}`);
    });
  host
    .command('adopt <host.json> <cluster>')
    .description('make the PostgreSQL server in this host’s data directory the first node of a new cluster')
    .action(async (file: string, name: string) => {
      const { json = false, yes = false, reason = '' } = options();
      const cluster = nodeNameSchema.safeParse(name);
      if (!cluster.success)
        throw new UsageError(`${name} cannot be a cluster's name (${cluster.error.issues[0]?.message})`);
      const steering = await throughHost(file, { kind: 'adopt-server', cluster: cluster.data });
      const operation = await change({ steering, reason, yes, json });
      print(options(), operation, () => `${name}: adopted`);
    });
}
