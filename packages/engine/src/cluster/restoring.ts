import type { ClusterState } from '../contract/cluster-state.ts';

/** What a restore in place means for everybody else (pure). */

/** Its copy takes the place of the cluster's data right now: nobody is elected, nothing of the sync set moves, nobody is read. */
export function isBeingReplaced({ restoring }: Pick<ClusterState, 'restoring'>): boolean {
  return restoring?.phase === 'placing' || restoring?.phase === 'opening';
}

/** What a node whose data directories were moved for a restore has to do about them. */
export type SwapVerdict =
  /** It runs: the step that stands says what comes next. */
  | 'stay'
  /** The copy counts: the former data is only kept. */
  | 'finish'
  /** The former data counts. */
  | 'take-back'
  /** The log read here does not know yet. */
  | 'wait';

export function swapVerdict(state: ClusterState | null, id: string): SwapVerdict {
  if (!state) return 'wait';
  if (state.restoring?.id === id) return 'stay';
  const past = state.pastRestores?.find((each) => each.id === id);
  if (!past) return 'wait';
  return past.outcome === 'restored' ? 'finish' : 'take-back';
}
