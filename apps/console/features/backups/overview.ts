import { useQuery } from '@tanstack/react-query';
import { useNow } from '../../lib/live.tsx';
import { problemOf, useTRPC } from '../../lib/trpc.ts';

const refetchMs = 5000;
const refetchBusyMs = 1000;

/** The cluster's backups as a node last told of them, oftener while something runs. */
export function useBackups(clusterId: string) {
  const trpc = useTRPC();
  const nowMs = useNow(1000);
  const query = useQuery({
    ...trpc.backups.get.queryOptions({ clusterId }),
    refetchInterval: ({ state }) => (state.data?.job ? refetchBusyMs : refetchMs),
  });
  return {
    overview: query.data ?? null,
    problem: query.error ? problemOf(query.error) : null,
    retry: () => void query.refetch(),
    ageMs: query.dataUpdatedAt === 0 ? null : Math.max(0, nowMs - query.dataUpdatedAt),
  };
}
