import { pollUntil } from '@quantadb/engine/shared/deadline';
import type { RealCluster } from './real-cluster.ts';
import { nowTold } from './told-alerts.ts';

/** What becomes of routers when their daemon is replaced. */

/** @param whileAway what is done between the end of the former daemon and the start of the next */
export async function replaceDaemon(
  cluster: RealCluster,
  node: string,
  whileAway: () => Promise<unknown> = async () => undefined,
): Promise<void> {
  const host = cluster.host(node);
  host.daemon?.kill('SIGTERM');
  await pollUntil(async () => host.daemon === null || undefined, {
    ...{ what: `the daemon of ${node} has ended`, timeoutMs: 10_000, intervalMs: 20 },
  });
  await whileAway();
  await cluster.startDaemon(node);
}

/** Whatever is to take the place of the former processes is killed before it is ready. @returns what is told of that */
export async function untilHeldUp(
  cluster: RealCluster,
  { node, former }: { node: string; former: readonly number[] },
): Promise<string> {
  const told = async () => {
    const { pids } = await cluster.host(node).client.node();
    for (const pid of pids.routers.filter((each) => !former.includes(each))) end(pid);
    const words = await nowTold(cluster, 'router-not-replaced', { via: node });
    // At first it is only not ready yet.
    return words?.includes('ended') ? words : undefined;
  };
  return pollUntil(told, { what: 'it is told of', timeoutMs: 30_000, intervalMs: 10 });
}

/** It may have ended by itself in between. */
function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
