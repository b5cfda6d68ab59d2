import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RefusedHbaLine } from './access.ts';
import { inAccessTurn } from './access-turn.ts';
import { withFreshConnection } from './connection.ts';
import { whyRefused } from './hba-line.ts';
import type { NodePlace } from './layout.ts';
import { writeOwnedFile } from './owned-file.ts';

const readDeadlineMs = 10_000;
/** Whoever comes past the lines that stand is turned away here, as without them (`all` is no replication): nobody gets to the tried ones. */
const barrier = ['all', 'replication'].flatMap((database) => [
  `local ${database} all reject`,
  `host ${database} all all reject`,
]);

/**
 * What PostgreSQL itself says of lines for pg_hba.conf, before they count. It reads the file anew for pg_hba_file_rules and goes by
 * it only when told to (https://www.postgresql.org/docs/15/view-pg-hba-file-rules.html), so the lines stand behind all others,
 * and behind ones that turn everybody away, for a moment: should something else have it reload just then, no login comes to them, and a bad one changes nothing.
 *
 * @throws QuantaError POSTGRES_FAILED, DEADLINE_EXCEEDED: it could not be asked
 */
export async function refusedAccess(place: NodePlace, lines: readonly string[]): Promise<RefusedHbaLine[]> {
  const judged = lines.map((line) => ({ line, reason: whyRefused(line) }));
  const refused = judged.flatMap(({ line, reason }) => (reason === null ? [] : [{ line, reason }]));
  const tried = judged.filter(({ reason }) => reason === null).map(({ line }) => line.trim());
  if (tried.length === 0) return refused;
  return [...refused, ...(await inAccessTurn(place.dataDir, () => complaints(place, tried)))];
}

async function complaints(place: NodePlace, lines: readonly string[]): Promise<RefusedHbaLine[]> {
  const path = join(place.dataDir, 'pg_hba.conf');
  const ownership = { osUser: place.osUser, mode: 0o600 };
  const standing = await readFile(path, 'utf8');
  const before = standing.split('\n').length - 1 + barrier.length;
  await writeOwnedFile(path, `${standing}${[...barrier, ...lines].join('\n')}\n`, ownership);
  try {
    const options = { what: 'reading the lines of pg_hba.conf', timeoutMs: readDeadlineMs };
    const { rows } = await withFreshConnection(place, options, (client) =>
      client.query<{ number: number; error: string }>(
        'SELECT line_number AS number, error FROM pg_hba_file_rules WHERE error IS NOT NULL AND line_number > $1',
        [before],
      ),
    );
    return rows.map(({ number, error }) => ({ line: lines[number - before - 1] ?? '', reason: error }));
  } finally {
    await writeOwnedFile(path, standing, ownership);
  }
}
