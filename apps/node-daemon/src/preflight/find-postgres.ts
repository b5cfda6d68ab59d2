import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
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
}

export type FoundPostgres = { ok: true; binDir: string; version: string } | { ok: false; problem: Problem };

/** Finds PostgreSQL's programs and refuses versions that nobody has tested QuantaDB with. */
export async function findPostgres(search: PostgresSearch): Promise<FoundPostgres> {
  const majors = search.allowUntested ? [testedMajor, ...untestedMajors] : [testedMajor];
  const candidates = search.binDir
    ? [search.binDir]
    : majors.map((major) => `/usr/lib/postgresql/${major}/bin`);
  for (const binDir of candidates) {
    const version = await versionAt(binDir);
    if (version === null) continue;
    return judge(version, binDir, search.allowUntested);
  }
  const looked = candidates.join(', ');
  return refused(`PostgreSQL ${testedMajor} was not found (looked in ${looked})`, installHint);
}

async function judge(version: string, binDir: string, allowUntested: boolean): Promise<FoundPostgres> {
  const major = Number(/\d+/.exec(version)?.[0] ?? 0);
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

/** `15.18`, from `postgres (PostgreSQL) 15.18 (Debian …)`. Null when there is no such program. */
async function versionAt(binDir: string): Promise<string | null> {
  try {
    const { stdout } = await run(join(binDir, 'postgres'), ['--version'], { timeout: versionTimeoutMs });
    return /\(PostgreSQL\) (\S+)/.exec(stdout)?.[1] ?? null;
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
