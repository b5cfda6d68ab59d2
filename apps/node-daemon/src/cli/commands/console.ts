import { QuantaError } from '@quantadb/engine/shared/errors';
import type { Command } from 'commander';
import { demoPaths } from '../../demo/layout.ts';
import { userName } from '../change.ts';
import type { AuditVerdict, ConsoleClient } from '../console-client.ts';
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
    .option('--kept <hash>', 'the last hash that an earlier run has told: whether it is still there')
    .action(async ({ kept }: { kept?: string }) => {
      const verdict = await (await console()).verifyAudit(kept);
      print(options(), verdict, () => auditWords(verdict, kept));
      if (!verdict.ok) process.exitCode = 1;
    });
  addMetrics(program, options, console);
}

function auditWords(verdict: AuditVerdict, kept: string | undefined): string {
  const { checked, lastHash, brokenAt, sealedFrom, unsealed, keptAt } = verdict;
  if (brokenAt)
    return `The audit log was changed: entry ${brokenAt.id} of ${brokenAt.at} or one before it is not as it was written.`;
  const lines = [`The entries of the audit log fit one another: ${checked}, the last hash is ${lastHash}.`];
  if (!sealedFrom) lines.push('None has a seal that takes the secret of the installation.');
  else if (!unsealed)
    lines.push(
      `All from entry ${sealedFrom.id} of ${sealedFrom.at} on have their seal, which takes the secret of the installation.`,
    );
  else
    lines.push(
      `${unsealed.count} after entry ${sealedFrom.id} have no seal, from entry ${unsealed.first.id} of ${unsealed.first.at} on: somebody took them off, or a console of an older release wrote them.`,
    );
  if (kept && keptAt) lines.push(`The hash that was kept is of entry ${keptAt.id} of ${keptAt.at}.`);
  else if (kept)
    lines.push('The hash that was kept is not among them: entries are gone, or were written anew.');
  return lines.join('\n');
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
