import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../shared/clock.ts';
import { findReceivers, isAlive, type ProcessIdentity } from './processes.ts';

export type ReceiverEnd = { ok: true; tookMs: number } | { ok: false; reason: string };

const lookEveryMs = 10;

/**
 * Ends the WAL receiver and answers once no such process is left. Before the call the server must have been told to
 * connect to nobody, and the receiver's key must have been withdrawn: then a receiver that is started in between, by a
 * startup process that has not read its new settings yet, cannot connect, and is ended here as well.
 *
 * Waiting for the *process* matters: while replay is paused or blocked, and while it is stuck in a flush, a
 * receiver goes on acknowledging long after its settings were cleared.
 */
export async function endReceivers(postmasterPid: number, timeoutMs: number): Promise<ReceiverEnd> {
  const startMs = systemClock.monotonicMs();
  const signalled: ProcessIdentity[] = [];
  let quietLooks = 0;
  for (;;) {
    const receivers = await findReceivers(postmasterPid);
    for (const receiver of receivers) {
      if (!receiver.isCertain) continue;
      if (signalled.some((each) => each.pid === receiver.pid && each.startTicks === receiver.startTicks))
        continue;
      if (sendTerm(receiver)) signalled.push(receiver);
    }
    const lingering = signalled.find(isAlive) ?? null;
    quietLooks = receivers.length === 0 && lingering === null ? quietLooks + 1 : 0;
    // Two empty looks: the first may have read /proc before a fork that was under way.
    if (quietLooks >= 2) return { ok: true, tookMs: systemClock.monotonicMs() - startMs };
    if (systemClock.monotonicMs() - startMs >= timeoutMs) {
      const pid = lingering?.pid ?? receivers[0]?.pid;
      return { ok: false, reason: `the WAL receiver (pid ${pid}) is still there after ${timeoutMs} ms` };
    }
    await delay(lookEveryMs);
  }
}

export async function countReceivers(postmasterPid: number): Promise<number> {
  return (await findReceivers(postmasterPid)).length;
}

function sendTerm(receiver: ProcessIdentity): boolean {
  try {
    process.kill(receiver.pid, 'SIGTERM');
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}
