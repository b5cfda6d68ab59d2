import type { BackupJob } from '../contract/backup.ts';

/** What drills and verifications have found, one line each (pure). */

/** What a verification, or a drill, that came to its end found to be wrong; empty when all is well. */
export function foundBy(job: BackupJob | null): string[] {
  const result = job?.result;
  if (result?.kind === 'drill')
    return result.drill.findings.filter(({ ok }) => !ok).map(({ what, detail }) => `${what}: ${detail}`);
  if (result?.kind !== 'verify') return [];
  const { verification, gaps } = result;
  const backups = verification.backups.flatMap(({ label, problems }) =>
    problems.map((problem) => `${label}: ${problem}`),
  );
  const all = [...gaps, ...verification.wal.problems, ...backups, ...verification.other];
  return verification.ok || all.length > 0 ? all : ['it does not say what'];
}

/** One of two copies is damaged, and nothing that a restore would have to do without. */
export function isCopyOnly(job: BackupJob | null): boolean {
  const result = job?.result;
  if (result?.kind !== 'verify') return false;
  const { verification, gaps } = result;
  const isCopy = (problem: string) => /its copy (differ|still can)|^the copy of /.test(problem);
  const { wal, backups, other } = verification;
  const areFilesWhole = backups.every(({ checked, valid }) => checked > 0 && checked === valid);
  const problems = [...backups.flatMap((each) => each.problems), ...other];
  return gaps.length + wal.problems.length === 0 && areFilesWhole && problems.every(isCopy);
}

/** What to do about what was found. */
export function damageHint(job: BackupJob): string {
  return isCopyOnly(job)
    ? 'pgBackRest reads the other copy. Look at the disk of the repository.'
    : 'Make a full backup (quantadb backup now --type full), and look at the disk of the repository.';
}
