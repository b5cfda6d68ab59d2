import { access, copyFile, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { runCommand, runOrThrow } from '../command.ts';
import { writeOwnedFile } from '../owned-file.ts';

/** What starts a server with the machine: two of them on one data directory would destroy it. */
export interface Autostart {
  words: string;
  disable(): Promise<void>;
}

const serviceDeadlineMs = 120_000;

/** Debian's own switch first (pg_ctlcluster's start.conf), then a unit of systemd that runs this very process. */
export async function autostartOf(pid: number, configFile: string): Promise<Autostart | null> {
  const startConf = join(dirname(configFile), 'start.conf');
  const text = await readFile(startConf, 'utf8').catch(() => null);
  if (text !== null && /^\s*auto\s*$/m.test(text)) {
    return {
      words: `${startConf} says "auto", and "manual" from now on`,
      disable: async () => {
        await copyFile(startConf, `${startConf}.before-quantadb`);
        const manual = text.replaceAll(/^\s*auto\s*$/gm, 'manual');
        await writeOwnedFile(startConf, manual, { osUser: null, mode: 0o644 });
      },
    };
  }
  const unit = await unitOf(pid);
  if (unit === null || unit.startsWith('postgresql@')) return null;
  return {
    words: `the service ${unit}, which is disabled`,
    disable: async () => {
      await systemctlOrThrow(['disable', unit]);
    },
  };
}

/** @returns false when no service of systemd runs that process: it has to be signalled */
export async function stopThroughItsService(pid: number): Promise<boolean> {
  const unit = await unitOf(pid);
  if (unit === null) return false;
  // Signalled instead, a service that is to be restarted would come back beside QuantaDB's server.
  await systemctlOrThrow(['stop', unit]);
  return true;
}

/** The unit whose main process it is; a shell of a login, say, has a unit too, which is not the server's. */
async function unitOf(pid: number): Promise<string | null> {
  const hasSystemd = await access('/run/systemd/system').then(
    () => true,
    () => false,
  );
  if (!hasSystemd) return null;
  const groups = await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '');
  const unit = /([^/]+\.service)$/m.exec(groups)?.[1] ?? null;
  if (unit === null) return null;
  const main = await systemctl(['show', '--property=MainPID', '--value', unit]);
  return main?.trim() === String(pid) ? unit : null;
}

async function systemctlOrThrow(args: string[]): Promise<void> {
  const spec = { file: 'systemctl', args, osUser: null, timeoutMs: serviceDeadlineMs };
  await runOrThrow(
    spec,
    'Nothing of the server was changed. Do it by hand, then go on: quantadb operations retry.',
  );
}

async function systemctl(args: string[]): Promise<string | null> {
  const result = await runCommand({ file: 'systemctl', args, osUser: null, timeoutMs: serviceDeadlineMs });
  return result.code === 0 ? result.stdout : null;
}
