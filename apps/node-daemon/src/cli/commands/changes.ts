import type { Command } from 'commander';
import { change } from '../change.ts';
import type { Intent } from '../console-client.ts';
import { operationsText } from '../format.ts';
import { type NodeSettings, nodeChangeOf, parameterChanges } from '../settings-arguments.ts';
import { throughConsole, throughDaemon } from '../steering.ts';
import { findConsole, Target } from '../target.ts';
import { UsageError } from '../usage-error.ts';
import { addAccess } from './access.ts';
import { addDurability } from './durability.ts';
import { type GlobalOptions, print, wholeNumber } from './options.ts';
import { addRouter } from './router.ts';
import { addScheduled, type Timing, timed, withTiming } from './schedule.ts';

export function addChanges(program: Command, options: () => GlobalOptions): void {
  const perform = async (intent: Intent) => {
    const { json = false, yes = false, reason = '', cluster } = options();
    const console = await findConsole(options());
    const steering = console
      ? await throughConsole(console, intent, cluster)
      : await throughDaemon(await Target.find(options()), intent);
    const wanted = intent.kind === 'cancel-operation' ? 'cancelled' : 'done';
    const operation = await change({ steering, reason, yes, json, wanted });
    print(options(), operation, () => `${operation.kind}: ${operation.state}`);
  };
  addNode(program, perform);
  addFollowUps(program, options, perform);
  addCluster(program, options, perform);
  addScheduled(program, options, perform);
  addRouter(program, options, perform);
  withTiming(program.command('rolling-restart'))
    .description('restart every node: the standbys one by one, then a switchover')
    .action((own: Timing) => perform(timed({ kind: 'rolling-restart' }, own)));
  const upgrade = program
    .command('upgrade')
    .description('bring what was installed on every host into use, node by node');
  withTiming(upgrade.command('postgres'))
    .description('PostgreSQL of the same major version: standbys first, then a switchover')
    .option('--programs <directory>', 'where they are on every host (default: where they were)')
    .action((own: Timing & { programs?: string }) =>
      perform(timed({ kind: 'upgrade-postgres', directory: own.programs ?? null }, own)),
    );
  withTiming(upgrade.command('daemons'))
    .description('QuantaDB itself; PostgreSQL goes on')
    .action((own: Timing) => perform(timed({ kind: 'restart-daemons' }, own)));
  program
    .command('parameters [name=value...]')
    .description('change PostgreSQL parameters of the whole cluster')
    .option('--reset <name...>', 'take parameters back to their defaults', [])
    .action((given: string[], own: { reset: string[] }) =>
      perform({ kind: 'set-parameters', parameters: parameterChanges(given, own.reset) }),
    );
  addAccess(program, options, perform);
  addDurability(program, options, perform);
  withTiming(program.command('switchover'))
    .description('make another node the primary, without losing a write')
    .option('--to <node>', 'which one (default: the best)')
    .action((own: Timing & { to?: string }) =>
      perform(timed({ kind: 'switchover', to: own.to ?? null }, own)),
    );
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

function addNode(program: Command, perform: (intent: Intent) => Promise<void>): void {
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
    .command('replace <node> <host>')
    .description('put a spare host in the place of a node: it joins, then the node leaves')
    .action((name: string, host: string) => perform({ kind: 'replace-node', node: name, host }));
  withTiming(node.command('restart <node>'))
    .description('restart PostgreSQL of a standby')
    .action((name: string, own: Timing) => perform(timed({ kind: 'restart-node', node: name }, own)));
  node
    .command('reinitialise <node>')
    .description('give up the data of a standby and clone the primary’s anew')
    .action((name: string) => perform({ kind: 'reinitialise-node', node: name }));
  node
    .command('set <node>')
    .description('what a node is used for, and where it stands')
    .option('--priority <0-100>', 'of nodes with the same WAL the highest becomes primary (usual: 50)')
    .option('--failover <yes|no>', 'whether it may become primary')
    .option('--reads <yes|no>', 'whether health endpoints and routers send reads to it')
    .option('--weight <1-100>', 'its share of the reads that routers spread (usual: 10)')
    .option('--upstream <node>', 'the standby that it streams from; "primary": from the primary, as usual')
    .option('--delay <time>', 'show everything so much later, as 90s, 30min, 4h or 2d; "none": at once')
    .option('--zone <name>', 'what fails together has the same name; "none": in no zone')
    .action((name: string, own: NodeSettings) =>
      perform({ kind: 'set-node', node: name, change: nodeChangeOf(own) }),
    );
}

function addFollowUps(
  program: Command,
  options: () => GlobalOptions,
  perform: (intent: Intent) => Promise<void>,
): void {
  const operations = program
    .command('operations')
    .description('long-running changes, the newest last')
    .action(() => showOperations(options()));
  operations
    .command('retry [id]')
    .description('go on with the newest operation, which failed, from the step that failed')
    .action((id?: string) => perform({ kind: 'retry-operation', operation: id ?? null }));
  operations
    .command('cancel [id]')
    .description('stop the operation that runs, and take back what it has begun')
    .action((id?: string) => perform({ kind: 'cancel-operation', operation: id ?? null }));
}

interface ClusterArguments {
  host: string;
  role?: string;
  database?: string;
  network: string[];
}

function addCluster(
  program: Command,
  options: () => GlobalOptions,
  perform: (intent: Intent) => Promise<void>,
): void {
  const cluster = program.command('cluster').description('clusters as a whole');
  cluster
    .command('promote')
    .description('end following another cluster: from then on this one takes writes; there is no way back')
    .option('--insist', 'although the source takes writes, or a node that may hold more cannot be asked')
    .action((own: { insist?: boolean }) => promoteCluster(options(), own.insist ?? false));
  cluster
    .command('forget <follower>')
    .description('keep no WAL any more for a cluster that followed this one, and was lost')
    .action((follower: string) => perform({ kind: 'forget-follower', cluster: follower }));
  cluster
    .command('create <name>')
    .description('found a cluster on a host that is in none; the others are added to it')
    .requiredOption('--host <host>', 'where it begins')
    .option('--role <role>', 'a role for the application, with a database of its own')
    .option('--database <database>', 'its name (default: the role’s)')
    .option('--network <cidr...>', 'where clients may come from', [])
    .action((cluster: string, own: ClusterArguments) => createCluster(options(), cluster, own));
}

/** Straight through a daemon: the console may be lost together with the source. */
async function promoteCluster(options: GlobalOptions, insist: boolean): Promise<void> {
  const { json = false, yes = false, reason = '' } = options;
  const steering = await throughDaemon(await Target.find(options), { kind: 'promote-cluster', insist });
  const operation = await change({ steering, reason, yes, json });
  print(options, operation, () => `${operation.kind}: ${operation.state}`);
}

async function createCluster(options: GlobalOptions, cluster: string, own: ClusterArguments): Promise<void> {
  const { json = false, yes = false, reason = '' } = options;
  const console = await findConsole(options);
  if (!console)
    throw new UsageError('a console is needed: --console, or on the host itself quantadb host found');
  const { host, role = null, database = null, network: networks } = own;
  const founding = { host, cluster, role, database, networks };
  let password: string | null = null;
  const steering = {
    plan: () => console.planFounding(founding),
    start: async ({ planHash }: { planHash: string }) => {
      const founded = await console.found(founding, { planHash, reason });
      password = founded.password;
      return founded.operationId;
    },
    witnesses: async () => [console.foundingWitness(cluster)],
  };
  const operation = await change({ steering, reason, yes, json });
  const words = password ? `\nThe password of ${role}, told once: ${password}` : '';
  print(options, { ...operation, password }, () => `${cluster}: founded${words}`);
}

async function showOperations(options: GlobalOptions): Promise<void> {
  const console = await findConsole(options);
  const operations = console
    ? await console.operations((await console.cluster(options.cluster)).id)
    : await (await (await Target.find(options)).reader()).operations();
  print(options, operations, () => operationsText(operations));
}
