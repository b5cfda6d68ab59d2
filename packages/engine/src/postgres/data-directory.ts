import { readdir, readFile, rename, rm, statfs } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { messageOf } from '../shared/errors.ts';
import { type ControlData, readControlData, readMajorVersion } from './control-data.ts';
import { filesOf, type NodePlace } from './layout.ts';
import { syncDirectory, writeOwnedFile } from './owned-file.ts';
import { tablespacesOf } from './tablespaces.ts';

/** The only major version that is tested; its binaries cannot read any other's data directory. */
export const supportedMajorVersion = 15;

export type DataDirectory =
  | { kind: 'absent' }
  | { kind: 'empty' }
  | { kind: 'initialised'; control: ControlData }
  /** Creating, receiving or rewinding it did not end well: it must never be started. `what` says which. */
  | { kind: 'interrupted'; what: string }
  /** Something that is not ours to touch. */
  | { kind: 'foreign'; detail: string };

const markerSchema = z.object({
  what: z.string(),
  startedAtMs: z.number(),
  /** Where the data that is given up has, or had, tablespaces. */
  tablespaces: z.array(z.string()).optional(),
});

export async function inspectDataDirectory(place: NodePlace): Promise<DataDirectory> {
  const marker = await readMarker(place);
  if (marker !== null) return { kind: 'interrupted', what: marker.what };
  const names = await listDirectory(place.dataDir);
  if (names === null) return { kind: 'absent' };
  if (names.length === 0) return { kind: 'empty' };
  if (!names.includes('PG_VERSION')) {
    return { kind: 'foreign', detail: `${place.dataDir} holds files, but no PG_VERSION` };
  }
  return readInitialised(place);
}

async function readInitialised(place: NodePlace): Promise<DataDirectory> {
  try {
    const majorVersion = await readMajorVersion(place.dataDir);
    if (majorVersion !== supportedMajorVersion) {
      const detail = `${place.dataDir} belongs to PostgreSQL ${majorVersion}, not ${supportedMajorVersion}`;
      return { kind: 'foreign', detail };
    }
    return { kind: 'initialised', control: await readControlData(place) };
  } catch (error) {
    return {
      kind: 'foreign',
      detail: `${place.dataDir} cannot be read as a data directory: ${messageOf(error)}`,
    };
  }
}

/**
 * Says, durably and outside the data directory, that a new one is being made, or that the one there is being changed:
 * until `clearMarker` nothing there may be taken for a complete one. It remembers where the tablespaces are: no link tells
 * once the data directory is gone, and a copy needs their places empty.
 */
export async function writeMarker(place: NodePlace, what: string): Promise<void> {
  const { incomingDir, previousDir } = filesOf(place);
  const found = await Promise.all([place.dataDir, previousDir, incomingDir].map(tablespacesOf));
  const tablespaces = [...new Set([...(await rememberedTablespaces(place)), ...found.flat()])].sort();
  const content = JSON.stringify({ what, startedAtMs: Date.now(), tablespaces });
  await writeOwnedFile(filesOf(place).cloneMarker, content, { osUser: null, mode: 0o600 });
}

export async function clearMarker(place: NodePlace): Promise<void> {
  await rm(filesOf(place).cloneMarker, { force: true });
  await syncDirectory(place.stateDir);
}

export async function rememberedTablespaces(place: NodePlace): Promise<string[]> {
  return (await readMarker(place))?.tablespaces ?? [];
}

async function readMarker(
  place: NodePlace,
): Promise<{ what: string; tablespaces?: string[] | undefined } | null> {
  try {
    const parsed = markerSchema.safeParse(JSON.parse(await readFile(filesOf(place).cloneMarker, 'utf8')));
    return parsed.success ? parsed.data : { what: 'unknown' };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    if (error instanceof SyntaxError) return { what: 'unknown' };
    throw error;
  }
}

/**
 * Whether the old data directory must go before the new one comes.
 *
 * @param expectedBytes size of the new one; null when nobody knows, which counts as "no room"
 */
export async function hasRoomForBoth(place: NodePlace, expectedBytes: number | null): Promise<boolean> {
  if (expectedBytes === null) return false;
  const volume = await statfs(dirname(place.dataDir));
  // A tenth more for the WAL that is written while the copy runs.
  return volume.bavail * volume.bsize > expectedBytes * 1.1;
}

/** Clears away what an earlier, interrupted attempt received. The data directory itself is left alone. */
export async function discardIncoming(place: NodePlace): Promise<void> {
  const marker = await readMarker(place);
  const received = await tablespacesOf(filesOf(place).incomingDir);
  if (marker && received.some((each) => !marker.tablespaces?.includes(each)))
    await writeMarker(place, marker.what);
  await rm(filesOf(place).incomingDir, { recursive: true, force: true });
}

/** Removes the data directory and every remainder beside it. */
export async function removeDataDirectory(place: NodePlace): Promise<void> {
  const { incomingDir, previousDir } = filesOf(place);
  for (const path of [incomingDir, previousDir, place.dataDir])
    await rm(path, { recursive: true, force: true });
  await syncDirectory(dirname(place.dataDir));
  await clearMarker(place);
}

/** The data of a node that left is renamed, not removed; only the newest of such copies is kept. */
export async function setAsideDataDirectory(dataDir: string, wallMs: number): Promise<void> {
  const parent = dirname(dataDir);
  const prefix = `${basename(dataDir)}.removed-`;
  const names = await readdir(parent);
  if (!names.includes(basename(dataDir))) return;
  for (const name of names.filter((each) => each.startsWith(prefix)))
    await rm(join(parent, name), { recursive: true });
  await rename(dataDir, join(parent, `${prefix}${wallMs}`));
}

/**
 * Puts the finished `<dataDir>.incoming` in the data directory's place. The old one is renamed, not removed, until the
 * new one is there durably; the marker goes last.
 */
export async function adoptIncoming(place: NodePlace): Promise<void> {
  const { incomingDir, previousDir } = filesOf(place);
  if ((await listDirectory(place.dataDir)) !== null) {
    await rm(previousDir, { recursive: true, force: true });
    await rename(place.dataDir, previousDir);
  }
  await rename(incomingDir, place.dataDir);
  await syncDirectory(dirname(place.dataDir));
  await rm(previousDir, { recursive: true, force: true });
  await clearMarker(place);
}

/** Gives the old data directory its place back after a failed attempt, if it was only moved aside. */
export async function abandonIncoming(place: NodePlace): Promise<void> {
  await discardIncoming(place);
  const hasCurrent = (await listDirectory(place.dataDir)) !== null;
  if (!hasCurrent && (await hasPreviousDirectory(place))) {
    await rename(filesOf(place).previousDir, place.dataDir);
    await syncDirectory(dirname(place.dataDir));
  }
}

async function hasPreviousDirectory(place: NodePlace): Promise<boolean> {
  return (await listDirectory(filesOf(place).previousDir))?.includes('PG_VERSION') ?? false;
}

async function listDirectory(path: string): Promise<string[] | null> {
  try {
    return await readdir(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
