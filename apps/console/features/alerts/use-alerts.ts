import { useQuery } from '@tanstack/react-query';
import { useTRPC } from '../../lib/trpc.ts';

/** Changes are told at once; sentences with their numbers are fetched anew now and then. */
const refetchMs = 10_000;

export function useFiringAlerts() {
  const trpc = useTRPC();
  return useQuery({ ...trpc.alerts.firing.queryOptions({}), refetchInterval: refetchMs });
}
