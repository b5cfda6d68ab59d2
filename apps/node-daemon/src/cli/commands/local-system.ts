import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { statusText } from '../format.ts';
import { down, upInBackground, upInForeground } from '../local-system.ts';
import { type GlobalOptions, print } from './options.ts';

export function addLocalSystem(program: Command, options: () => GlobalOptions): void {
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
      const bin = fileURLToPath(new URL('../../../bin/quantadb.mjs', import.meta.url));
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
