import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { messageOf } from '@quantadb/engine/shared/errors';
import { releaseVersion } from '@quantadb/engine/shared/version';
import type { Command } from 'commander';
import { Bundle } from '../../diagnosis/bundle.ts';
import { findingsText, judgeDiagnosis } from '../../diagnosis/findings.ts';
import { collectFromConsole } from '../../diagnosis/from-console.ts';
import { collectFromDaemons } from '../../diagnosis/from-daemons.ts';
import { tarOf } from '../../diagnosis/tar.ts';
import { findConsole, Target } from '../target.ts';
import { UsageError } from '../usage-error.ts';
import { type GlobalOptions, print } from './options.ts';

const ownerOnly = 0o600;

export function addDiagnose(program: Command, options: () => GlobalOptions): void {
  program
    .command('diagnose')
    .description('collects everything into one archive, without secrets, and says what looks wrong')
    .option('--output <file>', 'where the archive goes (default: quantadb-diagnosis-<moment>.tar.gz)')
    .action((own: { output?: string }) => diagnose(options(), own));
}

async function diagnose(options: GlobalOptions, own: { output?: string }): Promise<void> {
  const nowMs = Date.now();
  const bundle = await collect(options, nowMs);
  const findings = judgeDiagnosis({ ...bundle, nowMs });
  bundle.add('findings.txt', findingsText(findings));
  bundle.add('about.json', {
    ...{ release: releaseVersion, collectedAt: new Date(nowMs).toISOString(), findings },
    unanswered: bundle.unanswered,
  });
  const moment = new Date(nowMs).toISOString().slice(0, 19).replaceAll(':', '');
  const file = resolve(own.output ?? `quantadb-diagnosis-${moment}Z.tar.gz`);
  const archive = await promisify(gzip)(tarOf(bundle.files, nowMs));
  await writeFile(file, archive, { mode: ownerOnly, flag: 'wx' });
  print(
    options,
    { file, bytes: archive.length, files: bundle.files.map(({ path }) => path), findings },
    () => {
      return `${findingsText(findings)}\n\nEverything is in ${file} (${bundle.files.length} files). Secrets were taken out; look through it before you give it away: logs quote what clients wrote.`;
    },
  );
}

/** Through the console while it answers; what daemons say themselves where it does not. */
async function collect(options: GlobalOptions, nowMs: number): Promise<Bundle> {
  const target = await Target.find(options).catch((error: unknown) => {
    if (error instanceof UsageError) throw error;
    return null;
  });
  const given = [options.token, process.env.QUANTADB_TOKEN, process.env.QUANTADB_SECRET];
  const known = [...(target?.secrets() ?? []), ...given.filter((secret) => secret !== undefined)];
  const bundle = new Bundle(known);
  const console = await findConsole(options).catch((error: unknown) => {
    bundle.miss('the console', messageOf(error));
    return null;
  });
  if (console) {
    await collectFromConsole(bundle, console, { cluster: options.cluster, nowMs });
    return bundle;
  }
  if (options.node === undefined && bundle.unanswered.length === 0)
    bundle.miss('the console', 'none is named, and that of the local system does not answer');
  if (target)
    await collectFromDaemons(bundle, target).catch((error: unknown) =>
      bundle.miss('the daemons', messageOf(error)),
    );
  return bundle;
}
