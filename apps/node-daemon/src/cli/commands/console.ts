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
    .command('audit-verify')
    .description('whether the audit log is as it was written')
    .action(async () => {
      const verdict = await (await console()).verifyAudit();
      const { ok, checked, lastHash, brokenAt } = verdict;
      const words = ok
        ? `The audit log is as it was written: ${checked} entries, the last hash is ${lastHash}.`
        : `The audit log was changed: entry ${brokenAt?.id} of ${brokenAt?.at} or one before it is not as it was written.`;
      print(options(), verdict, () => words);
      if (!ok) process.exitCode = 1;
    });
  program
    .command('metrics')
    .description('Prometheus text of the console')
    .action(async () => {
      const text = await (await console()).metrics();
      print(options(), { text }, () => text.trimEnd());
    });
}
