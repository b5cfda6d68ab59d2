import type { NodeStatus } from '@quantadb/api/client-types';
import { Button } from '@quantadb/ui/primitives/button';
import { Menu } from '@quantadb/ui/primitives/menu';
import { MoreHorizontal } from 'lucide-react';
import type { Intent } from '../operations/intent.ts';
import { useMay } from '../shell/me.ts';

export function NodeMenu({ node, onChoose }: { node: NodeStatus; onChoose(intent: Intent): void }) {
  const may = useMay();
  if (!may.operate) return null;
  const isPrimary = node.role === 'primary';
  const notPrimary = node.state === 'streaming' ? null : 'It does not stream now.';
  const items = [
    {
      label: 'Make it the primary…',
      disabledBecause: isPrimary
        ? 'It is the primary.'
        : node.maintenance
          ? 'It is in maintenance.'
          : notPrimary,
      onSelect: () => onChoose({ kind: 'switchover', to: node.name }),
    },
    {
      label: node.maintenance ? 'End maintenance…' : 'Maintenance…',
      disabledBecause: isPrimary ? 'Switch over first.' : null,
      onSelect: () =>
        onChoose({ kind: 'set-maintenance', node: node.name, on: node.maintenance ? null : { minutes: 60 } }),
    },
    {
      label: 'Remove from the cluster…',
      isDanger: true,
      disabledBecause: isPrimary ? 'Switch over first.' : null,
      onSelect: () => onChoose({ kind: 'remove-node', node: node.name }),
    },
  ];
  return (
    <Menu
      items={items}
      trigger={
        <Button
          tone="quiet"
          aria-label={`Actions for ${node.name}`}
          icon={<MoreHorizontal size={16} aria-hidden />}
        />
      }
    />
  );
}
