import {
  type Goes,
  type KeepReason,
  planRetention,
  type RetentionPlan,
} from '@quantadb/engine/backup/retention';
import { reasonWords } from '@quantadb/engine/backup/retention-words';
import type { BackupRetention } from '@quantadb/engine/contract/backup';
import type { RepositoryView } from '@quantadb/engine/contract/backup-view';

/** What becomes of one backup: by the rules that stand, or by others. */
export interface Fate {
  /** Null: the next backup, or a removal that is asked for, takes it away. */
  goes: Goes | null;
  because: string[];
}

export interface PreviewedBackup {
  label: string;
  type: 'full' | 'diff' | 'incr';
  stopMs: number;
  repositoryBytes: number;
  /** By the rules that stand. */
  today: Fate;
  /** By the others. */
  changed: Fate;
}

/** Of several, what that one holds: each has a retention of its own. */
export function ofRepository(
  { backups }: Pick<RepositoryView, 'backups'>,
  number: number,
): Pick<RepositoryView, 'backups'> {
  return { backups: backups.filter(({ repository }) => (repository ?? 1) === number) };
}

/** What other rules would do to the backups there are, the newest first (pure). */
export function previewRetention(
  repository: Pick<RepositoryView, 'backups'>,
  rules: { today: BackupRetention; changed: BackupRetention },
  nowMs: number,
): PreviewedBackup[] {
  const { backups } = repository;
  const unusable = new Set(backups.filter((each) => each.unusable !== null).map(({ label }) => label));
  const damaged = new Set(backups.filter((each) => each.isDamaged).map(({ label }) => label));
  const plan = (retention: BackupRetention) =>
    planRetention({ backups, retention, unusable, damaged, nowMs });
  const today = plan(rules.today);
  const changed = plan(rules.changed);
  return [...backups]
    .sort((left, right) => right.stopMs - left.stopMs)
    .map(({ label, type, stopMs, repositoryBytes }) => ({
      ...{ label, type, stopMs, repositoryBytes },
      today: fateOf(today, label),
      changed: fateOf(changed, label),
    }));
}

function fateOf(plan: RetentionPlan, label: string): Fate {
  const kept = plan.keep.find((each) => each.label === label);
  if (kept) return { goes: kept.goes, because: kept.reasons.map((each: KeepReason) => reasonWords(each)) };
  return { goes: null, because: plan.expire.filter((each) => each.label === label).map(({ why }) => why) };
}
