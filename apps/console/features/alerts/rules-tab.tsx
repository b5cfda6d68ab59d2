'use client';

import { Failed, Loading } from '@quantadb/ui/patterns/states';
import { Badge } from '@quantadb/ui/patterns/status';
import { type Column, Table } from '@quantadb/ui/patterns/table';
import { Button } from '@quantadb/ui/primitives/button';
import { Panel } from '@quantadb/ui/primitives/panel';
import { Words } from '@quantadb/ui/primitives/words';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useLive } from '../../lib/live.tsx';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import { useMay } from '../shell/me.ts';
import { EditRule } from './edit-rule.tsx';
import { limitText } from './limits.ts';
import { WhoGets } from './who-gets.tsx';
import { type Rule, severityTones } from './words.ts';

/** Every rule, as it holds for all clusters. */
export function RulesTab() {
  const trpc = useTRPC();
  const may = useMay();
  const rules = useQuery(trpc.alertRules.list.queryOptions({}));
  const [edited, setEdited] = useState<Rule | null>(null);
  const columns: Column<Rule>[] = [
    {
      key: 'title',
      header: 'Rule',
      cell: (row) => (
        <div className="whitespace-normal">
          <span className="font-medium">{row.title}</span>
          <p className="max-w-prose text-ink-faint text-xs">
            <Words text={row.runbook.means} />
          </p>
          <Who rule={row} />
        </div>
      ),
    },
    {
      key: 'severity',
      header: 'Severity',
      cell: (row) => {
        const now = forAll(row);
        if (now.isOn === false) return <Badge tone="muted">off</Badge>;
        const severity = now.severity ?? row.severity;
        return <Badge tone={severityTones[severity]}>{severity}</Badge>;
      },
    },
    {
      key: 'limits',
      header: 'When',
      cell: (row) => <Limits rule={row} />,
      isMinor: true,
    },
    {
      key: 'changed',
      header: 'Changed',
      cell: (row) => {
        const clusters = row.changed.filter(({ clusterId }) => clusterId !== null).length;
        const all = row.changed.length > clusters;
        return [all ? 'for all' : null, clusters > 0 ? `for ${clusters} of the clusters` : null]
          .filter((part) => part !== null)
          .join(', ');
      },
      isMinor: true,
    },
    {
      key: 'actions',
      header: '',
      cell: (row) =>
        may.administer ? (
          <Button onClick={() => setEdited(row)}>
            Change…<span className="sr-only"> {row.title}</span>
          </Button>
        ) : null,
    },
  ];
  return (
    <Panel isFlush>
      {rules.isPending ? <Loading label="Loading rules" /> : null}
      {rules.error ? <Failed {...problemOf(rules.error)} onRetry={() => void rules.refetch()} /> : null}
      {rules.data ? (
        <Table caption="Rules" columns={columns} rows={rules.data} keyOf={(row) => row.id} />
      ) : null}
      {edited ? <EditRule rule={edited} onClose={() => setEdited(null)} /> : null}
    </Panel>
  );
}

/** Asked for only when somebody wants to know. */
function Who({ rule }: { rule: Rule }) {
  const [isOpen, setOpen] = useState(false);
  const { clusters } = useLive();
  const clusterIds = rule.of === 'installation' ? [] : [...clusters.keys()];
  return (
    <details className="mt-1" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary className="cursor-pointer text-accent text-xs">
        Who gets this<span className="sr-only">: {rule.title}</span>
      </summary>
      {isOpen ? <EachCluster rule={rule} clusterIds={clusterIds} /> : null}
    </details>
  );
}

function EachCluster({ rule, clusterIds }: { rule: Rule; clusterIds: string[] }) {
  const { clusters } = useLive();
  if (clusterIds.length === 0) return <WhoGets rule={rule.id} clusterId={null} />;
  return clusterIds.map((id) => (
    <div key={id} className="mt-1">
      {clusterIds.length > 1 ? <p className="font-medium text-xs">{clusters.get(id)?.status.name}</p> : null}
      <WhoGets rule={rule.id} clusterId={id} />
    </div>
  ));
}

function forAll(rule: Rule) {
  return rule.changed.find(({ clusterId }) => clusterId === null)?.settings ?? {};
}

function Limits({ rule }: { rule: Rule }) {
  const now = forAll(rule);
  const lines = Object.entries(rule.limits).map(
    ([name, limit]) => `${limit.words} ${limitText(now.limits?.[name] ?? limit.usual, limit.unit)}`,
  );
  const forSeconds = now.forSeconds ?? rule.forSeconds;
  lines.push(forSeconds > 0 ? `Told after ${limitText(forSeconds, 'seconds')}` : 'Told at once');
  return (
    <ul className="text-xs">
      {lines.map((line) => (
        <li key={line}>
          <Words text={line} />
        </li>
      ))}
    </ul>
  );
}
