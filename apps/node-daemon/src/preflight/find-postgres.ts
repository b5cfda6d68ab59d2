import { execFile } from 'node:child_process';
import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Problem } from './problem.ts';

const run = promisify(execFile);
const programs = ['postgres', 'initdb', 'pg_basebackup', 'pg_controldata', 'pg_rewind'];
const testedMajor = 15;
const untestedMajors = [16, 17, 18];
const versionTimeoutMs = 5000;
const installHint = 'Install it: sudo apt-get install -y postgresql-15';

export interface PostgresSearch {
  /** QUANTADB_POSTGRES_BIN: where to look, and nowhere else. */
  binDir: string | undefined;
  allowUntested: boolean;
  /** Where the system's packages put one directory per version. */
  packagesDir?: string;
  /** The program that knows where a PostgreSQL from elsewhere is. */
  pgConfig?: string;
}

export type FoundPostgres = { ok: true; binDir: string; version: string } | { ok: false; problem: Problem };

interface Installed {
  binDir: string;
  version: string;
  major: number;
}

/** Finds PostgreSQL's programs and refuses versions that nobody has tested QuantaDB with. */
export async function findPostgres(search: PostgresSearch): Promise<FoundPostgres> {
  const looked = search.binDir ? [search.binDir] : await usualPlaces(search);
  const installed = (await Promise.all(looked.map(installedAt))).filter((found) => found !== null);
  installed.sort((left, right) => preference(left) - preference(right));
  let refusal: FoundPostgres | null = null;
  for (const found of installed) {
    const judged = await judge(found, search.allowUntested);
    if (judged.ok) return judged;
    refusal ??= judged;
  }
  return (
    refusal ??
    refused(`PostgreSQL ${testedMajor} was not found (looked in ${looked.join(', ')})`, installHint)
  );
}

async function usualPlaces(search: PostgresSearch): Promise<string[]> {
  const { packagesDir = '/usr/lib/postgresql', pgConfig = 'pg_config' } = search;
  const majors = await readdir(packagesDir).catch(() => []);
  const packaged = [String(testedMajor), ...majors].map((major) => join(packagesDir, major, 'bin'));
  const elsewhere = await run(pgConfig, ['--bindir'], { timeout: versionTimeoutMs }).then(
    ({ stdout }) => [stdout.trim()],
    () => [],
  );
  return [...new Set([...packaged, ...elsewhere])];
}

/** The tested version first, then those that may be allowed, the oldest first, then the rest. */
function preference({ major }: Installed): number {
  return [testedMajor, ...untestedMajors].includes(major) ? major : Number.MAX_SAFE_INTEGER;
}

async function judge(installed: Installed, allowUntested: boolean): Promise<FoundPostgres> {
  const { version, binDir, major } = installed;
  if (major !== testedMajor && !untestedMajors.includes(major)) {
    return refused(`PostgreSQL ${version} in ${binDir} is not supported`, installHint);
  }
  if (major !== testedMajor && !allowUntested) {
    return refused(
      `PostgreSQL ${version} in ${binDir} has not been tested with QuantaDB`,
      `${installHint}, or go on at your own risk with --untested`,
    );
  }
  const missing = await missingPrograms(binDir);
  if (missing.length > 0) return refused(`${binDir} lacks ${missing.join(', ')}`, installHint);
  return { ok: true, binDir, version };
}

function refused(message: string, nextStep: string): FoundPostgres {
  return { ok: false, problem: { message, nextStep } };
}

/** Reads `15.18` from `postgres (PostgreSQL) 15.18 (Debian …)`. Null when there is no such program. */
async function installedAt(binDir: string): Promise<Installed | null> {
  try {
    const { stdout } = await run(join(binDir, 'postgres'), ['--version'], { timeout: versionTimeoutMs });
    const version = /\(PostgreSQL\) (\S+)/.exec(stdout)?.[1];
    return version ? { binDir, version, major: Number.parseInt(version, 10) } : null;
  } catch {
    return null;
  }
}

async function missingPrograms(binDir: string): Promise<string[]> {
  const found = await Promise.all(
    programs.map((name) =>
      access(join(binDir, name)).then(
        () => true,
        () => false,
      ),
    ),
  );
  return programs.filter((_, index) => !found[index]);
}
