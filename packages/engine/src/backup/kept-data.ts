import type { ClusterState } from '../contract/cluster-state.ts';
import { keptDirectory } from '../postgres/data-swap.ts';
import type { NodePlace } from '../postgres/layout.ts';

type PastRestore = NonNullable<ClusterState['pastRestores']>[number];

/**
 * Of what restores in place have kept on this node only the newest stays (pure). One that was taken back has kept nothing: its
 * directory, where there is one, is on its way back to where it came from.
 */
export function outdatedKept(
  past: readonly PastRestore[],
  { nodeName, dataDir }: Pick<NodePlace, 'nodeName' | 'dataDir'>,
): { newest: string | undefined; directories: string[] } {
  const restored = past.filter(({ node, outcome }) => node === nodeName && outcome === 'restored');
  const newest = restored.at(-1)?.id;
  const kept = keptDirectory(dataDir, newest ?? '');
  const each = new Set(restored.map(({ id }) => keptDirectory(dataDir, id)));
  return { newest, directories: [...each].filter((directory) => directory !== kept) };
}
