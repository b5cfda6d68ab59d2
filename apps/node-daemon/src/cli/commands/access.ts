import { QuantaError } from '@quantadb/engine/shared/errors';
import type { Command } from 'commander';
import type { Intent } from '../console-client.ts';
import { settingsNow } from '../target.ts';
import { type GlobalOptions, print } from './options.ts';

/** Who may connect from where: the lines of pg_hba.conf that a cluster has of its own. */
export function addAccess(
  program: Command,
  options: () => GlobalOptions,
  perform: (intent: Intent) => Promise<void>,
): void {
  const access = program
    .command('access')
    .description(
      'who may connect from where: the cluster’s own lines of pg_hba.conf, the first that fits decides',
    )
    .action(() => showAccess(options()));
  access
    .command('add <line...>')
    .description(
      'each in quotes: "host all all 10.0.0.0/8 scram-sha-256"; every PostgreSQL checks them first',
    )
    .option('--first', 'before the lines that stand (default: after them)')
    .action((add: string[], own: { first?: boolean }) =>
      perform({ kind: 'set-access', change: { add, remove: [], first: own.first ?? false } }),
    );
  access
    .command('remove <line...>')
    .description('as “quantadb access” shows them')
    .action((remove: string[]) => perform({ kind: 'set-access', change: { add: [], remove, first: false } }));
}

async function showAccess(options: GlobalOptions): Promise<void> {
  const settings = await settingsNow(options);
  if (settings?.isAccessHidden)
    throw new QuantaError('REFUSED', 'the console tells lines of pg_hba.conf to operators only', {
      hint: 'Ask with a token of an operator of this cluster: lines may hold passwords.',
    });
  const lines = settings?.access ?? [];
  const usual = 'after them: a password by TLS from anywhere, without TLS from the machine itself';
  print(options, lines, () => `${lines.length === 0 ? 'no lines of its own' : lines.join('\n')}\n(${usual})`);
}
