import type { Command } from 'commander';
import { backUpMetadata, restoredText, restoreMetadata } from '../console-metadata.ts';
import {
  installConsole,
  runConsole,
  setupOf,
  uninstallConsole,
  writeConsoleSettings,
} from '../console-service.ts';
import { type GlobalOptions, print, wholeNumber } from './options.ts';

interface InitArguments {
  database: string;
  publicUrl: string;
  listen: string;
  port: string;
}

/** The console on this machine. */
export function addConsoleService(program: Command, options: () => GlobalOptions): void {
  const console = program.command('console').description('the console on this machine');
  const tell = (lines: string[]) => print(options(), { done: lines }, () => lines.join('\n'));
  console
    .command('init <console.env>')
    .description('write a commented file of settings, with a new secret')
    .requiredOption('--database <url>', 'PostgreSQL that holds the console’s data')
    .requiredOption('--public-url <url>', 'how people and hosts reach the console')
    .option('--listen <address>', 'where it listens', '127.0.0.1')
    .option('--port <port>', 'on which port', '3000')
    .action(async (file: string, own: InitArguments) => {
      const { database: databaseUrl, publicUrl, listen } = own;
      const port = wholeNumber('--port', own.port);
      const path = await writeConsoleSettings(file, { databaseUrl, publicUrl, listen, port });
      tell([
        `${path} is written. Keep a copy of its secret elsewhere.`,
        `Next: quantadb console install ${path}`,
      ]);
    });
  console
    .command('setup-token <console.env>')
    .description('what the page that makes the first administrator asks for')
    .action(async (file: string) => {
      const told = await setupOf(file);
      print(options(), told, () => `${told.token}\n\nOpen ${told.url}`);
    });
  console
    .command('run [console.env]')
    .description('run the console in the foreground')
    .action((file: string | undefined) => runConsole(file));
  console
    .command('install <console.env>')
    .description('run it as a service of systemd, from now on and with the machine')
    .action(async (file: string) => tell(await installConsole(file)));
  console
    .command('uninstall')
    .description('stop the console and remove the service; its data stays')
    .action(async () => tell(await uninstallConsole()));
  console
    .command('backup <console.env>')
    .description('copy the console’s own database now: people, hosts, the authority, the audit log')
    .option('--to <directory>', 'where (default: QUANTADB_METADATA_BACKUP_DIRECTORY of the settings)')
    .action(async (file: string, own: { to?: string }) => {
      const written = await backUpMetadata(file, own.to);
      print(
        options(),
        { file: written },
        () => `${written}\nKeep QUANTADB_SECRET elsewhere: the copy needs it.`,
      );
    });
  console
    .command('restore <console.env> <copy>')
    .description('put such a copy into the empty database of the settings, after the console was lost')
    .action(async (file: string, copy: string) => {
      const restored = await restoreMetadata(file, copy);
      print(options(), restored, () => restoredText(restored));
    });
}
