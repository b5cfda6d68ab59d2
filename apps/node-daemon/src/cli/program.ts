import { releaseVersion } from '@quantadb/engine/shared/version';
import { Command } from 'commander';
import { addBackup } from './commands/backup.ts';
import { addChanges } from './commands/changes.ts';
import { addCompletion } from './commands/completion.ts';
import { addConsole } from './commands/console.ts';
import { addConsoleService } from './commands/console-service.ts';
import { addDiagnose } from './commands/diagnose.ts';
import { addHost } from './commands/host.ts';
import { addLocalSystem } from './commands/local-system.ts';
import { addLogs } from './commands/logs.ts';
import type { AddCommands, GlobalOptions } from './commands/options.ts';
import { addReading } from './commands/reading.ts';
import { addSessions } from './commands/sessions.ts';

const groups: AddCommands[] = [
  addLocalSystem,
  addReading,
  addLogs,
  addSessions,
  addDiagnose,
  addChanges,
  addBackup,
  addConsole,
  addConsoleService,
  addHost,
  addCompletion,
];

/** The whole command, not yet run. */
export function buildProgram(): Command {
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
