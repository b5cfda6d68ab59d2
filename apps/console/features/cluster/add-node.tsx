'use client';

import { Button } from '@quantadb/ui/primitives/button';
import { Menu } from '@quantadb/ui/primitives/menu';
import { useQuery } from '@tanstack/react-query';
import { Plus } from 'lucide-react';
import { useRouter } from 'next/navigation';
import { useTRPC } from '../../lib/trpc.ts';
import type { Intent } from '../operations/intent.ts';
import { useMay } from '../shell/me.ts';

/** Makes a host that is in no cluster a standby of this one; without any, the way to one. */
export function AddNode({ onChoose }: { onChoose(intent: Intent): void }) {
  const trpc = useTRPC();
  const may = useMay();
  const router = useRouter();
  const hosts = useQuery(trpc.hosts.list.queryOptions({}));
  if (!may.operate) return null;
  const spare = hosts.data?.filter((host) => host.state === 'available') ?? [];
  const items =
    spare.length > 0
      ? spare.map((host) => ({
          label: host.name,
          onSelect: () => onChoose({ kind: 'add-node', host: host.name }),
        }))
      : [{ label: 'No host is spare: enrol one…', onSelect: () => router.push('/hosts') }];
  return (
    <Menu items={items} trigger={<Button icon={<Plus size={14} aria-hidden />}>Add a spare host</Button>} />
  );
}
