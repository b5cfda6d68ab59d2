import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { OperationRequest } from '@quantadb/engine/contract/operations';
import { QuantaError } from '@quantadb/engine/shared/errors';
import { releaseVersion } from '@quantadb/engine/shared/version';
import { Command, CommanderError } from 'commander';
import { loadHostConfig } from '../host-config.ts';
import { change } from './change.ts';
import { eventLines, eventsText, hostsText, nodesText, operationsText, statusText } from './format.ts';
import { down, upInBackground, upInForeground } from './local-system.ts';
import { Target, type TargetOptions } from './target.ts';
import { UsageError } from './usage-error.ts';

interface GlobalOptions extends TargetOptions {
  json?: boolean;
  yes?: boolean;
  reason?: string;
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
    .option('--yes', 'do not ask before a change')
    .option('--reason <text>', 'why, for the history')
    .exitOverride()
    .configureHelp({ showGlobalOptions: true });
  program.hook('preAction', (_, command) => {
    // The supervisor of the local system outlives its terminal; it has things to end in order.
    if (command.name() !== 'up') endWithReader();
  });
  const options = () => program.opts<GlobalOptions>();
  addLocalSystem(program, options);
  addReading(program, options);
  addChanges(program, options);
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
      const { hosts } = await (await target()).status();
      print(options(), hosts, () => hostsText(hosts));
    });
  program
    .command('operations')
    .description('long-running changes, the newest last')
    .action(async () => {
      const operations = await (await (await target()).reader()).operations();
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
  const perform = async (makeRequest: (target: Target) => Promise<OperationRequest>) => {
    const { json = false, yes = false, reason = '' } = options();
    const target = await Target.find(options());
    const request = await makeRequest(target);
    const operation = await change({ target, request, reason, yes, json });
    print(options(), operation, () => `${operation.kind}: done`);
  };
  const node = program.command('node').description('add or remove a node');
  node
    .command('add <host>')
    .description('make a spare host a standby of the cluster')
    .action((name: string) =>
      perform(async (target) => {
        const { addresses, kind } = await loadHostConfig(target.configFileOf(name));
        return { kind: 'add-node', host: { name, addresses, kind } };
      }),
    );
  node
    .command('remove <node>')
    .description('take a standby out of its cluster; its data is set aside')
    .action((name: string) => perform(async () => ({ kind: 'remove-node', node: name })));
  program
    .command('switchover')
    .description('make another node the primary, without losing a write')
    .option('--to <node>', 'which one (default: the best)')
    .action((own: { to?: string }) => perform(async () => ({ kind: 'switchover', to: own.to ?? null })));
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
