import { durationText } from '@quantadb/ui/charts/units';
import { Status, type Tone } from '@quantadb/ui/patterns/status';
import { type Column, Table } from '@quantadb/ui/patterns/table';
import { useTimes } from '../../lib/time.ts';
import { NetworkMatrix } from '../cluster/network.tsx';
import type { FailoverView } from './explain.ts';

type Witness = NonNullable<FailoverView['detection']['witnesses']>[number];

const columns: Column<Witness>[] = [
  { key: 'node', header: 'Voter', cell: (row) => <span className="font-medium">{row.node}</span> },
  { key: 'hears', header: 'Hears it serve', cell: (row) => <Told value={row.hears} /> },
  { key: 'answers', header: 'Its daemon answers', cell: (row) => <Told value={row.answers} /> },
  { key: 'detail', header: 'In words', cell: (row) => row.detail, isMinor: true },
];

/** What made it begin: the decider's own look, what the others said, who heard whom. */
export function Detection({ failover }: { failover: FailoverView }) {
  const times = useTimes();
  const said = (text: string) => times.sentence(text, failover.startedAtMs);
  const { silentForMs, detail, witnesses, network } = failover.detection;
  return (
    <div className="flex flex-col gap-3">
      <p>
        {said(failover.reason)}
        {detail && detail !== failover.reason ? `: ${said(detail)}` : ''}
        {silentForMs === null ? '' : ` (silent for ${durationText(silentForMs)})`}
      </p>
      {witnesses && witnesses.length > 0 ? (
        <Table
          caption="What every voter said of the primary"
          columns={columns}
          rows={witnesses}
          keyOf={(row) => row.node}
        />
      ) : null}
      {network && network.kind !== 'connected' ? (
        <div>
          <p className="mb-2 font-medium">{network.verdict}</p>
          <NetworkMatrix network={network} />
        </div>
      ) : null}
    </div>
  );
}

function Told({ value }: { value: boolean | null }) {
  const tone: Tone = value === null ? 'muted' : value ? 'good' : 'critical';
  return <Status tone={tone}>{value === null ? 'could not be asked' : value ? 'yes' : 'no'}</Status>;
}
