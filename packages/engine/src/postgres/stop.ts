import type { Clock } from '../shared/clock.ts';
import { pollUntil } from '../shared/deadline.ts';
import { messageOf } from '../shared/errors.ts';
import { closeArchive } from './archive-wrapper.ts';
import type { NodePlace } from './layout.ts';

export type StopResult = { ok: true; tookMs: number } | { ok: false; reason: string };

interface RunningServer {
  place: NodePlace;
  clock: Clock;
  isRunning(): Promise<boolean>;
  /** Asks PostgreSQL for a fast shutdown. */
  signal(): Promise<unknown>;
}

/** A segment takes a fraction of a second to push. */
const archiverPatienceMs = 2000;

/**
 * A clean shutdown, which waits for the archiver. One that hangs would hold it up until the deadline and its kill, with nobody
 * to write to meanwhile: its push is ended, and what it has not pushed the next primary does.
 */
export async function stopServer(server: RunningServer, deadlineMs: number): Promise<StopResult> {
  const { place, clock } = server;
  const startMs = clock.monotonicMs();
  let isClosed = false;
  const hasStopped = async () => {
    if (!(await server.isRunning())) return true;
    if (!isClosed && clock.monotonicMs() - startMs >= archiverPatienceMs) {
      isClosed = true;
      await closeArchive(place, 'stopping');
    }
    return undefined;
  };
  try {
    if (await server.isRunning()) {
      await server.signal();
      await pollUntil(hasStopped, { what: 'the shutdown', timeoutMs: deadlineMs, intervalMs: 5 });
    }
    await closeArchive(place, 'stopped');
    return { ok: true, tookMs: clock.monotonicMs() - startMs };
  } catch (error) {
    return { ok: false, reason: messageOf(error) };
  }
}
