import { QuantaError } from '@quantadb/engine/shared/errors';
import type { Command } from 'commander';
import { findConsole } from '../target.ts';
import { type GlobalOptions, print, wholeNumber } from './options.ts';

/** What only a control plane has. */
export function addConsole(program: Command, options: () => GlobalOptions): void {
  const console = async () => {
    const found = await findConsole(options());
    if (found) return found;
    throw new QuantaError('PEER_UNREACHABLE', 'no console answers', {
      hint: 'Start the local system (npm start), or name one: --console <url> --token <token>.',
    });
  };
  const token = program.command('token').description('API tokens');
  token
    .command('create <name>')
    .description('a new token; it is shown once')
    .option('--role <role>', 'viewer, operator or admin', 'viewer')
    .option('--days <number>', 'when it expires', '90')
    .option('--enrol', 'in place of that, one that lets the host <name> in, once')
    .action(async (name: string, own: { role: string; days: string; enrol?: boolean }) => {
      const client = await console();
      const made = own.enrol
        ? await client.createEnrolmentToken(name)
        : await client.createToken({ name, role: own.role, lifetimeDays: wholeNumber('--days', own.days) });
      print(options(), made, () => made.token);
    });
  program
    .command('metrics')
    .description('Prometheus text of the console')
    .action(async () => {
      const text = await (await console()).metrics();
      print(options(), { text }, () => text.trimEnd());
    });
}
