import type { Tone } from '@quantadb/ui/patterns/status';
import { ageText, type Overview } from './prepare.ts';

/** What the list of repositories says (pure). */

type Each = Overview['repositories'][number];

export function owedText(owed: Each['owed'], nowMs: number): string {
  if (owed === null) return 'nothing';
  const count = `${owed.isMore ? 'more than ' : ''}${owed.segments}`;
  const age = ageText(Math.max(0, nowMs - owed.sinceMs));
  return `${count} ${owed.segments === 1 && !owed.isMore ? 'segment' : 'segments'} of WAL, for ${age}`;
}

export function repositoryTone({ problem, missingSegments, owed }: Each): Tone {
  if (problem !== null || missingSegments > 0) return 'critical';
  return owed === null ? 'good' : 'warning';
}
