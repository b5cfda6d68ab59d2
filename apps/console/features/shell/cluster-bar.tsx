'use client';

import { Mark } from '@quantadb/ui/patterns/status';
import { Button } from '@quantadb/ui/primitives/button';
import { classes } from '@quantadb/ui/primitives/classes';
import { Menu } from '@quantadb/ui/primitives/menu';
import { ChevronsUpDown } from 'lucide-react';
import Link from 'next/link';
import { usePathname, useRouter } from 'next/navigation';
import { useLive } from '../../lib/live.tsx';
import { byAttention, healthTones } from '../cluster/words.ts';
import { clusterPages, pageOf } from './cluster-pages.ts';
import { useCurrentInView } from './use-current-in-view.ts';

/** Which cluster this is, another one at the same page, and the pages of it. */
export function ClusterBar({ clusterId }: { clusterId: string }) {
  const here = pageOf(usePathname(), clusterId);
  const row = useCurrentInView(here);
  return (
    <div className="flex flex-wrap items-center gap-x-3 gap-y-1 border-line border-b pb-2">
      <ClusterSwitcher clusterId={clusterId} here={here} />
      <nav ref={row} aria-label="Cluster" className="flex min-w-0 flex-1 gap-0.5 overflow-x-auto">
        {clusterPages.map(({ path, title }) => (
          <Link
            key={path}
            href={hrefOf(clusterId, path)}
            aria-current={path === here ? 'page' : undefined}
            className={classes(
              'whitespace-nowrap rounded-md px-2.5 py-1 text-[0.8125rem]',
              path === here ? 'bg-muted-soft font-medium' : 'text-ink-soft hover:text-ink',
            )}
          >
            {title}
          </Link>
        ))}
      </nav>
    </div>
  );
}

function ClusterSwitcher({ clusterId, here }: { clusterId: string; here: string }) {
  const router = useRouter();
  const { clusters } = useLive();
  const known = [...clusters.values()].sort((left, right) => byAttention(left.status, right.status));
  const current = clusters.get(clusterId);
  const name = current?.status.name ?? 'Cluster';
  return (
    <Menu
      trigger={
        <Button
          tone="quiet"
          aria-label={`Cluster ${name}; choose another one`}
          icon={<ChevronsUpDown size={14} aria-hidden />}
        >
          {current ? <Mark tone={healthTones[current.status.health]} /> : null}
          {name}
        </Button>
      }
      items={known.map((each) => ({
        label: each.status.name,
        onSelect: () => router.push(hrefOf(each.clusterId, here)),
        disabledBecause: each.clusterId === clusterId ? 'shown now' : null,
      }))}
    />
  );
}

function hrefOf(clusterId: string, path: string): string {
  return path === '' ? `/c/${clusterId}` : `/c/${clusterId}/${path}`;
}
