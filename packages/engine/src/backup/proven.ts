import type { BackupJob } from '../contract/backup.ts';
import type { ClusterState } from '../contract/cluster-state.ts';
import type { ClusterStatus } from '../contract/status.ts';

/** How a cluster stands with its backups, from what the log says alone (pure): the repository is not read for it. */
export function backupStanding({ backup }: Pick<ClusterState, 'backup'>): ClusterStatus['backups'] {
  const provenAtMs = backup?.pastJobs.findLast(hasProven)?.endedAtMs ?? null;
  return { isSetUp: (backup?.config ?? null) !== null, provenAtMs };
}

/** A drill, or a verification, that came to its end and found nothing wrong. */
function hasProven({ state, result }: BackupJob): boolean {
  if (state !== 'done') return false;
  if (result?.kind === 'drill') return result.drill.findings.every(({ ok }) => ok);
  return result?.kind === 'verify' && result.verification.ok && result.gaps.length === 0;
}
