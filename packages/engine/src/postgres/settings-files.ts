import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { QuantaError } from '../shared/errors.ts';
import { type RefusedHbaLine, renderAccess } from './access.ts';
import { inAccessTurn } from './access-turn.ts';
import { writeArchiveScript } from './archive-wrapper.ts';
import { copyCertificates } from './host-certificates.ts';
import { filesOf, type NodePlace } from './layout.ts';
import { ensureOwnedDirectory, writeOwnedFile } from './owned-file.ts';
import {
  includeLast,
  initialSettings,
  type MutableSettings,
  type RefusedSetting,
  renderSettings,
  stripOwnedSettings,
} from './settings.ts';

export interface WrittenSettings {
  commandLine: string[];
  refusedParameters: RefusedSetting[];
  refusedHbaLines: RefusedHbaLine[];
  /** Owned names that somebody had set by ALTER SYSTEM. */
  stripped: string[];
}

/** The directories and files outside the data directory that every start needs. */
export async function prepareNodeFiles(place: NodePlace): Promise<void> {
  await ensureOwnedDirectory(place.runDir, { osUser: place.osUser, mode: 0o755 });
  await copyCertificates(place);
  await writeArchiveScript(place);
}

/**
 * Writes every configuration file of the data directory, if there is one already. The server sees them at its start or
 * at the next reload.
 */
export async function writeSettings(place: NodePlace, settings: MutableSettings): Promise<WrittenSettings> {
  const own = { osUser: place.osUser, mode: 0o600 };
  const inDataDir = (name: string) => join(place.dataDir, name);
  const rendered = renderSettings(place, settings);
  const access = renderAccess({
    userLines: settings.hba,
    clients: settings.clients,
    hosts: settings.hosts,
    localUsers: ['root', 'postgres', userInfo().username],
  });
  const written: WrittenSettings = {
    commandLine: rendered.commandLine,
    refusedParameters: rendered.refused,
    refusedHbaLines: access.refused,
    stripped: [],
  };
  if ((await readOptional(inDataDir('PG_VERSION'))) === null) return written;
  written.stripped = await stripAutoConf(place);
  await writeOwnedFile(inDataDir('quantadb.conf'), rendered.file, own);
  await inAccessTurn(place.dataDir, () => writeOwnedFile(inDataDir('pg_hba.conf'), access.hba, own));
  await writeOwnedFile(inDataDir('pg_ident.conf'), access.ident, own);
  const mainFile = inDataDir('postgresql.conf');
  const main = await readOptional(mainFile);
  const wanted = includeLast(main ?? '');
  if (wanted !== main) await writeOwnedFile(mainFile, wanted, own);
  return written;
}

async function stripAutoConf(place: NodePlace): Promise<string[]> {
  const path = join(place.dataDir, 'postgresql.auto.conf');
  const text = await readOptional(path);
  if (text === null) return [];
  const { text: kept, stripped } = stripOwnedSettings(text);
  if (stripped.length > 0) await writeOwnedFile(path, kept, { osUser: place.osUser, mode: 0o600 });
  return stripped;
}

/**
 * Makes PostgreSQL start as a standby. Written before every start and right after every promotion, so that no start,
 * whoever caused it, ever opens a server for writes by itself.
 */
export async function writeStandbySignal(place: NodePlace): Promise<void> {
  await writeOwnedFile(join(place.dataDir, 'standby.signal'), '', { osUser: place.osUser, mode: 0o600 });
}

/**
 * @throws QuantaError STORAGE_CORRUPT when the file exists but is no settings memory
 */
export async function recallSettings(place: NodePlace): Promise<MutableSettings> {
  const path = filesOf(place).settingsMemory;
  const text = await readOptional(path);
  if (text === null) return { ...initialSettings };
  try {
    return { ...initialSettings, ...(JSON.parse(text) as Partial<MutableSettings>) };
  } catch (cause) {
    throw new QuantaError('STORAGE_CORRUPT', `${path} cannot be read`, {
      cause,
      hint: 'Remove the file: the daemon writes it anew from the cluster’s state.',
    });
  }
}

export async function rememberSettings(place: NodePlace, settings: MutableSettings): Promise<void> {
  const content = `${JSON.stringify(settings, null, 2)}\n`;
  await writeOwnedFile(filesOf(place).settingsMemory, content, { osUser: null, mode: 0o600 });
}

async function readOptional(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
