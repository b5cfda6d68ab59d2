import { rm } from 'node:fs/promises';
import { filesOf, type NodeFiles, type NodePlace } from './layout.ts';
import { ensureOwnedDirectory, writeOwnedFile } from './owned-file.ts';

export const backupProgram = '/usr/bin/pgbackrest';

/** A segment takes a fraction of a second; a repository that hangs must not hold up a shutdown for ever. */
const pushDeadlineSeconds = 120;

/**
 * The script PostgreSQL runs for every finished WAL segment. Archiving is on from the start, because turning it on later
 * needs a restart of every node; whether there is a repository is looked up each time, so that setting one needs none.
 *
 * A push is watched: the moment archiving is closed it is killed, because a fenced primary's archiver can outlive its
 * postmaster by seconds. Success is only reported when it is still open afterwards; a segment that had just arrived is
 * then pushed once more by whoever archives next, which finds the same content and leaves it.
 */
export function renderArchiveScript(
  files: Pick<NodeFiles, 'archiveClosed' | 'repositoryConfig' | 'repositoryStanza'>,
  program = backupProgram,
): string {
  return `#!/bin/sh
# Written by QuantaDB and overwritten at any time. PostgreSQL's archive_command: $1 = path of the file, $2 = its name.
# Exit 0 tells PostgreSQL that it may recycle the file.
set -eu
umask 077
closed=${shellQuote(files.archiveClosed)}
config=${shellQuote(files.repositoryConfig)}
stanza=${shellQuote(files.repositoryStanza)}

refuse() {
  echo "archiving is closed on this node: it holds no lease" >&2
  exit 1
}

if [ -e "$closed" ]; then refuse; fi
# Without a repository there is nothing to copy.
if [ ! -e "$config" ]; then exit 0; fi

timeout --kill-after=5 ${pushDeadlineSeconds} ${shellQuote(program)} --config="$config" --stanza="$(cat "$stanza")" \\
  --log-level-stderr=warn archive-push "$1" &
push=$!
while kill -0 "$push" 2>/dev/null; do
  if [ -e "$closed" ]; then
    kill -9 "-$push" "$push" 2>/dev/null || true
    refuse
  fi
  sleep 0.05
done
wait "$push"
if [ -e "$closed" ]; then refuse; fi
`;
}

export async function writeArchiveScript(place: NodePlace): Promise<void> {
  const files = filesOf(place);
  await writeOwnedFile(files.archiveScript, renderArchiveScript(files), {
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

/**
 * From now on every finished segment goes to this repository. The stanza first: the script takes the configuration's
 * presence for the word that there is one.
 */
export async function setRepository(
  place: NodePlace,
  repository: { configuration: string; stanza: string },
): Promise<void> {
  const files = filesOf(place);
  const ownership = { osUser: place.osUser, mode: 0o600 };
  await ensureOwnedDirectory(files.backupWorkDir, { osUser: place.osUser, mode: 0o700 });
  await writeOwnedFile(files.repositoryStanza, `${repository.stanza}\n`, ownership);
  await writeOwnedFile(files.repositoryConfig, repository.configuration, ownership);
}

/** Finished segments are kept nowhere any more. */
export async function dropRepository(place: NodePlace): Promise<void> {
  const files = filesOf(place);
  await rm(files.repositoryConfig, { force: true });
  await rm(files.repositoryStanza, { force: true });
}

function shellQuote(text: string): string {
  return `'${text.replaceAll("'", `'"'"'`)}'`;
}
