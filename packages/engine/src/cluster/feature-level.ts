import type { BackupConfig } from '../contract/backup.ts';
import type { ClusterState } from '../contract/cluster-state.ts';
import type { NodeReport } from '../contract/node-report.ts';
import type { NodeChange } from '../contract/operations.ts';
import { level5RouterSettings, level9RouterSettings } from '../contract/router-settings.ts';
import type { Command, CommandOf } from './commands.ts';

/**
 * Daemons of two releases in one cluster (pure). A command that an older daemon cannot apply must never reach its log: it
 * would have to stop there, and dropping what it does not know would make its state another one than the others'. So the
 * cluster agrees on a level, raised once every member's daemon knows it, and what needs a higher one is refused until then.
 *
 * Level 2: operations can be cancelled and gone on with; a cluster can begin with a server that had a past; backups.
 * Level 3: nodes have weights; operations can be scheduled.
 * Level 4: hosts that only route; settings of the routers; standbys cascade, or are delayed; a cluster can follow
 * another one.
 * Level 5: notes on backups; more drills and verifications are remembered; roles and databases have a durability of
 * their own; reads of routers are split by user, by database and by the suffix of its name; a cluster can be
 * restored in place; how gently a backup works can be set.
 * Level 6: the lease of a primary whose daemon is replaced lasts longer.
 * Level 7: a backup repository on the disk of one of the hosts.
 * Level 8: several backup repositories.
 * Level 9: a further repository may be on the disk of a host; what was served by a clock far ahead does not count; how long sessions
 * stay in a router that is replaced.
 * Level 10: a cluster knows the hosts of those that follow it.
 * Level 11: who may connect is changed while a cluster runs; one that followed it is forgotten on request.
 * Level 12: retention knows of restores into new clusters; drills and verifications are remembered for each repository.
 */
export const featureLevel = 12;

/** The lowest level whose daemons can apply the command. */
function levelOf(command: Command): number {
  switch (command.kind) {
    case 'set-backup': {
      if (command.config.further?.some(({ repository }) => repository.type === 'host')) return 9;
      if (namesRepository(command.config)) return 8;
      if (command.config.repository.type === 'host') return 7;
      const { nice, ioPriority } = command.config.impact;
      return nice === undefined && ioPriority === undefined ? 2 : 5;
    }
    case 'begin-backup-job':
      return 'repository' in command.job.work && command.job.work.repository !== undefined ? 8 : 2;
    case 'raise-level':
    case 'cancel-operation':
    case 'assign-backup-job':
    case 'delay-backup-job':
    case 'end-backup-job':
    case 'adopt-history':
    case 'note-restore-point':
      return 2;
    case 'schedule':
    case 'unschedule':
      return 3;
    case 'set-router':
      return levelOfRouter(command.settings);
    case 'note-source':
    case 'set-standby-leader':
    case 'stop-following':
    case 'follow-again':
    case 'end-following':
      return 4;
    case 'note-follower':
    case 'forget-follower':
      return 10;
    case 'set-access':
      return 11;
    case 'note-guest-restore':
      return 12;
    case 'begin-restore':
    case 'restore-ready':
    case 'place-restore':
    case 'open-restore':
      return 5;
    case 'set-lease':
      return 6;
    case 'set-node':
      return levelOfChange(command.change);
    case 'add-member':
      return command.member.kind === 'router' ? 4 : 1;
    case 'begin-operation':
      if (['set-access', 'forget-follower'].includes(command.operation.kind)) return 11;
      if (isOfFurtherHost(command.operation)) return 9;
      if (isOfRepository(command.operation)) return 8;
      if (['note-backup', 'restore-in-place', 'set-own-durability'].includes(command.operation.kind))
        return 5;
      if (command.operation.kind === 'set-router') return levelOfRouter(command.operation.params);
      if (['create-standby-cluster', 'promote-cluster'].includes(command.operation.kind)) return 4;
      return command.operation.retryOf === undefined ? 1 : 2;
    default:
      return 1;
  }
}

function namesRepository({ further, schedules }: Pick<BackupConfig, 'further' | 'schedules'>): boolean {
  return further !== undefined || schedules.some(({ repository }) => repository !== undefined);
}

/** A decider of before would do it to the first repository: it knows no other. */
function isOfRepository({ kind, params }: CommandOf<'begin-operation'>['operation']): boolean {
  if (kind === 'start-backup') return params.repository !== undefined;
  if (kind !== 'configure-backup') return false;
  const { number, schedules } = JSON.parse(String(params.settings));
  return number !== undefined || namesRepository({ further: undefined, schedules: schedules ?? [] });
}

function isOfFurtherHost({ kind, params }: CommandOf<'begin-operation'>['operation']): boolean {
  if (kind !== 'configure-backup') return false;
  const { number, repository } = JSON.parse(String(params.settings));
  return (number ?? 1) > 1 && repository?.type === 'host';
}

function levelOfRouter(settings: object): number {
  const names = Object.keys(settings);
  if (names.some((name) => level9RouterSettings.includes(name))) return 9;
  return names.some((name) => level5RouterSettings.includes(name)) ? 5 : 4;
}

function levelOfChange({ weight, upstream, applyDelayMs }: NodeChange): number {
  if (upstream !== undefined || applyDelayMs !== undefined) return 4;
  return weight === undefined ? 1 : 3;
}

/** Why the command must not go into the log yet, with the next step; null when it may. */
export function whyTooNew(state: ClusterState | null, command: Command): string | null {
  // The founder is alone, and whoever is told to raise the level has looked at every member.
  if (state === null || command.kind === 'raise-level') return null;
  const needed = levelOf(command);
  const level = state.level ?? 1;
  return needed <= level
    ? null
    : `not every daemon of the cluster knows how to do that yet (level ${level}, and ${needed} is needed): bring all of them to the same release (quantadb status)`;
}

/** The level to raise the cluster to now that its members say what they know; null: stay. */
export function levelToRaise(state: ClusterState, reports: ReadonlyMap<string, NodeReport>): number | null {
  const known = Object.keys(state.members).map((name) => reports.get(name)?.featureLevel ?? null);
  // One that does not answer may be an old one.
  if (known.length === 0 || known.includes(null)) return null;
  const lowest = Math.min(featureLevel, ...known.map((level) => level ?? 1));
  return lowest > (state.level ?? 1) ? lowest : null;
}

/**
 * Which part of what was read got lost because this release does not know it, as a path; null when nothing did.
 *
 * @param raw what was written
 * @param parsed what this release made of it, which may have gained defaults
 */
export function lostPart(raw: unknown, parsed: unknown, path = ''): string | null {
  if (typeof raw !== 'object' || raw === null || typeof parsed !== 'object' || parsed === null) return null;
  for (const [key, value] of Object.entries(raw)) {
    const where = path === '' ? key : `${path}.${key}`;
    if (!Object.hasOwn(parsed, key)) return where;
    const lost = lostPart(value, (parsed as Record<string, unknown>)[key], where);
    if (lost !== null) return lost;
  }
  return null;
}
