/** Which PostgreSQL each version of pgBackRest can back up (pure; its release notes). */

const firstVersionFor: Record<number, [major: number, minor: number]> = {
  16: [2, 46],
  17: [2, 53],
  18: [2, 55],
};

const oldest: [number, number] = [2, 45];

/** `pgBackRest 2.45`, `pgBackRest 2.53.1`. Null when it is no such text. */
export function parseVersion(text: string): { text: string; major: number; minor: number } | null {
  const match = /^pgBackRest (\d+)\.(\d+)(\.\d+)?\S*$/m.exec(text);
  if (!match?.[1] || !match[2]) return null;
  return { text: match[0].slice('pgBackRest '.length), major: Number(match[1]), minor: Number(match[2]) };
}

/** Why this program cannot serve that PostgreSQL, with the next step; null when it can. */
export function versionProblem(
  version: ReturnType<typeof parseVersion>,
  postgresMajor: number,
): string | null {
  if (!version) return 'pgbackrest does not say its version. Install the package pgbackrest.';
  if (!reaches(version, oldest))
    return `pgBackRest ${version.text} is too old: ${oldest.join('.')} or newer is needed.`;
  const newestKnown = Math.max(...Object.keys(firstVersionFor).map(Number));
  const needed = firstVersionFor[postgresMajor];
  if (postgresMajor > newestKnown)
    return `Which pgBackRest can back up PostgreSQL ${postgresMajor} is not known to this version of QuantaDB.`;
  if (!needed || reaches(version, needed)) return null;
  return `pgBackRest ${version.text} cannot back up PostgreSQL ${postgresMajor}: ${needed.join('.')} or newer is needed.`;
}

function reaches(version: { major: number; minor: number }, [major, minor]: [number, number]): boolean {
  return version.major > major || (version.major === major && version.minor >= minor);
}
