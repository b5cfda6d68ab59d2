import type { BackupJob } from '../contract/backup.ts';
import type { StoredBackup, Verification } from './engine.ts';
import { repositoryOfWork } from './repositories.ts';

/**
 * What the last verification found to be damaged (pure). pgBackRest goes on to offer it, and a restore finds out when it is
 * half-way through: so nothing that needs a damaged file is offered, until a later verification finds it whole again.
 */
export interface Damage {
  /** Why each of these backups cannot be restored. */
  backups: ReadonlyMap<string, string>;
  /** Names of damaged segments: recovery ends before the first of them. */
  segments: ReadonlySet<string>;
}

export const noDamage: Damage = { backups: new Map(), segments: new Set() };

/** `invalid checksum: 000000010000000000000003-<SHA-1>.lz4`, as the verification names the files of the archive. */
const segmentInside = /\b([0-9A-F]{24})(?:\.partial)?-[0-9a-f]{40}\b/g;

/** The last one of this repository that came to its end; what a failed one would have found nobody knows. */
export function lastVerificationOf(jobs: readonly BackupJob[], repository = 1): Verification | null {
  const last = jobs.findLast(
    ({ state, result, work }) =>
      state === 'done' && result?.kind === 'verify' && repositoryOfWork(work) === repository,
  );
  return last?.result?.kind === 'verify' ? last.result.verification : null;
}

/**
 * @param found by the last verification; null: there was none
 * @param backups what the repository holds now
 */
export function damageOf(
  found: Verification | null,
  backups: readonly Pick<StoredBackup, 'label' | 'references'>[],
): Damage {
  if (found === null) return noDamage;
  const seen = new Map(found.backups.map((each) => [each.label, each]));
  // The repository was changed since: names of WAL are the same in every one, and would be held against the wrong files.
  if (found.backups.length > 0 && !backups.some(({ label }) => seen.has(label))) return noDamage;
  const damaged = new Map<string, string>();
  for (const { label } of backups) {
    const own = seen.get(label);
    if (own && !isWhole(own)) damaged.set(label, `a verification found it damaged: ${causeOf(own)}`);
  }
  // Those that were made since are not known to be free of what they are built on.
  for (const { label, references } of backups) {
    const parent = seen.has(label) ? undefined : references.find((each) => damaged.has(each));
    if (parent) damaged.set(label, `it is built on ${parent}, which a verification found damaged`);
  }
  const named = found.wal.problems.flatMap((problem) => [...problem.matchAll(segmentInside)]);
  return { backups: damaged, segments: new Set(named.map(([, name = '']) => name)) };
}

/** As much of it as `damageOf` goes by, for a host that has not heard of it. */
export function tellable({ ok, wal, backups }: Verification): Verification {
  const named = wal.problems.filter((problem) => problem.search(segmentInside) >= 0);
  const first = ({ problems }: { problems: string[] }) =>
    problems.slice(0, 1).map((each) => each.slice(0, 200));
  return {
    ...{ ok, wal: { ...wal, problems: named }, other: [] },
    backups: backups.map((each) => ({ ...each, problems: first(each) })),
  };
}

/** Every file is there as it was written. One of two copies that is damaged costs nothing yet: it is a finding only. */
function isWhole({ checked, valid }: Verification['backups'][number]): boolean {
  return checked > 0 && checked === valid;
}

function causeOf({ problems, checked, valid }: Verification['backups'][number]): string {
  return (problems[0] ?? `${checked - valid} of ${checked} files`).slice(0, 200);
}
