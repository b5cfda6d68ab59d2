import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../shared/errors.ts';
import { lastLines, runCommand } from './command.ts';
import { type ControlData, readControlData } from './control-data.ts';
import { type CopyProgress, ProgressReader, untilStalled } from './copy-progress.ts';
import { clearMarker, writeMarker } from './data-directory.ts';
import type { NodePlace, Upstream } from './layout.ts';
import { syncDirectory } from './owned-file.ts';
import {
  firstMissingSegment,
  hasBegunToCopy,
  judgeRewind,
  needsRecovery,
  type RewindOutcome,
  startOfReplay,
} from './rewind-outcome.ts';
import { clearStalePidFile, type StartResult } from './server-start.ts';
import { keptWhileUnproven, renderConninfo, replicationIdentity } from './settings.ts';
import { writeStandbySignal } from './settings-files.ts';

export interface RewindRequest {
  upstream: Upstream;
  /** Where the local history leaves the upstream's; null when that is not known. */
  forkLsn: string | null;
  onProgress: (progress: CopyProgress) => void;
  /** Told what it does, in words for people. */
  onStep: (words: string) => void;
  /** Asked before the rewound server starts to receive WAL. */
  mayReceive: () => Promise<boolean>;
  signal: AbortSignal;
  /** Gives up after this long without a byte. */
  stallMs: number;
  /** For recovery before it and replay after it, each. */
  replayTimeoutMs: number;
  /** For pg_rewind itself, in any case. */
  timeoutMs: number;
}

/** What the supervisor lends. */
export interface RewindMeans {
  control: ControlData;
  /** Of the server's own start, so that recovery finds what the server would. */
  commandLine: string[];
  start(
    request: { upstream: Upstream; deadlineMs: number; signal: AbortSignal; clients: 'closed' },
    checkpointTimeline: number,
  ): Promise<StartResult>;
  kill(why: string): Promise<void>;
}

type Attempt = RewindRequest & RewindMeans;

/**
 * Turns a stopped server whose WAL left the upstream's history back to where both part, gives it the upstream's data from
 * there on, and starts it. The marker is written before anything changes, and goes only when the data is as it was before
 * (`untouched`) or the server has reached a consistent state (`rewound`). Until then its data is partly of the future, and
 * without the upstream nothing can be done with it.
 *
 * @throws the signal's reason, or QuantaError DEADLINE_EXCEEDED; the marker then tells whether anything was touched
 */
export async function rewindServer(
  place: NodePlace,
  request: RewindRequest,
  means: RewindMeans,
): Promise<RewindOutcome> {
  const outcome = await rewindDataDirectory(place, { ...request, ...means });
  if (outcome.kind !== 'rewound') return outcome;
  const { upstream, replayTimeoutMs, signal } = request;
  if (!(await request.mayReceive()))
    return { kind: 'broken', reason: `the reign of ${upstream.name} ended meanwhile` };
  request.onStep(`replaying WAL of ${upstream.name}`);
  await flushSource(place, request);
  const { checkpointTimeline } = await readControlData(place);
  try {
    const start = { upstream, deadlineMs: replayTimeoutMs, signal, clients: 'closed' as const };
    const started = await means.start(start, checkpointTimeline);
    if (!started.ok) {
      await means.kill('it did not become consistent after a rewind');
      return { kind: 'broken', reason: `it does not start: ${started.detail}` };
    }
  } catch (error) {
    await means.kill('its rewind was interrupted');
    throw error;
  }
  await clearMarker(place);
  return outcome;
}

async function rewindDataDirectory(place: NodePlace, attempt: Attempt): Promise<RewindOutcome> {
  await writeMarker(place, `rewind to ${attempt.upstream.name}`);
  const progress = new ProgressReader(attempt.onProgress);
  try {
    const outcome = await attemptRewind(place, attempt, progress);
    if (outcome.kind === 'untouched') await leaveAsItWas(place);
    return outcome;
  } catch (error) {
    if (!hasBegunToCopy(progress.words())) await leaveAsItWas(place);
    throw error;
  }
}

async function attemptRewind(
  place: NodePlace,
  attempt: Attempt,
  progress: ProgressReader,
): Promise<RewindOutcome> {
  const owner = await clearStalePidFile(place);
  if (owner !== null)
    return { kind: 'untouched', reason: `process ${owner} runs PostgreSQL on it`, mayPass: true };
  if (needsRecovery(attempt.control, attempt.forkLsn)) {
    attempt.onStep('recovering from its crash, shut off from everybody');
    const failure = await recoverAlone(place, attempt);
    if (failure !== null) return { kind: 'untouched', reason: failure, mayPass: false };
  }
  attempt.onStep(`comparing with ${attempt.upstream.name}`);
  const outcome = await runRewind(place, attempt, progress);
  if (outcome.kind !== 'rewound') return outcome;
  const missing = await missingWal(place, outcome.forkLsn);
  if (missing === null) return outcome;
  return { kind: 'broken', reason: `${attempt.upstream.name} no longer has the WAL it needs (${missing})` };
}

