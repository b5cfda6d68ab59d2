import { QuantaError } from '../../../shared/errors.ts';
import type { RecoveryTarget } from '../../engine.ts';

/** What a restore is told to stop at (pure). */

/**
 * The backup and the timeline are always named: the program's own choice may be the newest backup of a timeline that was
 * abandoned, and for a name or a transaction it chooses none at all. Archiving is off, because a restored copy that
 * archives under the same name would overwrite the histories of the cluster it came from.
 */
export function restoreArguments(request: {
  label: string;
  timeline: number;
  target: RecoveryTarget;
}): string[] {
  // Up to the end of the backup itself there is no other timeline than its own, and the option is refused.
  const timeline = request.target.kind === 'backup' ? [] : [`--target-timeline=${request.timeline}`];
  const set = `--set=${checkedLabel(request.label)}`;
  return [set, ...timeline, '--archive-mode=off', ...targetArguments(request.target)];
}

function targetArguments(target: RecoveryTarget): string[] {
  switch (target.kind) {
    // An action is refused here: without a target there is nothing to act at.
    case 'latest':
      return ['--type=default'];
    case 'backup':
      return ['--type=immediate', '--target-action=promote'];
    case 'time':
      return at('time', formatTargetTime(target.atMs), target.inclusive);
    case 'lsn':
      return at('lsn', matching(target.lsn, /^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/i), target.inclusive);
    case 'xid':
      return at('xid', matching(target.xid, /^\d{1,20}$/), target.inclusive);
    case 'name':
      // PostgreSQL stops after a named point always: exclusive has no meaning there.
      return at('name', matching(target.name, /^[\x20-\x7e]{1,63}$/), true);
  }
}

function at(type: string, value: string, inclusive: boolean): string[] {
  const exclusive = inclusive ? [] : ['--target-exclusive'];
  return [`--type=${type}`, `--target=${value}`, '--target-action=promote', ...exclusive];
}

/** With an explicit offset, always: without one PostgreSQL reads the time in the zone of whatever server recovers. */
export function formatTargetTime(atMs: number): string {
  const iso = new Date(atMs).toISOString();
  return `${iso.slice(0, 10)} ${iso.slice(11, 23)}+00`;
}

export function checkedLabel(label: string): string {
  return matching(label, /^[0-9]{8}-[0-9]{6}F(_[0-9]{8}-[0-9]{6}[DI])?$/);
}

function matching(value: string, pattern: RegExp): string {
  if (pattern.test(value)) return value;
  throw new QuantaError(
    'CONFIG_INVALID',
    `${JSON.stringify(value.slice(0, 60))} cannot be a recovery target`,
  );
}
