import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { filesOf, type NodeFiles, type NodePlace } from './layout.ts';
import { ensureOwnedDirectory, writeOwnedFile } from './owned-file.ts';

export const backupProgram = '/usr/bin/pgbackrest';

/** A segment takes a fraction of a second; a repository that hangs must not hold up a shutdown for ever. */
const pushDeadlineSeconds = 120;
/**
 * Of several repositories one that does not answer is passed over after twice this: pgBackRest tries everything a second time.
 * Its own 60 s would hold up every segment behind the first one for two minutes, after the host of a repository has died.
 */
const silenceSeconds = 5;
/** Names are noted up to here; what is owed beyond it is found by comparing the repositories. */
export const owedNamesMax = 10_000;
export const owedMoreMark = 'more';

/** What the script does once it is known that it may, and that there is a repository. */
const toEveryRepository = `arrived=
passed=
missed=
code=1
for number in \${only:-1 2 3 4}; do
  if [ ! -e "$(config_of "$number")" ]; then continue; fi
  if [ -z "$only" ] && is_owed "$number"; then
    passed="$passed $number"
  else
    try "$number"
  fi
done
# Nobody can be owed what nobody has.
for number in $passed; do
  if [ -n "$arrived" ]; then
    missed="$missed $number"
  else
    try "$number"
  fi
done
if [ -e "$closed" ]; then refuse; fi
if [ -z "$arrived" ]; then exit "$code"; fi
for number in $missed; do
  owe "$number" || exit 1
done
if [ -e "$closed" ]; then refuse; fi
`;

/**
 * The script PostgreSQL runs for every finished WAL segment. Archiving is on from the start, because turning it on later
 * needs a restart of every node; whether there is a repository is looked up each time, so that setting one needs none.
 *
 * A push is watched: the moment archiving is closed it is killed, because a fenced primary's archiver can outlive its
 * postmaster by seconds. Success is only reported when it is still open afterwards; a segment that had just arrived is
 * then pushed once more by whoever archives next, which finds the same content and leaves it.
 *
 * Of several repositories one has to have the segment; the others are owed it, which is noted on the disk, each name a file,
 * before PostgreSQL may recycle it. One that is owed something is passed over, so that it neither holds up the others nor gets
 * WAL out of turn: the daemon pays it from the repository that has it. A fourth argument names the only one to push to.
 */
export function renderArchiveScript(
  files: Pick<NodeFiles, 'archiveClosed' | 'repositoryConfig' | 'repositoryStanza' | 'repositoriesDir'>,
  program = backupProgram,
): string {
  return `#!/bin/sh
# Written by QuantaDB and overwritten at any time. PostgreSQL's archive_command: $1 = path of the file, $2 = its name.
# Exit 0 tells PostgreSQL that it may recycle the file.
set -eu
umask 077
path=$1
name=$2
only=\${4:-}
closed=${shellQuote(files.archiveClosed)}
config=${shellQuote(files.repositoryConfig)}
stanza=${shellQuote(files.repositoryStanza)}
repositories=${shellQuote(files.repositoriesDir)}

# Alone it is waited for.
patience=
if [ -z "$only" ] && ls "$repositories"/*.conf > /dev/null 2>&1; then patience=--io-timeout=${silenceSeconds}; fi

${functions(program)}
if [ -e "$closed" ]; then refuse; fi
# Without a repository there is nothing to copy.
if [ ! -e "$config" ]; then exit 0; fi

${toEveryRepository}`;
}

function functions(program: string): string {
  return `refuse() {
  echo "archiving is closed on this node: it holds no lease" >&2
  exit 1
}

config_of() {
  if [ "$1" = 1 ]; then echo "$config"; else echo "$repositories/$1.conf"; fi
}

push_to() {
  timeout --kill-after=5 ${pushDeadlineSeconds} ${shellQuote(program)} --config="$(config_of "$1")" --stanza="$(cat "$stanza")" \\
    --log-level-stderr=warn $patience archive-push "$path" &
  push=$!
  while kill -0 "$push" 2>/dev/null; do
    if [ -e "$closed" ]; then
      kill -9 "-$push" "$push" 2>/dev/null || true
      refuse
    fi
    sleep 0.05
  done
  wait "$push"
}

try() {
  if push_to "$1"; then
    arrived=yes
  else
    code=$?
    missed="$missed $1"
  fi
}

is_owed() {
  [ -n "$(ls -A "$repositories/owed-$1" 2>/dev/null)" ]
}

# On the disk before it returns.
owe() {
  debts="$repositories/owed-$1"
  mkdir -p "$debts" || return 1
  entry=$name
  if [ "$(ls "$debts" | wc -l)" -ge ${owedNamesMax} ]; then entry=${owedMoreMark}; fi
  : > "$debts/$entry" || return 1
  sync "$debts" "$repositories"
}
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
 * From now on every finished segment goes to these repositories. The stanza first: the script takes the configuration's
 * presence for the word that there is one.
 *
 * @param repository.further configurations beside that of the first, by their number; those that are not named go
 */
export async function setRepository(
  place: NodePlace,
  repository: { configuration: string; stanza: string; further?: ReadonlyMap<number, string> },
): Promise<void> {
  const files = filesOf(place);
  const ownership = { osUser: place.osUser, mode: 0o600 };
  await ensureOwnedDirectory(files.backupWorkDir, { osUser: place.osUser, mode: 0o700 });
  await ensureOwnedDirectory(files.repositoriesDir, { osUser: place.osUser, mode: 0o700 });
  // A server that runs on under the next release's daemon was started with the script of the release before.
  await writeArchiveScript(place);
  await writeOwnedFile(files.repositoryStanza, `${repository.stanza}\n`, ownership);
  for (const number of furtherNumbers) {
    const text = repository.further?.get(number);
    const file = furtherConfigOf(place, number);
    if (text !== undefined) await writeOwnedFile(file, text, ownership);
    else await forget(place, number);
  }
  // Alone it is owed nothing: the segment waits for it.
  if (!repository.further || repository.further.size === 0)
    await rm(owedDirOf(place, 1), { recursive: true, force: true });
  await writeOwnedFile(files.repositoryConfig, repository.configuration, ownership);
}

/** Finished segments are kept nowhere any more. */
export async function dropRepository(place: NodePlace): Promise<void> {
  const files = filesOf(place);
  await rm(files.repositoryConfig, { force: true });
  await rm(files.repositoryStanza, { force: true });
  await rm(files.repositoriesDir, { recursive: true, force: true });
}

const furtherNumbers = [2, 3, 4];

export function furtherConfigOf(place: NodePlace, number: number): string {
  return join(filesOf(place).repositoriesDir, `${number}.conf`);
}

/** Each file in it is named like the WAL that this repository has not got. */
export function owedDirOf(place: NodePlace, number: number): string {
  return join(filesOf(place).repositoriesDir, `owed-${number}`);
}

async function forget(place: NodePlace, number: number): Promise<void> {
  await rm(furtherConfigOf(place, number), { force: true });
  await rm(owedDirOf(place, number), { recursive: true, force: true });
}

function shellQuote(text: string): string {
  return `'${text.replaceAll("'", `'"'"'`)}'`;
}
