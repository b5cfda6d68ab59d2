import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { QuantaError } from '@quantadb/engine/shared/errors';
import { releaseVersion } from '@quantadb/engine/shared/version';
import { Command, CommanderError } from 'commander';
import { change } from './change.ts';
import type { Intent } from './console-client.ts';
import { enrolHost } from './enrol-host.ts';
import { eventLines, eventsText, hostsText, nodesText, operationsText, statusText } from './format.ts';
import { foundingRequest, throughHost } from './found-cluster.ts';
import { installService, stopHost, uninstallService } from './host-service.ts';
import { down, upInBackground, upInForeground } from './local-system.ts';
import { durabilityOf, parameterChanges } from './settings-arguments.ts';
import { throughConsole, throughDaemon } from './steering.ts';
import { findConsole, Target, type TargetOptions } from './target.ts';
import { UsageError } from './usage-error.ts';

interface GlobalOptions extends TargetOptions {
  json?: boolean;
  yes?: boolean;
  reason?: string;
  cluster?: string;
}

const followEventsEveryMs = 500;

function print(options: GlobalOptions, value: unknown, text: () => string): void {
  process.stdout.write(`${options.json ? JSON.stringify(value, null, 2) : text()}\n`);
}

function build(): Command {
  const program = new Command('quantadb')
    .description('PostgreSQL clusters that run themselves.')
    .version(releaseVersion)
    .option('--json', 'answer in JSON')
    .option('--home <directory>', 'where the local system lives (default: QUANTADB_HOME, or .quantadb)')
    .option('--node <host:port>', 'ask this daemon')
    .option('--console <url>', 'go through this console (default: QUANTADB_CONSOLE, or the local system’s)')
    .option('--token <token>', 'of that console (default: QUANTADB_TOKEN)')
    .option('--cluster <name>', 'which cluster, when the console knows several')
    .option('--yes', 'do not ask before a change')
    .option('--reason <text>', 'why, for the history')
    .exitOverride()
    .configureHelp({ showGlobalOptions: true });
  program.hook('preAction', (_, command) => {
    // The supervisor of the local system outlives its terminal; it has things to end in order.
    if (!command.opts<{ foreground?: boolean }>().foreground) endWithReader();
  });
  const options = () => program.opts<GlobalOptions>();
  addLocalSystem(program, options);
  addReading(program, options);
  addChanges(program, options);
  addConsole(program, options);
  addHost(program, options);
  return program;
}

function addLocalSystem(program: Command, options: () => GlobalOptions): void {
  program
    .command('up')
    .description('start the local system: a cluster of three nodes and a spare host')
    .option('--foreground', 'stay until Ctrl-C')
    .option('--untested', 'allow PostgreSQL versions that were not tested')
    .action(async (own: { foreground?: boolean; untested?: boolean }) => {
      const { json } = options();
      const say = (line: string) => (json ? process.stderr : process.stdout).write(`${line}\n`);
      const up = { ...options(), untested: own.untested ?? false, say };
      if (own.foreground) {
        process.exitCode = await upInForeground(up);
        return;
      }
      const bin = fileURLToPath(new URL('../../bin/quantadb.mjs', import.meta.url));
      const home = up.home ? ['--home', up.home] : [];
      const untested = up.untested ? ['--untested'] : [];
      const command = [process.execPath, bin, ...home, 'up', '--foreground', ...untested];
      const status = await upInBackground({ ...up, command });
      print(options(), status, () => statusText(status));
      if (!status.clusters.some((cluster) => cluster.health === 'healthy')) process.exitCode = 1;
    });
  program
    .command('down')
    .description('stop the local system; the data stays')
    .action(async () => {
      const wasRunning = await down(options());
      print(options(), { stopped: wasRunning }, () => (wasRunning ? 'Stopped.' : 'Nothing was running.'));
    });
}

function addReading(program: Command, options: () => GlobalOptions): void {
  const target = () => Target.find(options());
  program
    .command('status')
    .description('how everything is')
    .action(async () => {
      const status = await (await target()).status();
      print(options(), status, () => statusText(status));
    });
  program
    .command('nodes')
    .description('the nodes of all clusters')
    .action(async () => {
      const nodes = (await (await target()).status()).clusters.flatMap((cluster) => cluster.nodes);
      print(options(), nodes, () => nodesText(nodes));
    });
  program
    .command('hosts')
    .description('machines with a daemon')
    .action(async () => {
      const console = await findConsole(options());
      const hosts = console ? await console.hosts() : (await (await target()).status()).hosts;
      print(options(), hosts, () => hostsText(hosts));
    });
  program
    .command('operations')
    .description('long-running changes, the newest last')
    .action(async () => {
      const console = await findConsole(options());
      const operations = console
        ? await console.operations((await console.cluster(options().cluster)).id)
        : await (await (await target()).reader()).operations();
      print(options(), operations, () => operationsText(operations));
    });
  program
    .command('events')
    .description('what has happened')
    .option('--since <id>', 'only events after this one', '0')
    .option('--follow', 'go on as they come')
    .action(async (own: { since: string; follow?: boolean }) => showEvents(options(), own));
}

