import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { QuantaError } from '../shared/errors.ts';
import { lastLines, runCommand } from './command.ts';
import { type CopyProgress, ProgressReader, untilStalled } from './copy-progress.ts';
import {
  abandonIncoming,
  adoptIncoming,
  discardIncoming,
  hasRoomForBoth,
  rememberedTablespaces,
  writeMarker,
} from './data-directory.ts';
import { filesOf, type NodePlace, type Upstream } from './layout.ts';
import { ensureOwnedDirectory, syncDirectory } from './owned-file.ts';
import { renderConninfo, replicationIdentity } from './settings.ts';
import { isThisMachine, removeTablespaceData } from './tablespaces.ts';

export interface CloneRequest {
  upstream: Upstream;
  onProgress: (progress: CopyProgress) => void;
  signal: AbortSignal;
  /** Size of the upstream's data, to see whether the old data can be kept meanwhile. Null when nobody knows. */
  expectedBytes: number | null;
  /** Gives up after this long without a byte. */
  stallMs: number;
  /** Gives up in any case. */
  timeoutMs: number;
}

/**
 * Receives a copy of the upstream's data directory into `<dataDir>.incoming` and puts it in place. Until then the old one
 * is kept, if the disk has room for both. The copy's WAL comes over a second connection from the slot that the primary
 * made for this node, so the WAL of the copying time cannot be recycled away. Tablespaces have the same places on every
 * node, and pg_basebackup demands those empty: what the data that is given up has there goes before each attempt.
 *
 * @throws QuantaError POSTGRES_FAILED, DEADLINE_EXCEEDED (stalled), or the signal's reason
 */
export async function cloneDataDirectory(place: NodePlace, request: CloneRequest): Promise<void> {
  const { incomingDir } = filesOf(place);
  await writeMarker(place, `clone of ${request.upstream.name}`);
  await discardIncoming(place);
  if (!(await hasRoomForBoth(place, request.expectedBytes))) {
    await rm(place.dataDir, { recursive: true, force: true });
    await rm(filesOf(place).previousDir, { recursive: true, force: true });
    await syncDirectory(dirname(place.dataDir));
  }
  // Of an upstream on the same machine they would be its own: then they stay, and the copy fails.
  if (!(await isThisMachine(request.upstream.host)))
    await removeTablespaceData(await rememberedTablespaces(place));
  await ensureOwnedDirectory(incomingDir, { osUser: place.osUser, mode: 0o700 });
  try {
    await receive(place, request);
  } catch (error) {
    // The marker stays: whoever comes next sees that this node holds nothing complete of the cluster's.
    await abandonIncoming(place);
    throw error;
  }
  await adoptIncoming(place);
}

async function receive(place: NodePlace, request: CloneRequest): Promise<void> {
  const progress = new ProgressReader(request.onProgress);
  const limits = { what: 'the clone', stallMs: request.stallMs, signal: request.signal };
  const result = await untilStalled(progress, limits, (signal) =>
    runCommand({
      file: join(place.binDir, 'pg_basebackup'),
      args: [
        ...['--pgdata', filesOf(place).incomingDir, '--dbname', cloneConninfo(place, request.upstream)],
        ...['--wal-method=stream', '--checkpoint=fast'],
        ...(request.upstream.slot === null ? [] : [`--slot=${request.upstream.slot}`]),
        ...['--progress', '--verbose', '--no-password', '--label', `quantadb clone for ${place.nodeName}`],
      ],
      osUser: place.osUser,
      timeoutMs: request.timeoutMs,
      signal,
      onErrorOutput: (text) => progress.push(text),
      diesWithUs: true,
    }),
  );
  if (result.code === 0) return;
  throw new QuantaError(
    'POSTGRES_FAILED',
    `pg_basebackup: ${lastLines(progress.words(), 5) || 'it gave no reason'}`,
    {
      hint: 'The clone can be started again; it begins from the start.',
    },
  );
}

function cloneConninfo(place: NodePlace, upstream: Upstream): string {
  return renderConninfo({
    ...replicationIdentity(place, upstream),
    application_name: `${upstream.applicationName} clone`,
    connect_timeout: '5',
    keepalives_idle: '5',
    // The WAL half of a clone answers every 10 s only, and later still while it flushes: the cluster's 5 s would end it.
    options: '-c wal_sender_timeout=60s',
  });
}
