import { rm } from 'node:fs/promises';
import { filesOf, type NodePlace } from './layout.ts';
import { writeOwnedFile } from './owned-file.ts';

/**
 * The script PostgreSQL runs for every finished WAL segment. Archiving is on from the start, because turning it on later
 * needs a restart of every node.
 *
 * The check of `archive.closed` is the script's last step on purpose: a fenced primary's archiver can outlive its
 * postmaster by seconds, and whatever it has prepared by then must not reach the repository.
 */
export function renderArchiveScript(closedFile: string): string {
  return `#!/bin/sh
# Written by QuantaDB and overwritten at any time. PostgreSQL's archive_command: $1 = path of the file, $2 = its name.
# Exit 0 tells PostgreSQL that it may recycle the file.
set -eu
umask 077

# The seam for pgBackRest: once a repository is configured, copying "$1" starts here, under a hard timeout, and its
# final rename moves below the check. Without a repository there is nothing to copy.

if [ -e ${shellQuote(closedFile)} ]; then
  echo "archiving is closed on this node: it holds no lease" >&2
  exit 1
fi
exit 0
`;
}

export async function writeArchiveScript(place: NodePlace): Promise<void> {
  const { archiveScript, archiveClosed } = filesOf(place);
  await writeOwnedFile(archiveScript, renderArchiveScript(archiveClosed), {
    osUser: place.osUser,
    mode: 0o700,
  });
}

/** From the return of this call on, no archive command that is running or starts later succeeds. */
export async function closeArchive(place: NodePlace, why: string): Promise<void> {
  await writeOwnedFile(filesOf(place).archiveClosed, `${why}\n`, { osUser: place.osUser, mode: 0o600 });
}

/** Only for the holder of the lease. */
export async function openArchive(place: NodePlace): Promise<void> {
  await rm(filesOf(place).archiveClosed, { force: true });
}

function shellQuote(text: string): string {
  return `'${text.replaceAll("'", `'"'"'`)}'`;
}
