import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { QuantaError } from '../shared/errors.ts';
import { runOrThrow } from './command.ts';
import { normaliseLsn } from './lsn.ts';
import type { OsUser } from './postmaster-host.ts';

/** What pg_control says: written at checkpoints and state changes, so always a little behind the running server. */
export interface ControlData {
  pgControlVersion: number;
  majorVersion: number;
  systemIdentifier: string;
  /** PostgreSQL's own words: `shut down`, `in production`, `in archive recovery` and others. */
  clusterState: string;
  checkpointTimeline: number;
  checkpointLsn: string;
  /** Crash recovery starts here, so WAL from here on is present. */
  redoLsn: string;
  minRecoveryEndLsn: string;
  /** Zero when no recovery has run yet. */
  minRecoveryEndTimeline: number;
  /** Zero: data pages carry no checksums. */
  dataChecksumVersion: number;
  walSegmentBytes: number;
}

/**
 * @throws QuantaError POSTGRES_FAILED when pg_control is missing, damaged or of another version
 */
export async function readControlData(source: {
  binDir: string;
  dataDir: string;
  osUser: OsUser | null;
}): Promise<ControlData> {
  const spec = { file: join(source.binDir, 'pg_controldata'), args: [source.dataDir], osUser: source.osUser };
  const { stdout } = await runOrThrow({ ...spec, timeoutMs: 10_000 });
  return parseControlData(stdout, await readMajorVersion(source.dataDir));
}

export async function readMajorVersion(dataDir: string): Promise<number> {
  const text = (await readFile(join(dataDir, 'PG_VERSION'), 'utf8')).trim();
  if (!/^\d{1,3}$/.test(text)) {
    throw new QuantaError(
      'POSTGRES_FAILED',
      `${dataDir}/PG_VERSION says ${JSON.stringify(text.slice(0, 20))}`,
      {
        hint: 'Only PostgreSQL 10 and later have whole-number major versions.',
      },
    );
  }
  return Number(text);
}

/** @param text what pg_controldata prints under LC_ALL=C */
export function parseControlData(text: string, majorVersion: number): ControlData {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon).trim(), line.slice(colon + 1).trim());
  }
  const field = (name: string): string => {
    const value = fields.get(name);
    if (value === undefined) throw new QuantaError('POSTGRES_FAILED', `pg_controldata printed no "${name}"`);
    return value;
  };
  return {
    pgControlVersion: Number(field('pg_control version number')),
    majorVersion,
    systemIdentifier: field('Database system identifier'),
    clusterState: field('Database cluster state'),
    checkpointTimeline: Number(field("Latest checkpoint's TimeLineID")),
    checkpointLsn: normaliseLsn(field('Latest checkpoint location')),
    redoLsn: normaliseLsn(field("Latest checkpoint's REDO location")),
    minRecoveryEndLsn: normaliseLsn(field('Minimum recovery ending location')),
    minRecoveryEndTimeline: Number(field("Min recovery ending loc's timeline")),
    dataChecksumVersion: Number(field('Data page checksum version')),
    walSegmentBytes: Number(field('Bytes per WAL segment')),
  };
}
