import type { Member } from '../contract/cluster-state.ts';
import type { ClusterMonitor } from '../monitor/cluster-monitor.ts';
import { type Clock, systemClock } from '../shared/clock.ts';
import { pollUntil } from '../shared/deadline.ts';
import { QuantaError } from '../shared/errors.ts';
import type { StepContext } from './operation-runner.ts';

const stallMs = 180_000;

/**
 * However large the data is: what counts is that the copy grows.
 *
 * @returns the seconds until the node streamed
 * @throws QuantaError DEADLINE_EXCEEDED when nothing has moved for three minutes
 */
export async function untilCloned(
  resources: { monitor: ClusterMonitor; clock?: Clock },
  { signal }: StepContext,
  member: Member,
): Promise<string> {
  const clock = resources.clock ?? systemClock;
  const startedMs = clock.monotonicMs();
  let movedAtMs = startedMs;
  let lastBytes = -1;
  const streams = async () => {
    const report = await resources.monitor.reportOf(member);
    const isFollowing = report?.state === 'streaming' || report?.state === 'delayed';
    if (isFollowing || report?.role === 'primary') return true;
    const doneBytes = report?.clone?.doneBytes ?? lastBytes;
    if (doneBytes !== lastBytes) movedAtMs = clock.monotonicMs();
    lastBytes = doneBytes;
    if (clock.monotonicMs() - movedAtMs <= stallMs) return undefined;
    const detail = report?.detail ?? 'it does not answer';
    throw new QuantaError(
      'DEADLINE_EXCEEDED',
      `${member.name} made no progress for ${stallMs / 1000} s: ${detail}`,
    );
  };
  const limits = { timeoutMs: 24 * 3_600_000, intervalMs: 250, signal, clock };
  await pollUntil(streams, { what: `${member.name} streams`, ...limits });
  return ((clock.monotonicMs() - startedMs) / 1000).toFixed(1);
}
