import type { DurabilityMode, SyncSetting } from '../contract/cluster-state.ts';

/** What PostgreSQL is told about whom a commit waits for. */
export interface SynchronousSettings {
  synchronousStandbyNames: string;
  synchronousCommit: 'on' | 'local';
}

/** Which of a cluster's sync sets this is: PostgreSQL never goes back to an earlier one. */
export interface SynchronousMark {
  clusterId: string;
  move: number;
}

/** What PostgreSQL is to wait for, as the log says it. */
export interface SynchronousOrder {
  set: SyncSetting;
  mode: DurabilityMode;
  mark: SynchronousMark;
}

/**
 * Whether `mark` is older than what PostgreSQL was last told. A daemon that has just started may know less of the log
 * than its predecessor did, and a call of an old decider may come late.
 */
export function isSuperseded(mark: SynchronousMark, last: SynchronousMark | null): boolean {
  return last !== null && last.clusterId === mark.clusterId && last.move > mark.move;
}

/** Standbys that are well confirm within a round trip; statements that began before commits waited may run for long. */
export function confirmDeadlineMs(isFirst: boolean): number {
  return isFirst ? 25_000 : 3000;
}

/** No node can be called this (names have no spaces), so a commit that waits for it waits until the set changes. */
const nobody = 'quantadb nobody';

/**
 * The rule for `synchronous_standby_names` (pure). It is set in every mode, so that a single connection can ask for more
 * than the cluster's default; in `async` mode the default is what does not wait. A set that demands more than it has
 * must block, so it is never rendered as the empty setting, which would release the waiting commits as successes.
 */
export function renderSynchronous(set: SyncSetting, mode: DurabilityMode): SynchronousSettings {
  const synchronousCommit = mode === 'async' ? 'local' : 'on';
  if (set.count === 0) return { synchronousStandbyNames: '', synchronousCommit };
  const names = set.standbys.length === 0 ? [nobody] : [...set.standbys].sort();
  const quoted = names.map((name) => `"${name.replaceAll('"', '""')}"`).join(', ');
  return { synchronousStandbyNames: `ANY ${set.count} (${quoted})`, synchronousCommit };
}
