import { join } from 'node:path';
import { runOrThrow } from './command.ts';
import { adoptIncoming, discardIncoming, writeMarker } from './data-directory.ts';
import { filesOf, type NodePlace, replicationRole, superuserRole } from './layout.ts';
import { ensureOwnedDirectory } from './owned-file.ts';
import { grantOf, rewindFunctions } from './rewind-source.ts';

/** Two newlines end a statement for the single-user server's `-j`. */
const firstBootSql = [
  `CREATE ROLE ${replicationRole} REPLICATION LOGIN`,
  ...rewindFunctions.map(grantOf),
  'CREATE EXTENSION pg_stat_statements',
]
  .map((statement) => `${statement};\n\n`)
  .join('');

/**
 * Makes a new database system with QuantaDB's roles in it. Everything happens in `<dataDir>.incoming`, so a half-made one
 * is never taken for a whole one. The roles are made by PostgreSQL's single-user mode: no other process, no socket,
 * no port, because a system that is not a standby must never be reachable without a lease.
 *
 * @throws QuantaError POSTGRES_FAILED with the last lines of the failing program
 */
export async function initialiseDataDirectory(place: NodePlace, signal?: AbortSignal): Promise<void> {
  const { incomingDir } = filesOf(place);
  const { osUser } = place;
  await writeMarker(place, 'initialise');
  await discardIncoming(place);
  await ensureOwnedDirectory(incomingDir, { osUser, mode: 0o700 });
  await runOrThrow({
    file: join(place.binDir, 'initdb'),
    args: [
      ...['-D', incomingDir, '-U', superuserRole, '--data-checksums', '--encoding=UTF8', '--locale=C.UTF-8'],
      ...['--lc-messages=C', '--auth-local=peer', '--auth-host=reject'],
    ],
    osUser,
    timeoutMs: 300_000,
    signal,
  });
  await runOrThrow({
    file: join(place.binDir, 'postgres'),
    args: [
      ...['--single', '-D', incomingDir, '-j', '-c', 'exit_on_error=on'],
      ...['-c', 'shared_preload_libraries=pg_stat_statements', '-c', 'wal_level=logical', 'postgres'],
    ],
    osUser,
    input: firstBootSql,
    timeoutMs: 120_000,
    signal,
  });
  await adoptIncoming(place);
}
