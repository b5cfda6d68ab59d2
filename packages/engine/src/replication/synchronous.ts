import type { DurabilityMode, SyncSet } from '../contract/cluster-state.ts';

/** What PostgreSQL is told about whom a commit waits for. */
export interface SynchronousSettings {
  synchronousStandbyNames: string;
  synchronousCommit: 'on' | 'local';
}

/** No node can be called this (names have no spaces), so a commit that waits for it waits until the set changes. */
const nobody = 'quantadb nobody';

/**
 * The rule for `synchronous_standby_names` (pure). It is set in every mode, so that a single connection can ask for more
 * than the cluster's default; in `async` mode the default is what does not wait. A set that demands more than it has
 * must block, so it is never rendered as the empty setting, which would release the waiting commits as successes.
 */
export function renderSynchronous(
  set: Pick<SyncSet, 'standbys' | 'count'>,
  mode: DurabilityMode,
): SynchronousSettings {
  const synchronousCommit = mode === 'async' ? 'local' : 'on';
  if (set.count === 0) return { synchronousStandbyNames: '', synchronousCommit };
  const names = set.standbys.length === 0 ? [nobody] : [...set.standbys].sort();
  const quoted = names.map((name) => `"${name.replaceAll('"', '""')}"`).join(', ');
  return { synchronousStandbyNames: `ANY ${set.count} (${quoted})`, synchronousCommit };
}
