import type { BackupJob } from '@quantadb/engine/contract/backup';
import type { BackupOverview } from '@quantadb/engine/contract/backup-view';
import { countWords } from './words.ts';

/** What drills and verifications have found, in the words of an alert (pure). */

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

export function firstOf(problems: string[]): string {
  const more = problems.length > 3 ? `; and ${problems.length - 3} more` : '';
  return `${problems.slice(0, 3).join('; ')}${more}`.slice(0, 600);
}

/** In one sentence, so that whoever is woken knows how bad it is. */
export function leftWords({ repository }: BackupOverview): string {
  const own = repository?.intervals.filter(({ isAbandoned }) => !isAbandoned) ?? [];
  const last = own.at(-1);
  if (!repository || !last) return repository ? 'Nothing can be restored now.' : '';
  const at = (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`;
  const to = last.toMs === null ? last.toLsn : at(last.toMs);
  const older =
    own.length > 1 ? `, and ${countWords(own.length - 1, 'older stretch', 'older stretches')}` : '';
  return `What can still be restored: ${at(last.fromMs)} to ${to}${older}.`;
}
