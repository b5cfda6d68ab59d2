import { createInterface } from 'node:readline/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { damageHint } from '@quantadb/engine/backup/findings';
import { wayOf } from '@quantadb/engine/backup/restore-way';
import type { BackupJob, BackupWork } from '@quantadb/engine/contract/backup';
import type { BackupOverview } from '@quantadb/engine/contract/backup-view';
import type { RestorePlanning } from '@quantadb/engine/contract/restore';
import { QuantaError } from '@quantadb/engine/shared/errors';
import type { Command } from 'commander';
import {
  type ConfigureOptions,
  configureRequest,
  type RepositoryOptions,
  repositoryNumberOf,
  repositoryOf,
  restoreTargetOf,
  secretsOf,
  secretVariables,
  type TargetOptions,
} from '../backup-arguments.ts';
import { backupsText, damageText, endText, jobText, planningText } from '../backup-format.ts';
import { change } from '../change.ts';
import type { ConsoleClient, Intent } from '../console-client.ts';
import { silenceMsMax } from '../follow.ts';
import { planText } from '../format.ts';
import { restoreIntoThroughConsole } from '../restore-through-console.ts';
import { type Confirmed, type Steering, throughConsole, throughDaemon } from '../steering.ts';
import { findConsole, Target } from '../target.ts';
import { UsageError } from '../usage-error.ts';
import { type GlobalOptions, print } from './options.ts';

const followEveryMs = 1000;
const repositoryHelp = Object.values(secretVariables).join(', ');

const plainWorks = [
  ['verify', 'read every file of the repository'],
  ['drill', 'restore the newest moment into a scratch server, and try it'],
  ['expire', 'remove what retention lets go'],
] as const;

export function addBackup(program: Command, options: () => GlobalOptions): void {
  const backup = program.command('backup').description('backups, and restores to any moment');
  const perform = async (intent: Intent) => {
    const operation = await performed(options(), intent);
    print(options(), operation, () => `${operation.kind}: done`);
  };
  const run = (work: BackupWork) => runWork(options(), work);
  backup
    .command('list')
    .alias('status')
    .description('what there is, and which moments can be restored to')
    .action(async () => {
      const overview = await readOverview(options());
      print(options(), overview, () => backupsText(overview, Date.now()));
    });
  backup
    .command('now')
    .description('make one now')
    .option('--type <type>', 'full, diff or incr', 'incr')
    .option('--repository <number>', 'of several, the one it goes to (1)')
    .action((own: { type: string; repository?: string }) => {
      const { type } = own;
      if (type !== 'full' && type !== 'diff' && type !== 'incr')
        throw new UsageError('--type takes full, diff or incr');
      return run({ kind: 'backup', type, ...inRepository(own) });
    });
  for (const [kind, words] of plainWorks)
    backup
      .command(kind)
      .description(words)
      .option('--repository <number>', 'of several, the one that is meant (1)')
      .action((own: { repository?: string }) => run({ kind, ...inRepository(own) }));
  backup
    .command('cancel')
    .description('end what runs')
    .action(() => perform({ kind: 'cancel-backup' }));
  backup
    .command('hold <label> <note>')
    .description('never remove this backup')
    .action((label: string, note: string) => perform({ kind: 'hold-backup', label, note }));
  backup
    .command('release <label>')
    .description('let retention remove it again')
    .action((label: string) => perform({ kind: 'hold-backup', label, note: null }));
  backup
    .command('note <label> <text>')
    .description('write something on this backup; an empty text takes it away')
    .action((label: string, text: string) => perform({ kind: 'note-backup', label, note: text || null }));
  backup
    .command('point <name>')
    .description('mark this moment by a name that can be restored to')
    .action((name: string) => perform({ kind: 'create-restore-point', name }));
  withTarget(backup.command('look'))
    .description('restore a moment into a scratch server on one of the nodes, and leave it open')
    .option('--close', 'close the one that is open, and remove its copy')
    .action((own: TargetOptions & { close?: boolean }) =>
      own.close ? perform({ kind: 'close-look' }) : run({ kind: 'look', target: restoreTargetOf(own) }),
    );
  addConfigure(backup, async (own) => perform(await configureIntent(options(), own)));
  addRestore(backup, options);
}

