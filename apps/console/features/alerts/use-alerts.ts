import { useQuery } from '@tanstack/react-query';
import { useTRPC } from '../../lib/trpc.ts';

/** Changes are told at once; sentences with their numbers are fetched anew now and then. */
const refetchMs = 10_000;

export function useFiringAlerts() {
  const trpc = useTRPC();
  return useQuery({ ...trpc.alerts.firing.queryOptions({}), refetchInterval: refetchMs });
}

/** A look takes place every few seconds: without one for so long nothing is known of what happened since. */
const judgedMsMax = 60_000;

/** When all rules were last judged, by whichever console does that. */
export function useJudging(): { isBehind: boolean; ageMs: number | null } {
  const trpc = useTRPC();
  const { data } = useQuery({ ...trpc.alerts.judged.queryOptions({}), refetchInterval: refetchMs });
  const ageMs = data?.ageMs ?? null;
  return { isBehind: data !== undefined && (ageMs === null || ageMs > judgedMsMax), ageMs };
}
