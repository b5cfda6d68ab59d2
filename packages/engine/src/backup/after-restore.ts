import type { BackupState } from '../contract/backup.ts';
import type { ClusterState } from '../contract/cluster-state.ts';
import { numbersOf, repositoryOfWork } from './repositories.ts';

/** Later its schedule has come, and the past jobs may not reach back as far as the restore. */
const owedForMs = 24 * 3_600_000;

/**
 * A further repository that leads to nothing of the restored timeline until it has a backup of it; null when none does (pure).
 * The first one gets its backup in the operation itself.
 */
export function owedAfterRestore(
  { pastRestores }: Pick<ClusterState, 'pastRestores'>,
  backup: BackupState,
  nowMs: number,
): number | null {
  const restored = pastRestores?.filter(({ outcome }) => outcome === 'restored').at(-1);
  if (!restored || !backup.config || nowMs - restored.atMs > owedForMs) return null;
  const jobs = [...backup.pastJobs, ...(backup.job ? [backup.job] : [])];
  // The first repository's turn comes first: one job runs at a time.
  const hasFirst = jobs.some(({ id }) => id === restored.id);
  if (!hasFirst) return null;
  const isServed = (number: number) =>
    jobs.some(
      ({ work, startedAtMs }) =>
        work.kind === 'backup' && repositoryOfWork(work) === number && startedAtMs > restored.atMs,
    );
  return numbersOf(backup.config).find((number) => number !== 1 && !isServed(number)) ?? null;
}
