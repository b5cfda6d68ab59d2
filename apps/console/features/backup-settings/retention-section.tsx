import type { AppRouter } from '@quantadb/api/client-types';
import { bytesText } from '@quantadb/ui/charts/units';
import { Failed } from '@quantadb/ui/patterns/states';
import { Status } from '@quantadb/ui/patterns/status';
import { type Column, Table } from '@quantadb/ui/patterns/table';
import { TextField } from '@quantadb/ui/primitives/field';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useQuery } from '@tanstack/react-query';
import type { inferRouterOutputs } from '@trpc/server';
import { useTimes } from '../../lib/time.ts';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import { goesText } from '../backups/backups-table.tsx';
import { type Config, type Draft, retentionOf, type Tier, tierNames } from './draft.ts';

type Row = inferRouterOutputs<AppRouter>['backups']['previewRetention'][number];

interface SectionProps {
  clusterId: string;
  draft: Draft;
  config: Config | null;
  onChange(changes: Partial<Draft>): void;
}

const tierWords: Record<Tier, string> = {
  ...{ daily: 'Daily', weekly: 'Weekly', monthly: 'Monthly', yearly: 'Yearly' },
};

/** How long backups stay in one repository. */
export function RetentionFields({ draft, onChange }: Pick<SectionProps, 'draft' | 'onChange'>) {
  return (
    <>
      <div className="grid items-start gap-3 sm:grid-cols-2">
        <TextField
          label="Newest full backups to keep"
          inputMode="numeric"
          value={draft.fullCount}
          hint="With everything that is built on them, and all WAL since."
          onChange={(event) => onChange({ fullCount: event.target.value })}
        />
        <TextField
          label="Days to be able to restore to any moment of"
          inputMode="numeric"
          value={draft.days}
          placeholder="by count only"
          onChange={(event) => onChange({ days: event.target.value })}
        />
      </div>
      <div className="mt-3 grid grid-cols-2 gap-3 sm:grid-cols-4">
        {tierNames.map((tier) => (
          <TextField
            key={tier}
            label={`${tierWords[tier]} full backups`}
            inputMode="numeric"
            value={draft.tiers[tier]}
            onChange={(event) => onChange({ tiers: { ...draft.tiers, [tier]: event.target.value } })}
          />
        ))}
      </div>
      <p className="mt-2 text-ink-faint text-xs">
        Beyond those: the newest full backup of so many days, weeks, months and years. The newest good full
        backup always stays, and so does whatever is held.
      </p>
    </>
  );
}

/** How long backups stay, and what the rules would do to those there are. */
export function RetentionSection({ clusterId, draft, config, onChange }: SectionProps) {
  return (
    <Panel title="Retention">
      <RetentionFields draft={draft} onChange={onChange} />
      {config ? <RetentionPreview clusterId={clusterId} draft={draft} number={1} /> : null}
    </Panel>
  );
}

/** Of one repository: each has backups and rules of its own. */
export function RetentionPreview({
  clusterId,
  draft,
  number,
}: {
  clusterId: string;
  draft: Draft;
  number: number;
}) {
  const trpc = useTRPC();
  const times = useTimes();
  const retention = retentionOf(draft);
  const preview = useQuery({
    ...trpc.backups.previewRetention.queryOptions({
      clusterId,
      retention: retention ?? { fullCount: 1 },
      repository: number,
    }),
    enabled: retention !== null,
    placeholderData: (last) => last,
  });
  if (retention === null)
    return <p className="mt-3 text-critical text-xs">Whole numbers, and at least one full backup.</p>;
  if (preview.error) return <Failed {...problemOf(preview.error)} onRetry={() => void preview.refetch()} />;
  if (!preview.data) return <p className="mt-3 text-ink-faint text-xs">Looking at what is stored…</p>;
  const lost = preview.data.filter(({ today, changed }) => today.goes !== null && changed.goes === null);
  const columns: Column<Row>[] = [
    { key: 'label', header: 'Backup', cell: ({ label }) => <code className="text-xs">{label}</code> },
    {
      key: 'size',
      header: 'Stored',
      isNumeric: true,
      isMinor: true,
      cell: ({ repositoryBytes }) => bytesText(repositoryBytes),
    },
    { key: 'today', header: 'Goes now', isMinor: true, cell: ({ today }) => goesText(today, times.moment) },
    {
      key: 'changed',
      header: 'Would go',
      cell: ({ today, changed }) => (
        <Status tone={changed.goes !== null ? 'good' : today.goes === null ? 'muted' : 'warning'}>
          {goesText(changed, times.moment)}
        </Status>
      ),
    },
    { key: 'why', header: 'Because', isMinor: true, cell: ({ changed }) => changed.because.join(', ') },
  ];
  return (
    <div className="mt-4">
      <p className="mb-2 text-[0.8125rem]" aria-live="polite">
        {preview.data.length === 0 ? 'There are no backups yet.' : null}
        {preview.data.length > 0 && lost.length === 0
          ? 'By these rules no backup goes that would stay now.'
          : null}
        {lost.length > 0
          ? `By these rules ${lost.length} ${lost.length === 1 ? 'backup goes' : 'backups go'} with the next one that is made: ${bytesText(lost.reduce((sum, { repositoryBytes }) => sum + repositoryBytes, 0))}.`
          : null}
      </p>
      {preview.data.length > 0 ? (
        <Table
          caption="What becomes of the backups"
          columns={columns}
          rows={preview.data}
          keyOf={({ label }) => label}
        />
      ) : null}
    </div>
  );
}
