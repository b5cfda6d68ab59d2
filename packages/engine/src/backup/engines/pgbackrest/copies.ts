/**
 * The files that pgBackRest keeps twice (pure). It reads the copy when the original is damaged and says nothing; the next
 * damage then costs the backup. Comparing both finds the first one.
 */

export interface KeptTwice {
  path: string;
  /** The backup that needs it; empty for the repository's own. */
  label: string;
}

export function repositoryFiles(stanza: string, labels: readonly string[]): KeptTwice[] {
  const own = [`archive/${stanza}/archive.info`, `backup/${stanza}/backup.info`];
  const manifests = labels.map((label) => ({ path: `backup/${stanza}/${label}/backup.manifest`, label }));
  return [...own.map((path) => ({ path, label: '' })), ...manifests];
}

/** @param original null when it cannot be read */
export function damagedCopies(path: string, original: string | null, copy: string | null): string[] {
  const name = path.split('/').at(-1) ?? path;
  if (original === null && copy === null) return [`${name} and its copy cannot be read`];
  if (original === null) return [`${name} cannot be read; its copy still can`];
  if (copy === null) return [`the copy of ${name} cannot be read`];
  return original === copy ? [] : [`${name} and its copy differ: one of them is damaged`];
}
