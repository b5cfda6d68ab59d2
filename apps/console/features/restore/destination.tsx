import { Empty, Failed, Loading } from '@quantadb/ui/patterns/states';
import { Button } from '@quantadb/ui/primitives/button';
import { SelectField, TextField } from '@quantadb/ui/primitives/field';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useQuery } from '@tanstack/react-query';
import Link from 'next/link';
import { useState } from 'react';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import type { Target } from '../backups/prepare.ts';
import type { Intent } from '../operations/intent.ts';

const hostsRefetchMs = 5000;
const namePattern = /^[a-z][a-z0-9-]{0,39}$/;

export interface Wanted {
  cluster: string;
  host: string;
  target: Target;
}

interface DestinationProps {
  source: string;
  target: Target;
  onReview(wanted: Wanted): void;
  onChoose(intent: Intent): void;
}

/** Where the moment goes: into a cluster of its own, only for a look, or in the place of what the cluster has now. */
export function Destination({ source, target, onReview, onChoose }: DestinationProps) {
  return (
    <div className="grid items-start gap-4 lg:grid-cols-2">
      <NewCluster source={source} target={target} onReview={onReview} />
      <Panel title="Only look">
        <p className="text-[0.8125rem] text-ink-soft">
          The moment is opened in a scratch server on one of the nodes, for whoever is root or postgres there.
          It closes by itself after eight hours, and nothing else changes.
        </p>
        <Button
          className="mt-3"
          onClick={() => onChoose({ kind: 'start-backup', work: { kind: 'look', target } })}
        >
          Open it for a look…
        </Button>
      </Panel>
      <InPlace source={source} target={target} onChoose={onChoose} />
    </div>
  );
}

/** The last resort comes last, and says what it costs before anybody clicks. */
function InPlace({ source, target, onChoose }: Omit<DestinationProps, 'onReview'>) {
  return (
    <Panel title={`Back, where ${source} runs`} className="lg:col-span-2">
      <ul className="list-disc pl-5 text-[0.8125rem] text-ink-soft">
        <li>What was committed after the moment is given up, on every node.</li>
        <li>
          The moment is restored beside the data while {source} goes on; then every session ends, and writes
          stop for seconds.
        </li>
        <li>
          The data of now is kept beside it, and a restore point marks its end: both lead back. Standbys are
          rewound or copied anew, and a full backup begins.
        </li>
      </ul>
      <Button
        tone="danger"
        className="mt-3"
        onClick={() => onChoose({ kind: 'restore-in-place', target, confirm: null, insist: false })}
      >
        Take {source} back…
      </Button>
    </Panel>
  );
}

function NewCluster({ source, target, onReview }: Omit<DestinationProps, 'onChoose'>) {
  const trpc = useTRPC();
  const [cluster, setCluster] = useState(`${source}-restored`.slice(0, 40));
  const [chosen, setChosen] = useState('');
  const hosts = useQuery({ ...trpc.hosts.list.queryOptions({}), refetchInterval: hostsRefetchMs });
  const free = (hosts.data ?? []).filter(({ state, kind }) => state === 'available' && kind === 'data');
  const host = free.find(({ name }) => name === chosen)?.name ?? free[0]?.name ?? '';
  const isNamed = namePattern.test(cluster);
  return (
    <Panel title="Into a new cluster">
      {hosts.isPending ? <Loading label="Looking for free hosts" /> : null}
      {hosts.error && !hosts.data ? (
        <Failed {...problemOf(hosts.error)} onRetry={() => void hosts.refetch()} />
      ) : null}
      {hosts.data && free.length === 0 ? (
        <Empty title="No host is free">
          <p>
            A restore needs a host that is in no cluster.{' '}
            <Link className="text-accent underline" href="/hosts">
              Enrol one
            </Link>
            , or take one out of a cluster.
          </p>
        </Empty>
      ) : null}
      {free.length > 0 ? (
        <form
          className="flex flex-col gap-3"
          onSubmit={(event) => {
            event.preventDefault();
            if (isNamed) onReview({ cluster, host, target });
          }}
        >
          <TextField
            label="Name of the new cluster"
            value={cluster}
            error={isNamed ? null : 'Lower-case letters, digits and dashes, at most 40.'}
            onChange={(event) => setCluster(event.target.value)}
          />
          <SelectField label="On the host" value={host} onChange={(event) => setChosen(event.target.value)}>
            {free.map(({ name }) => (
              <option key={name}>{name}</option>
            ))}
          </SelectField>
          <p className="text-ink-faint text-xs">
            It has to reach the repository where the cluster does. Standbys are added afterwards, by a click
            each.
          </p>
          <div>
            <Button type="submit" tone="primary" disabled={!isNamed}>
              Review the restore…
            </Button>
          </div>
        </form>
      ) : null}
    </Panel>
  );
}
