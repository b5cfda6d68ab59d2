import { spawnSync } from 'node:child_process';
import { access, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeDurably } from '@quantadb/engine/shared/durable-file';
import { QuantaError } from '@quantadb/engine/shared/errors';

/** Services of this machine, kept by systemd. */

const unitDirectory = '/etc/systemd/system';
const commandDeadlineMs = 90_000;

export interface Unit {
  /** `quantadb-….service` */
  name: string;
  text: string;
  /** How to run it where there is no systemd. */
  otherwise: string;
}

/** @returns what was done, and what is left to do by hand, in sentences */
export async function installUnit({ name, text, otherwise }: Unit): Promise<string[]> {
  refuseOthers();
  await writeDurably(join(unitDirectory, name), text);
  if (!(await runsSystemd()))
    return [`${join(unitDirectory, name)} is written.`, `systemd does not run here: ${otherwise}`];
  systemctl(['daemon-reload']);
  systemctl(['enable', '--now', name]);
  return [`${name} runs, and starts with the machine.`, `Its log: journalctl -u ${name}`];
}

export async function removeUnit(name: string): Promise<void> {
  refuseOthers();
  const runs = await runsSystemd();
  if (runs) systemctl(['disable', '--now', name]);
  await rm(join(unitDirectory, name), { force: true });
  if (runs) systemctl(['daemon-reload']);
}

/** The command as a unit starts it: this program, by this Node.js. */
export async function ownCommand(): Promise<string[]> {
  const command = await realpath(fileURLToPath(new URL('../../bin/quantadb.mjs', import.meta.url)));
  return [process.execPath, command];
}

function refuseOthers(): void {
  if (process.getuid?.() === 0) return;
  throw new QuantaError('REFUSED', 'a service of the machine is installed and removed by root', {
    hint: 'Run the command again with sudo.',
  });
}

function runsSystemd(): Promise<boolean> {
  return access('/run/systemd/system').then(
    () => true,
    () => false,
  );
}

function systemctl(args: string[]): void {
  const { status, stderr, error } = spawnSync('systemctl', args, {
    timeout: commandDeadlineMs,
    encoding: 'utf8',
  });
  if (status === 0) return;
  const why = error?.message ?? stderr.trim();
  throw new QuantaError('REFUSED', `systemctl ${args.join(' ')} failed: ${why}`, {
    hint: 'See: journalctl -xe',
  });
}

/** For a command line of systemd: no specifiers, no variables. */
export function quoted(text: string): string {
  const escaped = text
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('%', '%%')
    .replaceAll('$', '$$$$');
  return `"${escaped}"`;
}
