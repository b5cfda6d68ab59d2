import type { BackupOverview } from '@quantadb/engine/contract/backup-view';
import { countWords } from './words.ts';

/** What drills and verifications have found, in the words of an alert (pure). */

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
