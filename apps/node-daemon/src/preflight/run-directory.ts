import { createHash } from 'node:crypto';
import { join } from 'node:path';

/** The system's bound on the path of a unix socket (sun_path is 108 bytes with its end). */
const socketPathBytesMax = 107;
/** The longest name below a host's run directory: PostgreSQL's socket. */
const longestName = 'pg/.s.PGSQL.65535.lock';

/** Where a host's sockets go: below the home, or in a short place of its own when that path would be too long (pure). */
export function runDirectoryOf(home: string, host: string): string {
  const usual = join(home, 'run', host);
  if (Buffer.byteLength(join(usual, longestName)) <= socketPathBytesMax) return usual;
  const name = createHash('sha256').update(usual).digest('hex').slice(0, 12);
  return join('/tmp', `quantadb-${name}`);
}
