import { spawnSync } from 'node:child_process';
import type { OsUser } from './postmaster-host.ts';

/** A program to spawn, and as whom. `uid` and `gid` are missing when the program itself changes to its user. */
export interface Spawnable {
  file: string;
  args: string[];
  uid?: number;
  gid?: number;
}

const setprivFile = '/usr/bin/setpriv';
let isAvailable: boolean | null = null;

/** Some systems have no setpriv, or one without this option. */
export function canSetDeathSignal(): boolean {
  isAvailable ??=
    spawnSync(setprivFile, ['--pdeathsig', 'KILL', '--', '/bin/true'], { stdio: 'ignore', timeout: 2_000 })
      .status === 0;
  return isAvailable;
}

/**
 * A command that the kernel kills when the process that started it dies, where the system can do that. setpriv executes
 * the program in its own place, so its pid is the program's.
 */
export function withDeathSignal(command: { file: string; args: string[]; osUser: OsUser | null }): Spawnable {
  const { file, args, osUser } = command;
  if (!canSetDeathSignal()) return asUser(command);
  const user = osUser ? ['--reuid', String(osUser.uid), '--regid', String(osUser.gid), '--init-groups'] : [];
  return { file: setprivFile, args: [...user, '--pdeathsig', 'KILL', '--', file, ...args] };
}

export function asUser({
  file,
  args,
  osUser,
}: {
  file: string;
  args: string[];
  osUser: OsUser | null;
}): Spawnable {
  return osUser ? { file, args, uid: osUser.uid, gid: osUser.gid } : { file, args };
}
