import { messageOf } from '@quantadb/engine/shared/errors';
import type { Logger } from '@quantadb/engine/shared/logger';

/**
 * What a start can do without, because the lease waits for it, but a running daemon cannot: an upgrade replaces the files under it,
 * and what it looked for only then might be gone, or be of another release. Whoever needs one asks by `import()` as before,
 * and gets what was loaded here.
 */
const lateModules: readonly (() => Promise<unknown>)[] = [
  () => import('@quantadb/engine/monitor/metrics'),
  () => import('@quantadb/engine/monitor/figures/prometheus'),
  () => import('./console-link.ts'),
  () => import('@quantadb/engine/security/pki'),
];

/** One after the other: between two of them the daemon does what is due. One that is not there is told of, and missed when needed. */
export async function loadLateModules(logger: Pick<Logger, 'error'>): Promise<void> {
  for (const load of lateModules)
    try {
      await load();
    } catch (error) {
      logger.error({ error: messageOf(error) }, 'a part of the daemon could not be loaded');
    }
}
