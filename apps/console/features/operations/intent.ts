import type { AppRouter } from '@quantadb/api/client-types';
import type { inferRouterInputs, inferRouterOutputs } from '@trpc/server';
import { configureCommand, quoted } from './configure-command.ts';

export type Intent = inferRouterInputs<AppRouter>['operations']['plan']['intent'];
export type Plan = inferRouterOutputs<AppRouter>['operations']['plan'];
export type OperationView = inferRouterOutputs<AppRouter>['operations']['get'];

/** How serious a click is: reversible ones run at once, disruptive ones want a reason. */
export const tiers: Record<Intent['kind'], 'reversible' | 'disruptive'> = {
  'add-node': 'reversible',
  'remove-node': 'disruptive',
  'set-maintenance': 'reversible',
  switchover: 'disruptive',
  'restart-node': 'disruptive',
  'reinitialise-node': 'disruptive',
  'rolling-restart': 'disruptive',
  'set-parameters': 'disruptive',
  'set-durability': 'disruptive',
  'set-own-durability': 'disruptive',
  'set-node': 'reversible',
  'set-router': 'disruptive',
  'set-access': 'disruptive',
  'replace-node': 'disruptive',
  'upgrade-postgres': 'disruptive',
  'restart-daemons': 'disruptive',
  'promote-cluster': 'disruptive',
  'forget-follower': 'disruptive',
  'retry-operation': 'disruptive',
  'cancel-operation': 'disruptive',
  'configure-backup': 'reversible',
  'start-backup': 'reversible',
  'cancel-backup': 'disruptive',
  'close-look': 'reversible',
  'create-restore-point': 'reversible',
  'hold-backup': 'reversible',
  'note-backup': 'reversible',
  'restore-in-place': 'disruptive',
  'schedule-operation': 'disruptive',
  'unschedule-operation': 'reversible',
};

const backupWords = {
  ...{ full: 'a full backup', diff: 'a differential backup', incr: 'an incremental backup' },
};

const workTitles = {
  look: 'Restore into a scratch server for a look',
  verify: 'Verify the repository',
  drill: 'Run a restore drill',
  expire: 'Remove old backups',
};

export function titleOf(intent: Intent): string {
  switch (intent.kind) {
    case 'add-node':
      return `Add ${intent.host}`;
    case 'remove-node':
      return `Remove ${intent.node}`;
    case 'switchover':
      return intent.to ? `Make ${intent.to} the primary` : 'Switch over';
    case 'set-maintenance':
      return intent.on ? `Put ${intent.node} in maintenance` : `End maintenance of ${intent.node}`;
    case 'restart-node':
      return `Restart PostgreSQL on ${intent.node}`;
    case 'reinitialise-node':
      return `Clone ${intent.node} anew`;
    case 'rolling-restart':
      return 'Restart every node';
    case 'set-parameters':
      return 'Change parameters';
    case 'set-router':
      return 'Change the routers';
    case 'set-access':
      return 'Change who may connect';
    case 'set-node':
      return `Set ${intent.node}`;
    case 'replace-node':
      return `Replace ${intent.node} by ${intent.host}`;
    case 'upgrade-postgres':
      return 'Upgrade PostgreSQL';
    case 'restart-daemons':
      return 'Replace the daemons';
    case 'schedule-operation':
      return `Schedule: ${titleOf(intent.request)}`;
    case 'unschedule-operation':
      return 'Take back what is scheduled';
    case 'promote-cluster':
      return 'Promote the cluster';
    case 'forget-follower':
      return `Forget ${intent.cluster}`;
    case 'retry-operation':
      return 'Go on from the failed step';
    case 'cancel-operation':
      return 'Cancel the operation';
    case 'configure-backup':
      if (intent.takeOff) return `Take repository ${intent.number ?? 1} off`;
      return intent.number === undefined ? 'Change the backup settings' : `Set repository ${intent.number}`;
    case 'start-backup':
      return intent.work.kind === 'backup'
        ? `Make ${backupWords[intent.work.type]}`
        : workTitles[intent.work.kind];
    case 'close-look':
      return 'Close the copy that is open for a look';
    case 'cancel-backup':
      return 'Cancel what runs on the repository';
    case 'create-restore-point':
      return `Set the restore point ${intent.name}`;
    case 'hold-backup':
      return intent.note === null ? `Let ${intent.label} go again` : `Hold ${intent.label}`;
    case 'set-own-durability':
      return `Change what commits of ${ownerWords(intent.change)} wait for`;
    case 'note-backup':
      return intent.note === null ? `Take the note of ${intent.label} away` : `Note on ${intent.label}`;
    case 'restore-in-place':
      return 'Take the cluster back to a moment, where it runs';
    case 'set-durability':
      return `Change the durability to ${intent.durability.mode} ${intent.durability.strictness}`;
  }
}

