import { durationText } from '@quantadb/ui/charts/units';
import { Status } from '@quantadb/ui/patterns/status';
import { type Column, Table } from '@quantadb/ui/patterns/table';
import { type Look, type Rates, type Router, ratesOf, toneOf, troubleOf } from './traffic.ts';

interface Row extends Router {
  rates: Rates | null;
}

const columns: Column<Row>[] = [
  { key: 'node', header: 'Router', cell: ({ node }) => <span className="font-medium">{node}</span> },
  { key: 'address', header: 'Clients dial', cell: ({ address }) => <code>{address}</code> },
  {
    key: 'state',
    header: 'State',
    cell: (row) => {
      const { tone, words } = toneOf(row);
      return <Status tone={tone}>{words}</Status>;
    },
  },
  {
    key: 'clients',
    header: 'Clients',
    isNumeric: true,
    cell: ({ traffic }) => traffic?.clients ?? '–',
  },
  {
    key: 'busy',
    header: 'In transactions',
    isNumeric: true,
    isMinor: true,
    cell: ({ traffic }) => traffic?.busy ?? '–',
  },
  {
    key: 'servers',
    header: 'Server connections',
    isNumeric: true,
    isMinor: true,
    cell: ({ traffic }) => traffic?.servers ?? '–',
  },
  {
    key: 'statements',
    header: 'Statements/s',
    isNumeric: true,
    cell: ({ rates }) => (rates ? Math.round(rates.statements).toLocaleString('en-GB') : '–'),
  },
  {
    key: 'standbys',
    header: 'By standbys',
    isNumeric: true,
    isMinor: true,
    cell: ({ rates }) =>
      rates === null || rates.replicaShare === null ? '–' : `${Math.round(rates.replicaShare * 100)} %`,
  },
  {
    key: 'wait',
    header: 'Wait',
    isNumeric: true,
    isMinor: true,
    cell: ({ rates }) => durationText(rates?.waitMs ?? null),
  },
  {
    key: 'trouble',
    header: 'Since its start',
    isMinor: true,
    cell: ({ traffic }) => {
      const trouble = traffic ? troubleOf(traffic) : [];
      return <span className="block min-w-64 text-ink-soft text-xs">{trouble.join('; ')}</span>;
    },
  },
];

export function RoutersTable({ routers, looks }: { routers: Router[]; looks: Look[] }) {
  const rows = routers.map((router) => ({ ...router, rates: ratesOf(looks, router.node) }));
  return <Table caption="Routers of the cluster" columns={columns} rows={rows} keyOf={({ node }) => node} />;
}
