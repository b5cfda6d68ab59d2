'use client';

import { Empty, Failed, Loading } from '@quantadb/ui/patterns/states';
import { useQuery } from '@tanstack/react-query';
import Link from 'next/link';
import { usePathname, useRouter, useSearchParams } from 'next/navigation';
import { useEffect } from 'react';
import { problemOf, useTRPC } from '../../lib/trpc.ts';

/**
 * An address that somebody typed or wrote down with a cluster's name, `/c/demo/backups`: leads to the same page of the one
 * cluster of that name. The address that is kept has the id, which no other cluster gets.
 */
export function ClusterByName({ name }: { name: string }) {
  const router = useRouter();
  const path = usePathname();
  const search = useSearchParams().toString();
  const trpc = useTRPC();
  const clusters = useQuery(trpc.clusters.list.queryOptions({}));
  const named = clusters.data?.filter((cluster) => cluster.name === name) ?? [];
  const id = named.length === 1 ? named[0]?.id : undefined;
  useEffect(() => {
    if (!id) return;
    const below = path.split('/').slice(3).join('/');
    router.replace(`/c/${id}${below ? `/${below}` : ''}${search ? `?${search}` : ''}`);
  }, [id, path, router, search]);
  if (clusters.error)
    return <Failed {...problemOf(clusters.error)} onRetry={() => void clusters.refetch()} />;
  if (clusters.isPending || id) return <Loading label={`Looking for the cluster ${name}`} />;
  return (
    <Empty
      title={
        named.length > 1
          ? `${named.length} clusters are named ${name}`
          : `There is no cluster ${name} that you may see`
      }
    >
      <p>
        <Link className="text-accent underline" href="/">
          All clusters
        </Link>
      </p>
    </Empty>
  );
}
