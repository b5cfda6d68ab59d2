import type { BackupJob, BackupState } from '../contract/backup.ts';
import type { ClusterState } from '../contract/cluster-state.ts';
import { numbersOf, repositoryOfWork } from './repositories.ts';

/** Later its schedule has come, and the past jobs may not reach back as far as the restore. */
const owedForMs = 24 * 3_600_000;
/** After an attempt that came to nothing: one that fails at once must not be all that the repository does. */
const againMs = { first: 5 * 60_000, longest: 2 * 3_600_000 };

/**
 * A repository that leads to nothing of the restored timeline until it has a backup of it; null when none does, or none is to be
 * tried again yet (pure). The first one gets its backup in the operation itself.
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
  const isDue = (number: number) => {
    const all = jobs.filter(({ work }) => work.kind === 'backup' && repositoryOfWork(work) === number);
    const own = all.filter(({ startedAtMs }) => startedAtMs > restored.atMs);
    // One that had none before was added since, or waits for its first one by schedule.
    const hadOne = number === 1 || own.length < all.length;
    return hadOne && !own.some(isServing) && nowMs >= againAtMs(own);
  };
  return numbersOf(backup.config).find(isDue) ?? null;
}

/** Made, or being made; and what a person has cancelled stays so. */
function isServing({ state }: BackupJob): boolean {
  return state !== 'failed';
}

function againAtMs(failed: readonly BackupJob[]): number {
  const last = failed.at(-1);
  if (!last) return 0;
  const pauseMs = Math.min(againMs.longest, againMs.first * 2 ** (failed.length - 1));
  return (last.endedAtMs ?? last.startedAtMs) + pauseMs;
}
