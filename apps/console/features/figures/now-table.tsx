'use client';

import { bytesText } from '@quantadb/ui/charts/units';
import { Stale } from '@quantadb/ui/patterns/stale';
import { Empty, Failed, Loading } from '@quantadb/ui/patterns/states';
import { Status } from '@quantadb/ui/patterns/status';
import { type Column, Table } from '@quantadb/ui/patterns/table';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useQuery } from '@tanstack/react-query';
import { consoleNowMs } from '../../lib/ages.ts';
import { type ClusterNow, useNow } from '../../lib/live.tsx';
import { problemOf, spanKeptMs, useTRPC } from '../../lib/trpc.ts';
import { type Metric, newestOf, numberText, secondsText, shareText } from './charts.ts';

const shown: Metric[] = [
  ...(['cpuShare', 'memoryAvailableBytes', 'memoryTotalBytes', 'diskFreeBytes', 'diskTotalBytes'] as const),
  ...(['diskFullSeconds', 'clients', 'clientsMax', 'longestTransactionSeconds', 'transactionIdAge'] as const),
  ...(['databaseBytes', 'slotBytes'] as const),
];
const lookBackMs = 60_000;
const refetchMs = 5_000;
/** Figures are told, kept and asked for every few seconds each. */
const staleAfterMs = 20_000;
/** The same as in the usual alert rules, so that a mark here and an alert do not contradict each other. */
const diskFullTold = { seconds: 24 * 3600, warning: 6 * 3600, critical: 3600 };
const diskFreeShareMin = 0.15;
const clientsShareMax = 0.9;
const transactionIdAges = { warning: 500_000_000, critical: 1_500_000_000 };

type Row = ReturnType<typeof newestOf>[number];

/** How every node is right now, with what needs somebody. */
export function NowTable({ clusterId, told }: { clusterId: string; told: ClusterNow['told'] }) {
  const trpc = useTRPC();
  // Figures have their moments from the console.
  const nowMs = consoleNowMs(told, useNow(1000));
  const toMs = Math.ceil(nowMs / refetchMs) * refetchMs;
  const input = {
    ...{ clusterId, names: shown.join(',') },
    ...{ from: new Date(toMs - lookBackMs).toISOString(), to: new Date(toMs).toISOString() },
  };
  const stored = useQuery({
    ...trpc.clusters.figures.queryOptions(input),
    gcTime: spanKeptMs,
    placeholderData: (last) => last,
  });
  const { data, error } = stored;
  const rows = data ? newestOf(data) : [];
  const silent = (told?.status.nodes ?? []).filter(({ name }) => !rows.some(({ node }) => node === name));
  return (
    <Panel title="Now" isFlush>
      {!data && !error ? <Loading label="Loading what the nodes tell" /> : null}
      {error ? <Failed {...problemOf(error)} onRetry={() => void stored.refetch()} /> : null}
      {data && rows.length === 0 ? <Empty title="No node has told anything in the last minute" /> : null}
      {rows.length > 0 ? (
        <Stale ageMs={Math.max(0, nowMs - Math.max(...rows.map(({ atMs }) => atMs)))} afterMs={staleAfterMs}>
          <Table caption="Every node now" columns={columns} rows={rows} keyOf={({ node }) => node} />
        </Stale>
      ) : null}
      {rows.length > 0 && silent.length > 0 ? (
        <p className="px-4 py-2 text-ink-soft text-xs">
          Nothing was heard in the last minute of {silent.map(({ name }) => name).join(', ')}.
        </p>
      ) : null}
    </Panel>
  );
}

const columns: Column<Row>[] = [
  { key: 'node', header: 'Node', cell: ({ node }) => <span className="font-medium">{node}</span> },
  { key: 'cpu', header: 'CPU', isNumeric: true, cell: ({ values }) => shareText(values.cpuShare ?? null) },
  {
    key: 'memory',
    header: 'Memory available',
    isNumeric: true,
    cell: ({ values }) => ofTotal(values.memoryAvailableBytes, values.memoryTotalBytes),
  },
  { key: 'disk', header: 'Disk free', isNumeric: true, cell: ({ values }) => <Disk values={values} /> },
  { key: 'clients', header: 'Clients', isNumeric: true, cell: ({ values }) => <Clients values={values} /> },
  {
    key: 'transaction',
    header: 'Oldest transaction',
    isNumeric: true,
    isMinor: true,
    cell: ({ values }) => secondsText(values.longestTransactionSeconds ?? null),
  },
  {
    key: 'age',
    header: 'Transaction id age',
    isNumeric: true,
    isMinor: true,
    cell: ({ values }) => <TransactionIdAge values={values} />,
  },
  {
    key: 'slots',
    header: 'WAL kept for slots',
    isNumeric: true,
    isMinor: true,
    cell: ({ values }) => bytesText(values.slotBytes ?? null),
  },
  {
    key: 'size',
    header: 'Databases',
    isNumeric: true,
    isMinor: true,
    cell: ({ values }) => bytesText(values.databaseBytes ?? null),
  },
];

function ofTotal(part: number | undefined, total: number | undefined): string {
  if (part === undefined) return '–';
  return total === undefined ? bytesText(part) : `${bytesText(part)} of ${bytesText(total)}`;
}

function Disk({ values }: { values: Row['values'] }) {
  const { diskFreeBytes, diskTotalBytes, diskFullSeconds } = values;
  const text = ofTotal(diskFreeBytes, diskTotalBytes);
  if (diskFullSeconds !== undefined && diskFullSeconds < diskFullTold.seconds) {
    const words = `${text}, full in ${secondsText(diskFullSeconds)} at this rate`;
    if (diskFullSeconds >= diskFullTold.warning) return words;
    return <Status tone={diskFullSeconds < diskFullTold.critical ? 'critical' : 'warning'}>{words}</Status>;
  }
  const isLow =
    diskFreeBytes !== undefined &&
    diskTotalBytes !== undefined &&
    diskFreeBytes < diskTotalBytes * diskFreeShareMin;
  return isLow ? <Status tone="warning">{text}</Status> : text;
}

function Clients({ values: { clients, clientsMax } }: { values: Row['values'] }) {
  if (clients === undefined) return '–';
  const text = `${numberText(clients)} of ${numberText(clientsMax ?? null)}`;
  const isNearlyFull = clientsMax !== undefined && clients >= clientsMax * clientsShareMax;
  return isNearlyFull ? <Status tone="warning">{text}</Status> : text;
}

function TransactionIdAge({ values: { transactionIdAge } }: { values: Row['values'] }) {
  const text = numberText(transactionIdAge ?? null);
  const age = transactionIdAge ?? 0;
  if (age <= transactionIdAges.warning) return text;
  return <Status tone={age > transactionIdAges.critical ? 'critical' : 'warning'}>{text}</Status>;
}