function addChanges(program: Command, options: () => GlobalOptions): void {
  const perform = async (intent: Intent) => {
    const { json = false, yes = false, reason = '', cluster } = options();
    const console = await findConsole(options());
    const steering = console
      ? await throughConsole(console, intent, cluster)
      : await throughDaemon(await Target.find(options()), intent);
    const operation = await change({ steering, reason, yes, json });
    print(options(), operation, () => `${operation.kind}: done`);
  };
  const node = program.command('node').description('add or remove a node');
  node
    .command('add <host>')
    .description('make a spare host a standby of the cluster')
    .action((host: string) => perform({ kind: 'add-node', host }));
  node
    .command('remove <node>')
    .description('take a standby out of its cluster; its data is set aside')
    .action((name: string) => perform({ kind: 'remove-node', node: name }));
  node
    .command('restart <node>')
    .description('restart PostgreSQL of a standby')
    .action((name: string) => perform({ kind: 'restart-node', node: name }));
  node
    .command('reinitialise <node>')
    .description('give up the data of a standby and clone the primary’s anew')
    .action((name: string) => perform({ kind: 'reinitialise-node', node: name }));
  program
    .command('rolling-restart')
    .description('restart every node: the standbys one by one, then a switchover')
    .action(() => perform({ kind: 'rolling-restart' }));
  program
    .command('parameters [name=value...]')
    .description('change PostgreSQL parameters of the whole cluster')
    .option('--reset <name...>', 'take parameters back to their defaults', [])
    .action((given: string[], own: { reset: string[] }) =>
      perform({ kind: 'set-parameters', parameters: parameterChanges(given, own.reset) }),
    );
  program
    .command('durability <mode> [strictness]')
    .description('whom a commit waits for: async, quorum or all; strict or available')
    .option('--sync-timeout <seconds>', 'how long an available cluster waits for a silent standby', '10')
    .action((mode: string, strictness: string | undefined, own: { syncTimeout: string }) =>
      perform({ kind: 'set-durability', durability: durabilityOf(mode, strictness, own.syncTimeout) }),
    );
  program
    .command('switchover')
    .description('make another node the primary, without losing a write')
    .option('--to <node>', 'which one (default: the best)')
    .action((own: { to?: string }) => perform({ kind: 'switchover', to: own.to ?? null }));
  const maintenance = program.command('maintenance').description('keep reads and failovers away from a node');
  maintenance
    .command('on <node>')
    .description('begin; it ends by itself')
    .option('--minutes <number>', 'when it ends', '60')
    .option('--forever', 'until somebody ends it')
    .action((name: string, own: { minutes: string; forever?: boolean }) => {
      const minutes = own.forever ? null : wholeNumber('--minutes', own.minutes);
      return perform({ kind: 'set-maintenance', node: name, on: { minutes } });
    });
  maintenance
    .command('off <node>')
    .description('end')
    .action((name: string) => perform({ kind: 'set-maintenance', node: name, on: null }));
}

