import { QuantaError } from '@quantadb/engine/shared/errors';
import { releaseVersion } from '@quantadb/engine/shared/version';
import { Command, CommanderError } from 'commander';
import { addBackup } from './commands/backup.ts';
import { addChanges } from './commands/changes.ts';
import { addConsole } from './commands/console.ts';
import { addConsoleService } from './commands/console-service.ts';
import { addHost } from './commands/host.ts';
import { addLocalSystem } from './commands/local-system.ts';
import { addLogs } from './commands/logs.ts';
import type { AddCommands, GlobalOptions } from './commands/options.ts';
import { addReading } from './commands/reading.ts';
import { addSessions } from './commands/sessions.ts';
import { UsageError } from './usage-error.ts';

const groups: AddCommands[] = [
  addLocalSystem,
  addReading,
  addLogs,
  addSessions,
  addChanges,
  addBackup,
  addConsole,
  addConsoleService,
  addHost,
];

function build(): Command {
  const program = new Command('quantadb')
    .description('PostgreSQL clusters that run themselves.')
    .version(releaseVersion)
    .option('--json', 'answer in JSON')
    .option('--home <directory>', 'where the local system lives (default: QUANTADB_HOME, or .quantadb)')
    .option('--node <daemon>', 'ask this one: host:port, or the host.json of a host on this machine')
    .option('--console <url>', 'go through this console (default: QUANTADB_CONSOLE, or the local system’s)')
    .option('--token <token>', 'of that console (default: QUANTADB_TOKEN)')
    .option('--cluster <name>', 'which cluster, when the console knows several')
    .option('--yes', 'do not ask before a change')
    .option('--reason <text>', 'why, for the history')
    .exitOverride()
    .configureHelp({ showGlobalOptions: true });
  program.hook('preAction', (_, command) => {
    // The supervisor of the local system outlives its terminal; it has things to end in order.
    if (!command.opts<{ foreground?: boolean }>().foreground) endWithReader();
  });
  const options = () => program.opts<GlobalOptions>();
  for (const add of groups) add(program, options);
  return program;
}

/** A reader that has seen enough (`quantadb events --follow | head`) ends the command without a complaint. */
function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
}

/** 0 done, 1 refused or failed, 2 not understood. */
function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof UsageError) return 2;
  return 1;
}

async function main(): Promise<void> {
  try {
    await build().parseAsync();
  } catch (error) {
    process.exitCode = exitCodeOf(error);
    if (error instanceof CommanderError) return;
    const { message } = error as Error;
    const hint = error instanceof QuantaError ? error.hint : undefined;
    const code = error instanceof QuantaError ? error.code : null;
    if (process.argv.includes('--json'))
      process.stderr.write(`${JSON.stringify({ error: { code, message, hint: hint ?? null } })}\n`);
    else process.stderr.write(`${message}\n${hint ? `\n${hint}\n` : ''}`);
  }
}

await main();
