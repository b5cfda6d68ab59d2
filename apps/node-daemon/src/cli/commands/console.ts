import { QuantaError } from '@quantadb/engine/shared/errors';
import type { Command } from 'commander';
import { demoPaths } from '../../demo/layout.ts';
import { userName } from '../change.ts';
import type { ConsoleClient } from '../console-client.ts';
import { enrolOperator } from '../enrol-operator.ts';
import { findConsole, homeOf } from '../target.ts';
import { UsageError } from '../usage-error.ts';
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
      if (own.enrol) return tellEnrolment(options(), await client.createEnrolmentToken(name));
      const lifetimeDays = wholeNumber('--days', own.days);
      const made = await client.createToken({ name, role: own.role, lifetimeDays });
      print(options(), made, () => made.token);
    });
  program
    .command('operator')
    .description('people who change clusters straight through a daemon')
    .command('enroll <console-url>')
    .description(
      'a certificate for whoever runs this, with an administrator’s --token: changes through --node <host:port> need it, and no console',
    )
    .requiredOption('--fingerprint <sha256>', 'of the authority, as the console shows it')
    .option('--name <name>', 'stands in the history of what was changed (default: your account’s)')
    .action(
      async (url: string, { fingerprint, name = userName() }: { fingerprint: string; name?: string }) => {
        const { token } = options();
        if (!token) throw new UsageError('--token is missing: `quantadb token create <name> --role admin`');
        const { pki } = demoPaths((await homeOf(options())).path);
        await enrolOperator(pki, { url, token, name, fingerprint });
        print(options(), { directory: pki }, () => `${name}: the certificate is in ${pki}`);
      },
    );
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
  addMetrics(program, options, console);
}

/** The token alone on stdout, for scripts; what else it takes beside it. */
function tellEnrolment(
  options: GlobalOptions,
  made: { token: string; expiresAt: string; authorityFingerprint: string },
): void {
  print(options, made, () => made.token);
  if (!options.json)
    process.stderr.write(`Good once, until ${made.expiresAt}. --fingerprint ${made.authorityFingerprint}\n`);
}

function addMetrics(
  program: Command,
  options: () => GlobalOptions,
  console: () => Promise<ConsoleClient>,
): void {
  program
    .command('metrics')
    .description('Prometheus text of the console')
    .action(async () => {
      const text = await (await console()).metrics();
      print(options(), { text }, () => text.trimEnd());
    });
}
