import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemClock } from '../shared/clock.ts';
import { QuantaError } from '../shared/errors.ts';
import { lastLines, runCommand } from './command.ts';
import {
  abandonIncoming,
  adoptIncoming,
  discardIncoming,
  hasRoomForBoth,
  writeMarker,
} from './data-directory.ts';
import { filesOf, type NodePlace, replicationRole, type Upstream } from './layout.ts';
import { ensureOwnedDirectory, syncDirectory } from './owned-file.ts';
import { renderConninfo } from './settings.ts';

export interface CloneProgress {
  doneBytes: number;
  /** An estimate made at the start; null until it is known. */
  totalBytes: number | null;
}

export interface CloneRequest {
  upstream: Upstream;
  onProgress: (progress: CloneProgress) => void;
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
 * made for this node, so the WAL of the copying time cannot be recycled away.
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
  const stall = new AbortController();
  const progress = new ProgressReader(request.onProgress);
  const timer = setInterval(
    () => {
      if (progress.isSyncing || systemClock.monotonicMs() - progress.movedAtMs < request.stallMs) return;
      stall.abort(
        new QuantaError('DEADLINE_EXCEEDED', `no byte of the clone arrived for ${request.stallMs} ms`),
      );
    },
    Math.min(1000, request.stallMs),
  );
  try {
    const result = await runCommand({
      file: join(place.binDir, 'pg_basebackup'),
      args: [
        ...['--pgdata', filesOf(place).incomingDir, '--dbname', cloneConninfo(place, request.upstream)],
        ...['--wal-method=stream', `--slot=${request.upstream.slot}`, '--checkpoint=fast'],
        ...['--progress', '--verbose', '--no-password', '--label', `quantadb clone for ${place.nodeName}`],
      ],
      osUser: place.osUser,
      timeoutMs: request.timeoutMs,
      signal: AbortSignal.any([request.signal, stall.signal]),
      onErrorOutput: (text) => progress.push(text),
    });
    if (result.code === 0) return;
    throw new QuantaError('POSTGRES_FAILED', `pg_basebackup: ${withoutProgress(result.stderr)}`, {
      hint: 'The clone can be started again; it begins from the start.',
    });
  } finally {
    clearInterval(timer);
  }
}

function cloneConninfo(place: NodePlace, upstream: Upstream): string {
  const { tlsDir } = filesOf(place);
  return renderConninfo({
    host: upstream.host,
    port: String(upstream.port),
    user: replicationRole,
    sslmode: 'verify-full',
    sslcert: join(tlsDir, 'host.crt'),
    sslkey: join(tlsDir, 'host.key'),
    sslrootcert: join(tlsDir, 'ca.crt'),
    application_name: `${upstream.applicationName} clone`,
    connect_timeout: '5',
    keepalives_idle: '5',
    // The WAL half of a clone answers every 10 s only, and later still while it flushes: the cluster's 5 s would end it.
    options: '-c wal_sender_timeout=60s',
  });
}

/** Reads pg_basebackup's `  1234/56789 kB (2%), 0/1 tablespace` lines, in whatever pieces they arrive. */
class ProgressReader {
  movedAtMs = systemClock.monotonicMs();
  /** Everything has arrived and is being flushed, which shows no progress; only the overall deadline counts. */
  isSyncing = false;
  private readonly report: (progress: CloneProgress) => void;
  private rest = '';
  private doneBytes = -1;

  constructor(report: (progress: CloneProgress) => void) {
    this.report = report;
  }

  push(text: string): void {
    const lines = (this.rest + text).split(/[\r\n]/);
    this.rest = (lines.pop() ?? '').slice(-1000);
    for (const line of lines) {
      const match = /^\s*(\d+)\/(\d+) kB \(/.exec(line);
      if (!match?.[1] || !match[2]) {
        this.isSyncing ||= line.includes('syncing data to disk');
        continue;
      }
      const doneBytes = Number(match[1]) * 1024;
      if (doneBytes > this.doneBytes) this.movedAtMs = systemClock.monotonicMs();
      this.doneBytes = doneBytes;
      this.report({ doneBytes, totalBytes: Math.max(doneBytes, Number(match[2]) * 1024) });
    }
  }
}

function withoutProgress(stderr: string): string {
  const words = stderr.split(/[\r\n]/).filter((line) => !/^\s*\d+\/\d+ kB \(/.test(line));
  return lastLines(words.join('\n'), 5) || 'it gave no reason';
}
