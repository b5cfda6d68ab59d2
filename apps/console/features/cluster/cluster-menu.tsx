'use client';

import { Button } from '@quantadb/ui/primitives/button';
import { Menu } from '@quantadb/ui/primitives/menu';
import { MoreHorizontal } from 'lucide-react';
import type { Intent } from '../operations/intent.ts';
import { useMay } from '../shell/me.ts';

type Durability = Extract<Intent, { kind: 'set-durability' }>['durability'];

const durabilities: Durability[] = [
  { mode: 'quorum', strictness: 'strict' },
  { mode: 'quorum', strictness: 'available' },
  { mode: 'all', strictness: 'strict' },
  { mode: 'async', strictness: 'available' },
];

/** What concerns the whole cluster. */
export function ClusterMenu({ onChoose }: { onChoose(intent: Intent): void }) {
  const may = useMay();
  if (!may.operate) return null;
  const items = [
    { label: 'Restart every node…', onSelect: () => onChoose({ kind: 'rolling-restart' }) },
    ...durabilities.map((durability) => ({
      label: `Durability: ${durability.mode}, ${durability.strictness}…`,
      onSelect: () => onChoose({ kind: 'set-durability', durability }),
    })),
  ];
  return (
    <Menu
      items={items}
      trigger={
        <Button
          tone="quiet"
          aria-label="Actions for the cluster"
          icon={<MoreHorizontal size={16} aria-hidden />}
        />
      }
    />
  );
}