/** One piece of work on the repository to its end, and what it found. */
async function runWork(options: GlobalOptions, work: BackupWork): Promise<void> {
  const { id } = await performed(options, { kind: 'start-backup', work });
  const job = await followJob(options, id);
  const overview = await readOverview(options).catch(() => null);
  const damage = damageText(job, overview?.repository);
  print(options, job, () => damage ?? endText(job));
  if (job.state !== 'done') throw new QuantaError('BACKUP_FAILED', job.detail || `it was ${job.state}`);
  // Whoever runs it from a script is told by the exit code.
  if (damage !== null)
    throw new QuantaError('BACKUP_FAILED', `the ${job.work.kind} found something wrong`, {
      hint: damageHint(job),
    });
}

/** What is not named in a part stays as it was in that repository. */
async function configureIntent(options: GlobalOptions, own: ConfigureOptions): Promise<Intent> {
  const before = (await readOverview(options)).config;
  const number = repositoryNumberOf(own);
  const further = before?.further?.find((each) => each.number === number);
  const known = before && further ? { ...before, retention: further.retention } : before;
  return configureRequest(own, process.env, known);
}

/** Absent where the first is meant: hosts of before know no number. */
function inRepository(own: { repository?: string }): { repository?: number } {
  const repository = repositoryNumberOf(own);
  return repository === undefined || repository === 1 ? {} : { repository };
}

function addConfigure(backup: Command, configure: (own: ConfigureOptions) => Promise<void>): void {
  withRepository(backup.command('configure'))
    .description(`where backups go, when they are made, how long they stay (secrets: ${repositoryHelp})`)
    .option(
      '--host <node>',
      'on the disk of this witness or node, below --path; the others reach it over TLS',
    )
    .option('--repository <number>', 'one more place for the same WAL, 2 to 4; or the one that is meant (1)')
    .option('--take-off', 'give that --repository up; what it holds stays there')
    .option('--port <number>', 'of --host, and of every node that has data (8432)')
    .option(
      '--schedule <text...>',
      'all schedules, each like "full 30 1 * * 0 Europe/Berlin", with repository=2 or =each behind it when there are several',
    )
    .option('--keep-fulls <number>', 'the newest so many full backups')
    .option('--keep-days <number>', 'what it takes to restore to any moment of so many days')
    .option('--keep <tiers>', 'full backups beyond that: daily=7,weekly=4,monthly=12,yearly=5')
    .option('--processes <number>', 'how many work at a time')
    .option('--nice <number>', 'of its processes, 0 to 19')
    .option('--io-priority <number>', 'of its reads and writes, 0 to 7, or idle')
    .option('--load-max <number>', 'held back above that load per processor, or none')
    .option('--lag-max <size>', 'held back while the standby is further behind, like 256MB')
    .option('--compression <kind>', 'zst, lz4, gz or none')
    .option('--source <which>', 'prefer-standby, standby-only or primary')
    .option('--archive-timeout <seconds>', 'WAL goes to the repository at least so often')
    .option('--drills <when>', 'restore drills, like "0 4 * * 6 Europe/Berlin", or off')
    .option(
      '--drill-check <check...>',
      'what must be true of the copy: "app: SELECT count(*) > 0 FROM orders"',
    )
    .action(configure);
}

function withRepository(command: Command): Command {
  return command
    .option('--path <directory>', 'the same storage on every host; with S3 the prefix in the bucket')
    .option('--s3-bucket <name>', 'the bucket of the repository; --path is the prefix in it')
    .option('--s3-endpoint <host:port>', 'who serves the bucket')
    .option('--s3-region <name>', 'where the bucket is')
    .option('--s3-uri-style <style>', 'host or path')
    .option('--s3-ca-file <file>', 'of a private authority')
    .option('--no-s3-verify-tls', 'take any certificate');
}

interface RestoreOptions extends TargetOptions, RepositoryOptions {
  into?: string;
  from?: string;
  host?: string;
  inPlace?: boolean;
  confirm?: string;
  insist?: boolean;
}