function addHost(program: Command, options: () => GlobalOptions): void {
  const host = program.command('host').description('this machine as a host');
  host
    .command('enroll <console-url>')
    .description('exchange a one-time token (--token) for a certificate; writes host.json')
    .requiredOption('--fingerprint <sha256>', 'of the authority, as the console shows it')
    .option('--name <name>', 'default: the name of the machine')
    .option('--address <address>', 'what other hosts dial', '127.0.0.1')
    .option('--directory <directory>', 'where everything of this host lives', '/var/lib/quantadb/host')
    .option('--postgres-port <port>', '', '5432')
    .option('--api-port <port>', '', '7100')
    .option('--raft-port <port>', '', '7200')
    .option('--untested', 'allow PostgreSQL versions that were not tested')
    .option('--witness', 'a host that votes on who is primary, and holds no data')
    .action(async (url: string, own: EnrolArguments) => {
      const { token } = options();
      if (!token)
        throw new UsageError('--token is missing: `quantadb token create <host> --enrol` makes one');
      const ports = {
        postgres: wholeNumber('--postgres-port', own.postgresPort),
        api: wholeNumber('--api-port', own.apiPort),
        raft: wholeNumber('--raft-port', own.raftPort),
      };
      const { untested = false, witness = false, fingerprint, name, address, directory } = own;
      const where = { name, address, directory, ports };
      const file = await enrolHost({ url, token, fingerprint, ...where, untested, witness });
      print(options(), { config: file }, () => `Enrolled. Start the daemon: quantadb host run ${file}`);
    });
  host
    .command('run <host.json>')
    .description('run this host’s daemon in the foreground')
    .action(async (file: string) => {
      process.argv[2] = file;
      await import('../main.ts');
    });
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
      const operation = await change({ steering: await throughHost(file, request), reason, yes, json });
      const told = password ? null : (request.application?.password ?? null);
      const words = told ? `\nThe password of ${own.role}, told once: ${told}` : '';
      print(options(), { ...operation, password: told }, () => `${cluster}: founded${words}`);
    });
  const tell = (lines: string[]) => print(options(), { done: lines }, () => lines.join('\n'));
  host
    .command('install <host.json>')
    .description('run the daemon as a service of systemd, from now on and with the machine')
    .action(async (file: string) => tell(await installService(file)));
  host
    .command('uninstall <host.json>')
    .description('stop PostgreSQL and the daemon, and remove the service; the data stays')
    .action(async (file: string) => tell(await uninstallService(file)));
  host
    .command('stop <host.json>')
    .description('stop PostgreSQL cleanly, then the daemon')
    .action(async (file: string) => {
      await stopHost(file);
      tell(['Stopped.']);
    });
}

interface FoundingArguments {
  role: string | undefined;
  database: string | undefined;
  network: string[];
}

interface EnrolArguments {
  fingerprint: string;
  name?: string;
  address: string;
  directory: string;
  postgresPort: string;
  apiPort: string;
  raftPort: string;
  untested?: boolean;
  witness?: boolean;
}

/** What only a control plane has. */
function addConsole(program: Command, options: () => GlobalOptions): void {
  const console = async () => {
    const found = await findConsole(options());
    if (found) return found;
    throw new QuantaError('PEER_UNREACHABLE', 'no console answers', {
      hint: 'Start the local system (npm start), or name one: --console <url> --token <token>.',
    });
  };
  const token = program.command('token').description('API tokens');
  token
    .command('create <name>')
    .description('a new token; it is shown once')
    .option('--role <role>', 'viewer, operator or admin', 'viewer')
    .option('--days <number>', 'when it expires', '90')
    .option('--enrol', 'in place of that, one that lets the host <name> in, once')
    .action(async (name: string, own: { role: string; days: string; enrol?: boolean }) => {
      const client = await console();
      const made = own.enrol
        ? await client.createEnrolmentToken(name)
        : await client.createToken({ name, role: own.role, lifetimeDays: wholeNumber('--days', own.days) });
      print(options(), made, () => made.token);
    });
  program
    .command('metrics')
    .description('Prometheus text of the console')
    .action(async () => {
      const text = await (await console()).metrics();
      print(options(), { text }, () => text.trimEnd());
    });
}

/** @throws UsageError */
function wholeNumber(option: string, text: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new UsageError(`${option} takes a whole number, and ${text} is none`);
}

async function showEvents(options: GlobalOptions, own: { since: string; follow?: boolean }): Promise<void> {
  if (!/^\d+$/.test(own.since)) throw new UsageError('--since takes the id of an event');
  const target = await Target.find(options);
  const read = async (since: number) => (await target.reader()).events(since);
  const events = await read(Number(own.since));
  if (!own.follow || events.length > 0) print(options, events, () => eventsText(events));
  let since = events.at(-1)?.id ?? Number(own.since);
  while (own.follow) {
    await delay(followEventsEveryMs);
    // Whoever was asked may be the one whose end is the next event.
    const more = await read(since).catch(() => []);
    if (more.length > 0) print(options, more, () => eventLines(more));
    since = more.at(-1)?.id ?? since;
  }
}

/** A reader that has seen enough (`quantadb events --follow | head`) ends the command without a complaint. */
function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
}

/** 0 done, 1 refused or failed, 2 not understood. */
function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof UsageError) return 2;
  return 1;
}

async function main(): Promise<void> {
  try {
    await build().parseAsync();
  } catch (error) {
    process.exitCode = exitCodeOf(error);
    if (error instanceof CommanderError) return;
    const { message } = error as Error;
    const hint = error instanceof QuantaError ? error.hint : undefined;
    const code = error instanceof QuantaError ? error.code : null;
    if (process.argv.includes('--json'))
      process.stderr.write(`${JSON.stringify({ error: { code, message, hint: hint ?? null } })}\n`);
    else process.stderr.write(`${message}\n${hint ? `\n${hint}\n` : ''}`);
  }
}

await main();
