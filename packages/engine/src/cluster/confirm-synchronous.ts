import { olderStatementsEnd } from '../postgres/older-statements.ts';
import type { ServerSample } from '../postgres/sample.ts';
import type { PostgresSupervisor } from '../postgres/supervisor.ts';
import { haveConfirmed } from '../replication/confirmed.ts';
import type { SynchronousOrder } from '../replication/synchronous.ts';
import type { Clock } from '../shared/clock.ts';
import { pollUntil } from '../shared/deadline.ts';
import { messageOf, QuantaError } from '../shared/errors.ts';

/** `Database.confirmSynchronous` on the real server. */
export async function confirmSynchronous(
  supervisor: PostgresSupervisor,
  order: SynchronousOrder & { isFirst: boolean; deadlineMs: number },
  clock: Clock,
): Promise<{ ok: true } | { ok: false; reason: string }> {
  const { set, isFirst, deadlineMs } = order;
  const endMs = clock.monotonicMs() + deadlineMs;
  const left = () => Math.max(1, endMs - clock.monotonicMs());
  const applied = await supervisor.applySynchronous(order, left());
  if (!applied.ok) return applied;
  try {
    if (isFirst) await olderStatementsEnd(supervisor.pool, left());
    const confirmed = async () =>
      haveConfirmed((await sampleOf(supervisor)).standbys, set, applied.lsn) ? true : undefined;
    await pollUntil(confirmed, {
      what: `${set.count} of ${set.standbys.join(', ')} confirm`,
      timeoutMs: left(),
      intervalMs: 20,
    });
    return { ok: true };
  } catch (error) {
    return { ok: false, reason: messageOf(error) };
  }
}

/** @throws QuantaError POSTGRES_FAILED when the server does not answer */
export async function sampleOf(supervisor: PostgresSupervisor): Promise<ServerSample> {
  const sampled = await supervisor.sample();
  if (sampled.ok) return sampled.sample;
  const { reason, detail } = sampled;
  throw new QuantaError('POSTGRES_FAILED', `PostgreSQL does not answer (${reason}): ${detail}`);
}
