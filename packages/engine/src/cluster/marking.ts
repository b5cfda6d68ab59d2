import type { ClusterState } from '../contract/cluster-state.ts';
import { jobWords } from './apply-backup.ts';

/**
 * Notes on stored backups (pure). pgBackRest reads its list of backups when a backup or an expire begins and writes that copy
 * at the end, on whatever node it runs: a note that somebody sets in between is lost, and a hold with it.
 */

/** Why no note is set now; null when it would stay. */
export function whyNotMarked({ backup }: Pick<ClusterState, 'backup'>): string | null {
  const job = backup?.job;
  if (!job || (job.work.kind !== 'backup' && job.work.kind !== 'expire')) return null;
  // An attempt before this one may go on for a while on a node that does not answer.
  const hasBegun = job.state === 'running' || job.attempt > 0;
  if (!hasBegun) return null;
  const what = jobWords(job);
  return `${what.charAt(0).toUpperCase()}${what.slice(1)} runs, and writes the list of backups at its end as it was at its beginning: what is noted now would be lost. Wait for its end (quantadb backup list), or quantadb backup cancel.`;
}

/** Whether a note is being set: nothing that writes the list begins meanwhile. */
export function isMarking({ operation }: Pick<ClusterState, 'operation'>): boolean {
  return operation?.kind === 'hold-backup' || operation?.kind === 'note-backup';
}