function addRestore(backup: Command, options: () => GlobalOptions): void {
  withRepository(withTarget(backup.command('restore')))
    .description(
      'plan a restore; with --into, found a new cluster with it on a host that is in none; with --in-place, take the running one back',
    )
    .option('--into <cluster>', 'name of the new cluster')
    .option('--host <name>', 'a spare host that the console knows, or one of the local system (else --node)')
    .option('--from <name>', 'the cluster’s name in the repository, when it is not the running one')
    .option('--in-place', 'the cluster itself goes back, and what came after the target is given up')
    .option(
      '--confirm <cluster>',
      'the name of the cluster, which confirms --in-place (else it is asked for)',
    )
    .option('--insist', 'with --in-place, although the repository could not give back what is given up')
    .action((own: RestoreOptions) => (own.inPlace ? inPlace(options(), own) : restore(options(), own)));
}

function withTarget(command: Command): Command {
  return command
    .option('--latest', 'everything that has reached the repository')
    .option('--time <moment>', 'with an offset, or with --zone')
    .option('--zone <name>', 'whose clocks --time means, like Europe/Berlin')
    .option('--lsn <position>', 'a position in the WAL, as 0/3000060')
    .option('--timeline <number>', 'of --lsn, to go where the cluster has not gone')
    .option('--xid <number>', 'a transaction')
    .option('--point <name>', 'a restore point')
    .option('--label <backup>', 'the end of that backup')
    .option('--exclusive', 'without the target itself');
}

/** Of the cluster that runs, where a console knows it: hosts and secrets are known there. */
async function restoreThroughConsole(
  console: ConsoleClient,
  options: GlobalOptions,
  { into, host, ...own }: RestoreOptions,
): Promise<void> {
  const target = restoreTargetOf(own);
  const { id: clusterId } = await console.cluster(options.cluster);
  if (into === undefined) {
    const planning = await console.planRestore(clusterId, target);
    if (!planning.ok) throw refusalOf(planning);
    return print(options, planning, () => planningText(planning));
  }
  if (host === undefined) throw new UsageError('--into needs --host: one that is in no cluster');
  const wanted = { client: console, clusterId, host, cluster: into, target };
  const { yes = false, json = false, reason = '' } = options;
  const steering = restoreIntoThroughConsole(wanted, (planning) => {
    if (!planning.ok) throw refusalOf(planning);
    if (!json) process.stdout.write(`${planningText(planning)}\n\n`);
  });
  const operation = await change({ steering, reason, yes, json });
  print(options, operation, () => `${into}: ${operation.steps[0]?.detail ?? 'restored'}`);
}

async function restore(options: GlobalOptions, own: RestoreOptions): Promise<void> {
  const isOfAnother = own.from !== undefined || repositoryOf(own, process.env) !== null;
  const console = isOfAnother ? null : await findConsole(options);
  if (console) return restoreThroughConsole(console, options, own);
  const target = restoreTargetOf(own);
  const source = await sourceOf(options, own);
  const hosts = await Target.find(options);
  const client = own.host === undefined ? await hosts.writer() : hosts.clientOf(own.host);
  if (own.into !== undefined && !source)
    throw new UsageError(
      '--into needs --from and the repository (--path or --s3-bucket): the new cluster knows of none',
    );
  const planning = await client.planRestore({ source, target });
  if (!planning.ok) throw refusalOf(planning);
  if (own.into === undefined || !source) {
    print(options, planning, () => planningText(planning));
    return;
  }
  if (!options.json) process.stdout.write(`${planningText(planning)}\n\n`);
  const way = wayOf(planning.plan);
  const request = { kind: 'restore-cluster' as const, cluster: own.into, source, target, way };
  const { yes = false, json = false, reason = '' } = options;
  const steering = {
    plan: () => client.plan(request),
    start: async (given: Confirmed) => (await client.start({ request, ...given })).operationId,
    witnesses: async () => [client],
  };
  const operation = await change({ steering, reason, yes, json });
  print(options, operation, () => `${own.into}: ${operation.steps[0]?.detail ?? 'restored'}`);
}

