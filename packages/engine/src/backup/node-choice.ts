import type { BackupImpact } from '../contract/backup.ts';
import { sizeWords } from '../shared/words.ts';

/** On which node a backup runs (pure). */

export interface BackupCandidate {
  name: string;
  isPrimary: boolean;
  /** Running as primary, or streaming. */
  isServing: boolean;
  lagBytes: number | null;
  isInMaintenance: boolean;
  /** Load average of the last minute per processor; null: unknown. */
  load: number | null;
  /** Why the program cannot run there, or cannot reach the primary from there; null when it can. */
  problem: string | null;
}

export type NodeChoice =
  | { ok: true; node: string; fromStandby: boolean; refused: Refusal[] }
  | { ok: false; reason: string; refused: Refusal[] };

interface Refusal {
  node: string;
  why: string;
}

/**
 * A standby that is close behind and least loaded; the primary when there is none, unless that is ruled out. Without a
 * primary there is no backup at all: it is the primary that begins and ends one, also when a standby is read.
 */
export function chooseNode(candidates: readonly BackupCandidate[], impact: BackupImpact): NodeChoice {
  const judged = candidates.map((candidate) => ({ candidate, why: whyNot(candidate, impact) }));
  const refused = judged.flatMap(({ candidate, why }) =>
    why === null ? [] : [{ node: candidate.name, why }],
  );
  const able = judged.filter(({ why }) => why === null).map(({ candidate }) => candidate);
  const primary = candidates.find((candidate) => candidate.isPrimary && candidate.isServing);
  if (!primary)
    return { ok: false, reason: 'there is no primary, and only a primary can begin a backup', refused };
  const standbys = able
    .filter((candidate) => !candidate.isPrimary)
    .sort(
      (left, right) => roundedLoad(left) - roundedLoad(right) || (left.lagBytes ?? 0) - (right.lagBytes ?? 0),
    );
  const [best] = standbys;
  if (best && impact.source !== 'primary') return { ok: true, node: best.name, fromStandby: true, refused };
  if (impact.source === 'standby-only')
    return { ok: false, reason: 'no standby can be read from now, and the primary is not to be', refused };
  if (able.includes(primary)) return { ok: true, node: primary.name, fromStandby: false, refused };
  return { ok: false, reason: 'no node can run a backup now', refused };
}

function whyNot(candidate: BackupCandidate, impact: BackupImpact): string | null {
  if (candidate.problem !== null) return candidate.problem;
  if (!candidate.isServing) return 'it does not stream';
  if (candidate.isInMaintenance) return 'it is in maintenance';
  if (candidate.load !== null && impact.loadMax !== null && candidate.load > impact.loadMax)
    return `its load is ${candidate.load.toFixed(1)} per processor`;
  if (candidate.isPrimary) return null;
  if (candidate.lagBytes === null) return 'how far it is behind is unknown';
  return candidate.lagBytes > impact.lagBytesMax
    ? `it is ${sizeWords(candidate.lagBytes)} behind (${sizeWords(impact.lagBytesMax)} are allowed)`
    : null;
}

/** A difference of a tenth is noise: the lag decides then. */
function roundedLoad({ load }: BackupCandidate): number {
  return Math.round((load ?? 0) * 10);
}
