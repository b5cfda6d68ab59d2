import { lookup } from 'node:dns/promises';
import { readdir, readlink, rm } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { syncDirectory } from './owned-file.ts';

/** The directory that PostgreSQL of our major version makes in a tablespace's place (PG_ + major + catalogue version). */
const versionDirectory = /^PG_15_\d+$/;

/** Where a data directory has tablespaces outside of itself. None, when it is not there. */
export async function tablespacesOf(dataDir: string): Promise<string[]> {
  const directory = join(dataDir, 'pg_tblspc');
  const entries = await unlessAbsent(() => readdir(directory, { withFileTypes: true }));
  const links = (entries ?? []).filter((entry) => entry.isSymbolicLink() && /^\d+$/.test(entry.name));
  const places = await Promise.all(links.map((entry) => readlink(join(directory, entry.name))));
  return places.filter(isAbsolute).sort();
}

/** What PostgreSQL has put into these places, and nothing else that is there: pg_basebackup demands them empty. */
export async function removeTablespaceData(places: readonly string[]): Promise<void> {
  for (const place of places) {
    const names = (await unlessAbsent(() => readdir(place))) ?? [];
    const ours = names.filter((name) => versionDirectory.test(name));
    for (const name of ours) await rm(join(place, name), { recursive: true, force: true });
    if (ours.length > 0) await syncDirectory(place);
  }
}

/** A server on the same machine has its tablespaces in the same places. */
export async function isThisMachine(host: string): Promise<boolean> {
  const own = new Set(
    Object.values(networkInterfaces()).flatMap((each) => each?.map(({ address }) => address) ?? []),
  );
  const addresses = await lookup(host, { all: true });
  return addresses.some(({ address }) => own.has(address) || /^(127\.|::1$)/.test(address));
}

async function unlessAbsent<T>(read: () => Promise<T>): Promise<T | null> {
  try {
    return await read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
