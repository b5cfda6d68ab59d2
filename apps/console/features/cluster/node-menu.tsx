import type { NodeStatus } from '@quantadb/api/client-types';
import { Button } from '@quantadb/ui/primitives/button';
import { Menu } from '@quantadb/ui/primitives/menu';
import { MoreHorizontal } from 'lucide-react';
import type { Intent } from '../operations/intent.ts';
import { useMay } from '../shell/me.ts';

interface NodeMenuProps {
  node: NodeStatus;
  /** Every node of its cluster. */
  nodes: NodeStatus[];
  onChoose(intent: Intent): void;
}

export function NodeMenu({ node, nodes, onChoose }: NodeMenuProps) {
  const may = useMay();
  if (!may.operate) return null;
  if (node.kind !== 'data') return <NoDataMenu node={node} onChoose={onChoose} />;
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
      label: node.policy.noFailover ? 'Let it become primary…' : 'Never make it primary…',
      onSelect: () =>
        onChoose({ kind: 'set-node', node: node.name, change: { noFailover: !node.policy.noFailover } }),
    },
    {
      label: node.policy.noLoadBalance ? 'Send reads to it…' : 'Send no reads to it…',
      onSelect: () =>
        onChoose({
          kind: 'set-node',
          node: node.name,
          change: { noLoadBalance: !node.policy.noLoadBalance },
        }),
    },
    ...apartItems({ node, nodes, onChoose }),
    {
      label: 'Restart PostgreSQL…',
      disabledBecause: isPrimary ? 'Switch over first, or restart every node.' : null,
      onSelect: () => onChoose({ kind: 'restart-node', node: node.name }),
    },
    {
      label: 'Clone anew…',
      isDanger: true,
      disabledBecause: isPrimary ? 'Switch over first.' : null,
      onSelect: () => onChoose({ kind: 'reinitialise-node', node: node.name }),
    },
    {
      label: 'Remove from the cluster…',
      isDanger: true,
      disabledBecause: isPrimary ? 'Switch over first.' : null,
      onSelect: () => onChoose({ kind: 'remove-node', node: node.name }),
    },
  ];
  return <Menu items={items} trigger={triggerFor(node.name)} />;
}

/** Whom it streams from, and whether it is late on purpose. What cannot be is refused by the plan, which says why. */
function apartItems({ node, nodes, onChoose }: NodeMenuProps) {
  if (node.role !== 'standby') return [];
  const choose = (change: Extract<Intent, { kind: 'set-node' }>['change']) =>
    onChoose({ kind: 'set-node', node: node.name, change });
  const isDelayed = (node.policy.applyDelayMs ?? 0) > 0;
  const delay = {
    label: isDelayed ? 'End its delay…' : 'Keep it behind…',
    onSelect: () => choose({ applyDelayMs: isDelayed ? 0 : 3_600_000 }),
  };
  if (node.policy.upstream)
    return [{ label: 'Stream from the primary…', onSelect: () => choose({ upstream: null }) }, delay];
  const upstreams = nodes.filter(({ name, role }) => role === 'standby' && name !== node.name);
  const cascades = upstreams.map(({ name }) => ({
    label: `Stream from ${name}…`,
    onSelect: () => choose({ upstream: name }),
  }));
  return [...cascades, delay];
}

/** It runs no PostgreSQL: all there is to do is to take it out. */
function NoDataMenu({ node, onChoose }: { node: NodeStatus; onChoose(intent: Intent): void }) {
  const remove = () => onChoose({ kind: 'remove-node', node: node.name });
  const items = [{ label: 'Remove from the cluster…', isDanger: true, onSelect: remove }];
  return <Menu items={items} trigger={triggerFor(node.name)} />;
}

function triggerFor(name: string) {
  return (
    <Button tone="quiet" aria-label={`Actions for ${name}`} icon={<MoreHorizontal size={16} aria-hidden />} />
  );
}
