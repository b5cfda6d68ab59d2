'use client';

import { Empty, Failed, Loading } from '@quantadb/ui/patterns/states';
import { Badge, Status } from '@quantadb/ui/patterns/status';
import { type Column, Table } from '@quantadb/ui/patterns/table';
import { Button } from '@quantadb/ui/primitives/button';
import { Dialog } from '@quantadb/ui/primitives/dialog';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import { useMay } from '../shell/me.ts';
import { NewChannel } from './new-channel.tsx';
import { RoutesPanel } from './routes-panel.tsx';
import type { Channel } from './words.ts';

const refetchMs = 10_000;

/** How people are reached, and which alerts go where. */
export function ChannelsTab() {
  const trpc = useTRPC();
  const may = useMay();
  const queries = useQueryClient();
  const [isMaking, setMaking] = useState(false);
  const channels = useQuery({ ...trpc.alertChannels.list.queryOptions({}), refetchInterval: refetchMs });
  const refresh = () => void queries.invalidateQueries({ queryKey: trpc.alertChannels.pathKey() });
  return (
    <>
      <Panel
        title="Channels"
        isFlush
        actions={may.administer ? <Button onClick={() => setMaking(true)}>New channel…</Button> : null}
      >
        {channels.isPending ? <Loading label="Loading channels" /> : null}
        {channels.error ? (
          <Failed {...problemOf(channels.error)} onRetry={() => void channels.refetch()} />
        ) : null}
        {channels.data?.length === 0 ? (
          <Empty title="Nobody is told">
            Alerts are shown here only, until there is a channel and a route to it.
          </Empty>
        ) : null}
        {channels.data && channels.data.length > 0 ? (
          <ChannelsTable channels={channels.data} onChange={refresh} />
        ) : null}
      </Panel>
      {channels.data && channels.data.length > 0 ? <RoutesPanel channels={channels.data} /> : null}
      {isMaking ? (
        <NewChannel
          onClose={() => {
            setMaking(false);
            refresh();
          }}
        />
      ) : null}
    </>
  );
}

function ChannelsTable({ channels, onChange }: { channels: Channel[]; onChange(): void }) {
  const trpc = useTRPC();
  const may = useMay();
  const test = useMutation(trpc.alertChannels.test.mutationOptions({ onSettled: onChange }));
  const set = useMutation(trpc.alertChannels.set.mutationOptions({ onSettled: onChange }));
  const [removed, setRemoved] = useState<Channel | null>(null);
  const problem = test.error ?? set.error;
  const columns: Column<Channel>[] = [
    { key: 'name', header: 'Channel', cell: (row) => <span className="font-medium">{row.name}</span> },
    { key: 'kind', header: 'Through', cell: (row) => `${row.kind}: ${row.shown.to ?? ''}` },
    { key: 'last', header: 'Last message', cell: (row) => <LastMessage channel={row} />, isMinor: true },
    {
      key: 'actions',
      header: '',
      cell: (row) =>
        may.administer ? (
          <span className="flex flex-wrap gap-2">
            <Button
              isBusy={test.isPending && test.variables?.id === row.id}
              onClick={() => test.mutate({ id: row.id })}
            >
              Send test<span className="sr-only"> through {row.name}</span>
            </Button>
            <Button onClick={() => set.mutate({ id: row.id, name: row.name, isOn: !row.isOn })}>
              {row.isOn ? 'Switch off' : 'Switch on'}
              <span className="sr-only"> {row.name}</span>
            </Button>
            <Button tone="danger" onClick={() => setRemoved(row)}>
              Remove…<span className="sr-only"> {row.name}</span>
            </Button>
          </span>
        ) : null,
    },
  ];
  return (
    <>
      {problem ? <Failed {...problemOf(problem)} /> : null}
      {test.data ? (
        <p role="status" className="px-4 py-2">
          <Status tone={test.data.ok ? 'good' : 'critical'}>{test.data.detail}</Status>
        </p>
      ) : null}
      <Table caption="Channels" columns={columns} rows={channels} keyOf={(row) => row.id} />
      {removed ? (
        <RemoveChannel channel={removed} onClose={() => setRemoved(null)} onDone={onChange} />
      ) : null}
    </>
  );
}

/** Its secret goes with it. */
function RemoveChannel({ channel, onClose, onDone }: { channel: Channel; onClose(): void; onDone(): void }) {
  const trpc = useTRPC();
  const remove = useMutation(
    trpc.alertChannels.remove.mutationOptions({ onSettled: onDone, onSuccess: onClose }),
  );
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={`Remove ${channel.name}`}
      footer={
        <>
          <Button onClick={onClose}>Keep it</Button>
          <Button tone="danger" isBusy={remove.isPending} onClick={() => remove.mutate({ id: channel.id })}>
            Remove it
          </Button>
        </>
      }
    >
      <p>
        Nobody is told through it any more, what waits for it is not sent, and its secret is forgotten. Routes
        that name it only tell nobody.
      </p>
      {remove.error ? <Failed {...problemOf(remove.error)} /> : null}
    </Dialog>
  );
}

function LastMessage({ channel: { isOn, last, waiting } }: { channel: Channel }) {
  if (!isOn) return <Badge tone="muted">off</Badge>;
  if (!last) return 'none yet';
  const tone = { waiting: 'working', sent: 'good', failed: 'critical' } as const;
  const more = waiting > 0 ? `, ${waiting} wait` : '';
  return (
    <Status
      tone={tone[last.state]}
    >{`${last.kind} ${last.state}${last.error ? `: ${last.error}` : ''}${more}`}</Status>
  );
}