/**
 * Crash recovery by PostgreSQL's single-user mode: no other process, no socket, no port. It knows no standby mode, so the
 * signal file goes first, and only the marker keeps this directory from being started as a primary meanwhile. No WAL is
 * recycled: pg_rewind reads it from the last checkpoint before the fork on. Null when it went well.
 */
async function recoverAlone(place: NodePlace, attempt: Attempt): Promise<string | null> {
  for (const name of ['standby.signal', 'recovery.signal'])
    await rm(join(place.dataDir, name), { force: true });
  await syncDirectory(place.dataDir);
  const result = await runCommand({
    file: join(place.binDir, 'postgres'),
    args: [
      ...['--single', '-D', place.dataDir, ...attempt.commandLine],
      ...['-c', `wal_keep_size=${keptWhileUnproven}`, '-c', 'exit_on_error=on', 'template1'],
    ],
    osUser: place.osUser,
    timeoutMs: attempt.replayTimeoutMs,
    signal: attempt.signal,
    diesWithUs: true,
  });
  return result.code === 0 ? null : `its crash recovery failed: ${lastLines(result.stderr, 2)}`;
}

/** Without its own recovery of an unclean target (see `recoverAlone`), and without writing any configuration. */
async function runRewind(
  place: NodePlace,
  attempt: Attempt,
  progress: ProgressReader,
): Promise<RewindOutcome> {
  // Reading the local WAL shows no progress and may take minutes; the upstream's silence ends the connection instead.
  progress.isQuiet = true;
  const limits = { what: 'the rewind', stallMs: attempt.stallMs, signal: attempt.signal };
  const { code } = await untilStalled(progress, limits, (signal) =>
    runCommand({
      file: join(place.binDir, 'pg_rewind'),
      args: [
        ...['--target-pgdata', place.dataDir, '--source-server', sourceConninfo(place, attempt.upstream)],
        ...['--no-ensure-shutdown', '--progress'],
      ],
      osUser: place.osUser,
      timeoutMs: attempt.timeoutMs,
      signal,
      diesWithUs: true,
      onErrorOutput: (text) => progress.push(text),
    }),
  );
  return judgeRewind({ code, words: progress.words(), copiedBytes: progress.doneBytes });
}

function sourceConninfo(place: NodePlace, upstream: Upstream): string {
  return renderConninfo({
    ...replicationIdentity(place, upstream),
    dbname: 'postgres',
    application_name: `${upstream.applicationName} rewind`,
    connect_timeout: '5',
    keepalives_idle: '5',
    keepalives_interval: '2',
    keepalives_count: '3',
    // It says nothing while it reads the local WAL; and the node that asks may be the one that a commit would wait for.
    options: '-c idle_session_timeout=0 -c synchronous_commit=local',
  });
}

/**
 * A rewound server is consistent when it has replayed what its source had inserted at the end of the copy, and a source sends
 * only what it has flushed. An open transaction, or a hint bit, on a source where nobody commits leaves WAL that is flushed
 * only with the background writer's next snapshot of running transactions, 15 to 25 s later; a commit flushes it now. When
 * this fails the rewind only takes longer.
 */
async function flushSource(place: NodePlace, request: RewindRequest): Promise<void> {
  const message = "SELECT pg_logical_emit_message(true, 'quantadb', 'flush')";
  await runCommand({
    file: join(place.binDir, 'psql'),
    args: ['-X', '-w', '-q', '-d', sourceConninfo(place, request.upstream), '-c', message],
    osUser: place.osUser,
    timeoutMs: 10_000,
    signal: request.signal,
    diesWithUs: true,
  }).catch(() => undefined);
}

/** pg_rewind does not look whether the WAL is there that its result must replay. */
async function missingWal(place: NodePlace, forkLsn: string): Promise<string | null> {
  const label = await readFile(join(place.dataDir, 'backup_label'), 'utf8').catch(messageOf);
  const fromLsn = startOfReplay(label);
  if (fromLsn === null) return 'there is no backup label';
  const { walSegmentBytes } = await readControlData(place);
  const names = await readdir(join(place.dataDir, 'pg_wal'));
  return firstMissingSegment({ fromLsn, toLsn: forkLsn, segmentBytes: walSegmentBytes }, names);
}

/** A start must find a standby again before it finds no marker. */
async function leaveAsItWas(place: NodePlace): Promise<void> {
  await writeStandbySignal(place);
  await clearMarker(place);
}