/** The same change from a terminal, of the cluster by its name where there are several. */
export function commandFor(intent: Intent, cluster: string | null): string {
  const command = commandOf(intent);
  return cluster === null
    ? command
    : command.replaceAll(/(^|&& )quantadb /g, `$1quantadb --cluster ${cluster} `);
}

type Work = Extract<Intent, { kind: 'start-backup' }>['work'];

function workCommand(work: Work): string {
  if (work.kind === 'look') return `quantadb backup look${targetOptions(work.target)}`;
  const repository = work.repository === undefined ? '' : ` --repository ${work.repository}`;
  return work.kind === 'backup'
    ? `quantadb backup now --type ${work.type}${repository}`
    : `quantadb backup ${work.kind}${repository}`;
}

function maintenanceEnd(on: Extract<Intent, { kind: 'set-maintenance' }>['on']): string {
  if (on === null) return '';
  return on.minutes === null ? ' --forever' : ` --minutes ${on.minutes}`;
}

export function commandOf(intent: Intent): string {
  switch (intent.kind) {
    case 'add-node':
      return `quantadb node add ${intent.host}`;
    case 'remove-node':
      return `quantadb node remove ${intent.node}`;
    case 'configure-backup':
      return configureCommand(intent);
    case 'start-backup':
      return workCommand(intent.work);
    case 'close-look':
      return 'quantadb backup look --close';
    case 'cancel-backup':
      return 'quantadb backup cancel';
    case 'create-restore-point':
      return `quantadb backup point ${quoted(intent.name)}`;
    case 'hold-backup':
      return intent.note === null
        ? `quantadb backup release ${intent.label}`
        : `quantadb backup hold ${intent.label} ${quoted(intent.note)}`;
    case 'note-backup':
      return `quantadb backup note ${intent.label} ${quoted(intent.note ?? '')}`;
    case 'restore-in-place':
      return `quantadb backup restore${targetOptions(intent.target)} --in-place${intent.insist ? ' --insist' : ''}`;
    case 'switchover':
      return `quantadb switchover${intent.to ? ` --to ${intent.to}` : ''}`;
    case 'set-maintenance':
      return `quantadb maintenance ${intent.on ? 'on' : 'off'} ${intent.node}${maintenanceEnd(intent.on)}`;
    case 'restart-node':
      return `quantadb node restart ${intent.node}`;
    case 'reinitialise-node':
      return `quantadb node reinitialise ${intent.node}`;
    case 'rolling-restart':
      return 'quantadb rolling-restart';
    case 'replace-node':
      return `quantadb node replace ${intent.node} ${intent.host}`;
    case 'upgrade-postgres':
      return `quantadb upgrade postgres${intent.directory ? ` --programs ${intent.directory}` : ''}`;
    case 'restart-daemons':
      return 'quantadb upgrade daemons';
    case 'schedule-operation':
      return `${commandOf(intent.request)} --at ${new Date(intent.atMs).toISOString().slice(0, 16)}Z`;
    case 'unschedule-operation':
      return `quantadb scheduled cancel ${intent.id}`;
    case 'promote-cluster':
      return `quantadb cluster promote${intent.insist ? ' --insist' : ''}`;
    case 'retry-operation':
    case 'cancel-operation':
      return `quantadb operations ${intent.kind === 'retry-operation' ? 'retry' : 'cancel'} ${intent.operation ?? ''}`.trim();
    case 'set-parameters':
      return `quantadb parameters ${assignments(intent.parameters)}`;
    case 'forget-follower':
      return `quantadb cluster forget ${intent.cluster}`;
    case 'set-access':
      return accessCommand(intent.change);
    case 'set-router':
      return `quantadb router set ${assignments(intent.settings)}`;
    case 'set-own-durability':
      return `quantadb durability ${intent.change.mode ?? 'usual'}${ownerOptions(intent.change)}`;
    case 'set-durability':
      return `quantadb durability ${intent.durability.mode} ${intent.durability.strictness}`;
    case 'set-node':
      return `quantadb node set ${intent.node} ${nodeOptions(intent.change)}`;
  }
}