async function inPlace(options: GlobalOptions, own: RestoreOptions): Promise<void> {
  if (own.into !== undefined || own.from !== undefined)
    throw new UsageError('--in-place is about the running cluster: it takes neither --into nor --from');
  const target = restoreTargetOf(own);
  const { insist = false } = own;
  const intent = { kind: 'restore-in-place' as const, target, insist };
  const confirm = own.confirm ?? (await typedName(await steeringOf(options, { ...intent, confirm: null })));
  // The name that was typed is the confirmation.
  const operation = await performed({ ...options, yes: true }, { ...intent, confirm });
  const restored = operation.steps.find(({ name }) => name === 'Restore beside the running data');
  print(options, operation, () => `${confirm} went back: ${restored?.detail ?? 'done'}`);
}

async function typedName(steering: Steering): Promise<string> {
  const plan = await steering.plan();
  if (plan.refusal) throw new QuantaError('REFUSED', plan.refusal);
  process.stdout.write(`${planText(plan)}\n\n`);
  if (!process.stdin.isTTY) throw new UsageError('there is nobody to confirm: add --confirm <cluster>');
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const name = await terminal.question('To go on, type the name of the cluster: ');
  terminal.close();
  return name.trim();
}

function refusalOf({ refusal }: Extract<RestorePlanning, { ok: false }>): QuantaError {
  const nearest = refusal.nearest.map(({ words }) => words).join(', ');
  const details = { reason: refusal.reason, nearest: refusal.nearest };
  return new QuantaError('REFUSED', refusal.message, {
    details,
    ...(nearest ? { hint: `The nearest possible: ${nearest}.` } : {}),
  });
}

/** What was named, or what the running cluster has agreed on. Null: the cluster that is asked knows itself. */
async function sourceOf(options: GlobalOptions, own: RestoreOptions) {
  const repository = repositoryOf(own, process.env);
  const stanza = own.from ?? options.cluster;
  if (!repository && own.into === undefined) return null;
  if (!repository || stanza === undefined)
    throw new UsageError('name the repository (--path or --s3-bucket) and the cluster’s name in it (--from)');
  return { stanza, repository, secrets: secretsOf(process.env) };
}

async function performed(options: GlobalOptions, intent: Intent) {
  const { json = false, yes = false, reason = '' } = options;
  return change({ steering: await steeringOf(options, intent), reason, yes, json });
}

async function steeringOf(options: GlobalOptions, intent: Intent): Promise<Steering> {
  const console = await findConsole(options);
  return console
    ? throughConsole(console, intent, options.cluster)
    : throughDaemon(await Target.find(options), intent);
}

async function readOverview(options: GlobalOptions): Promise<BackupOverview> {
  const console = await findConsole(options);
  const overview = console
    ? await console.backups((await console.cluster(options.cluster)).id)
    : await (await (await Target.find(options)).reader()).backups();
  if (overview) return overview;
  throw new QuantaError('NOT_FOUND', 'this host is in no cluster');
}

/**
 * Shows how the work goes until its end, whoever does it.
 *
 * @throws QuantaError PEER_UNREACHABLE when nobody has known of it for a minute
 */
async function followJob(options: GlobalOptions, id: string): Promise<BackupJob> {
  let shown = '';
  let heardAtMs = performance.now();
  for (;;) {
    const overview = await readOverview(options).catch((error: unknown) => {
      // Whoever was asked may be the one that fails over meanwhile.
      if (error instanceof QuantaError && error.code !== 'UNAUTHORIZED') return null;
      throw error;
    });
    const ended = overview?.pastJobs.find((job) => job.id === id);
    if (ended) return ended;
    const { job } = overview ?? {};
    if (job?.id === id) heardAtMs = performance.now();
    if (performance.now() - heardAtMs > silenceMsMax)
      throw new QuantaError('PEER_UNREACHABLE', 'nobody has said for a minute how it goes', {
        hint: 'It may go on all the same: quantadb backup list says so once somebody answers.',
      });
    if (job && !options.json && jobText(job) !== shown) {
      shown = jobText(job);
      process.stdout.write(process.stdout.isTTY ? `\r\u001b[K${shown}` : `${shown}\n`);
    }
    await delay(followEveryMs);
  }
}