type RestoreTarget = Extract<Intent, { kind: 'restore-in-place' }>['target'];

function targetOptions(target: RestoreTarget): string {
  const exclusive = 'inclusive' in target && target.inclusive === false ? ' --exclusive' : '';
  switch (target.kind) {
    case 'latest':
      return ' --latest';
    case 'time':
      return ` --time '${new Date(target.atMs).toISOString()}'${exclusive}`;
    case 'lsn':
      return ` --lsn ${target.lsn}${target.timeline == null ? '' : ` --timeline ${target.timeline}`}${exclusive}`;
    case 'xid':
      return ` --xid ${target.xid}${exclusive}`;
    case 'name':
      return ` --point ${quoted(target.name)}`;
    case 'backup':
      return ` --label ${target.label}`;
  }
}

type Owner = Pick<Extract<Intent, { kind: 'set-own-durability' }>['change'], 'role' | 'database'>;

export function ownerWords({ role, database }: Owner): string {
  const base = database === null ? '' : `database ${database}`;
  return role === null ? base : `role ${role}${base === '' ? '' : ` in ${base}`}`;
}

function ownerOptions({ role, database }: Owner): string {
  const role_ = role === null ? '' : ` --role ${quoted(role)}`;
  return database === null ? role_ : `${role_} --database ${quoted(database)}`;
}

/** One that adds and one that removes: together they are what a page asks for at once. */
function accessCommand({
  add = [],
  remove = [],
  first = false,
}: Extract<Intent, { kind: 'set-access' }>['change']): string {
  const words = (lines: string[]) => lines.map((line) => ` ${quoted(line)}`).join('');
  return [
    add.length > 0 ? `quantadb access add${first ? ' --first' : ''}${words(add)}` : '',
    remove.length > 0 ? `quantadb access remove${words(remove)}` : '',
  ]
    .filter((command) => command !== '')
    .join(' && ');
}

type NodeChange = Extract<Intent, { kind: 'set-node' }>['change'];

function nodeOptions(change: NodeChange): string {
  const { priority, noFailover, noLoadBalance, weight, upstream, applyDelayMs, zone } = change;
  const options = [
    priority === undefined ? '' : `--priority ${priority}`,
    noFailover === undefined ? '' : `--failover ${noFailover ? 'no' : 'yes'}`,
    noLoadBalance === undefined ? '' : `--reads ${noLoadBalance ? 'no' : 'yes'}`,
    weight === undefined ? '' : `--weight ${weight}`,
    upstream === undefined ? '' : `--upstream ${upstream ?? 'primary'}`,
    applyDelayMs === undefined ? '' : `--delay ${applyDelayMs === 0 ? 'none' : `${applyDelayMs / 1000}s`}`,
    zone === undefined ? '' : `--zone ${zone ?? 'none'}`,
  ];
  return options.filter((option) => option !== '').join(' ');
}

/** What is reset comes last, and each with its own option: an option takes everything that follows it. */
function assignments(parameters: Record<string, string | number | boolean | null>): string {
  const all = Object.entries(parameters);
  return [
    ...all.flatMap(([name, value]) => (value === null ? [] : [quoted(`${name}=${value}`)])),
    ...all.flatMap(([name, value]) => (value === null ? [`--reset ${name}`] : [])),
  ].join(' ');
}
