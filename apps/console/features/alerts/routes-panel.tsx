'use client';

import type { AppRouter } from '@quantadb/api/client-types';
import { Failed, Loading } from '@quantadb/ui/patterns/states';
import { Button } from '@quantadb/ui/primitives/button';
import { CheckField, SelectField, TextField } from '@quantadb/ui/primitives/field';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type { inferRouterInputs } from '@trpc/server';
import { useState } from 'react';
import { useLive } from '../../lib/live.tsx';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import { useMay } from '../shell/me.ts';
import { type Channel, severities } from './words.ts';

type Draft = inferRouterInputs<AppRouter>['alertChannels']['setRoutes']['rest'];

const newRoute: Draft = {
  ...{ name: 'Critical', severities: ['critical'], clusterIds: [], channelIds: [] },
  ...{ escalateMinutes: null, escalateChannelIds: [] },
};

/** Which alerts go where. An alert goes to every route that fits; what fits none goes to the last one. */
export function RoutesPanel({ channels }: { channels: Channel[] }) {
  const trpc = useTRPC();
  const may = useMay();
  const queries = useQueryClient();
  const stored = useQuery(trpc.alertChannels.routes.queryOptions({}));
  const [drafts, setDrafts] = useState<Draft[] | null>(null);
  const set = useMutation(
    trpc.alertChannels.setRoutes.mutationOptions({
      onSuccess: async () => {
        await queries.invalidateQueries({ queryKey: trpc.alertChannels.pathKey() });
        await queries.invalidateQueries({ queryKey: trpc.alerts.pathKey() });
        setDrafts(null);
      },
    }),
  );
  const routes: Draft[] =
    drafts ?? stored.data?.map(({ id: _id, isDefault: _isDefault, ...route }) => route) ?? [];
  const change = (at: number, next: Partial<Draft>) =>
    setDrafts(routes.map((route, index) => (index === at ? { ...route, ...next } : route)));
  const save = () => {
    const rest = routes.at(-1);
    if (rest) set.mutate({ routes: routes.slice(0, -1), rest });
  };
  return (
    <Panel
      title="Routes"
      isFlush
      actions={
        may.administer ? (
          <>
            <Button onClick={() => setDrafts([newRoute, ...routes])}>Add a route</Button>
            <Button tone="primary" disabled={!drafts} isBusy={set.isPending} onClick={save}>
              Save the routes
            </Button>
          </>
        ) : null
      }
    >
      {stored.isPending ? <Loading label="Loading routes" /> : null}
      {stored.error ? <Failed {...problemOf(stored.error)} onRetry={() => void stored.refetch()} /> : null}
      {set.error ? <Failed {...problemOf(set.error)} /> : null}
      <ol className="divide-y divide-line">
        {routes.map((route, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a route has no name of its own until it is saved
          <li key={at} className="px-4 py-3">
            <RouteFields
              route={route}
              channels={channels}
              isRest={at === routes.length - 1}
              onChange={(next) => change(at, next)}
              onRemove={() => setDrafts(routes.filter((_, index) => index !== at))}
            />
          </li>
        ))}
      </ol>
    </Panel>
  );
}

function toggled<Each>(list: readonly Each[], one: Each): Each[] {
  return list.includes(one) ? list.filter((each) => each !== one) : [...list, one];
}

interface RouteProps {
  route: Draft;
  channels: Channel[];
  isRest: boolean;
  onChange(next: Partial<Draft>): void;
  onRemove(): void;
}

function RouteFields(props: RouteProps) {
  const { route, channels, isRest, onChange } = props;
  const { administer } = useMay();
  const severityOf = (id: string) => severities.find((each) => each === id) ?? 'info';
  return (
    <fieldset disabled={!administer} className="grid gap-3 md:grid-cols-4">
      <legend className="sr-only">{route.name}</legend>
      {isRest ? <p className="font-medium">What no other route takes</p> : <Whose {...props} />}
      <Choices
        title="Severities"
        all={severities.map((each) => ({ id: each, name: each }))}
        chosen={route.severities}
        onToggle={(id) => onChange({ severities: toggled(route.severities, severityOf(id)) })}
      />
      <Choices
        title="Told to"
        all={channels}
        chosen={route.channelIds}
        onToggle={(id) => onChange({ channelIds: toggled(route.channelIds, id) })}
      />
      <Escalation {...props} />
    </fieldset>
  );
}

function Whose({ route, onChange, onRemove }: RouteProps) {
  const { administer } = useMay();
  const { clusters } = useLive();
  return (
    <div className="flex flex-col gap-2">
      <TextField
        label="Name"
        value={route.name}
        maxLength={100}
        onChange={(event) => onChange({ name: event.target.value })}
      />
      <SelectField
        label="Clusters"
        value={route.clusterIds[0] ?? ''}
        onChange={(event) => onChange({ clusterIds: event.target.value ? [event.target.value] : [] })}
      >
        <option value="">All</option>
        {[...clusters.values()].map(({ clusterId, status }) => (
          <option key={clusterId} value={clusterId}>
            {status.name}
          </option>
        ))}
      </SelectField>
      {administer ? <Button onClick={onRemove}>Remove the route</Button> : null}
    </div>
  );
}

function Escalation({ route, channels, onChange }: RouteProps) {
  const { escalateMinutes } = route;
  return (
    <div className="flex flex-col gap-2">
      <TextField
        label="Unacknowledged for (min)"
        type="number"
        min={1}
        max={10_080}
        value={escalateMinutes ?? ''}
        hint="Empty: nobody else is told."
        onChange={(event) =>
          onChange({ escalateMinutes: event.target.value ? Number(event.target.value) : null })
        }
      />
      {escalateMinutes === null ? null : (
        <Choices
          title="Then told to"
          all={channels}
          chosen={route.escalateChannelIds}
          onToggle={(id) => onChange({ escalateChannelIds: toggled(route.escalateChannelIds, id) })}
        />
      )}
    </div>
  );
}

function Choices({
  title,
  all,
  chosen,
  onToggle,
}: {
  title: string;
  all: readonly { id: string; name: string }[];
  chosen: readonly string[];
  onToggle(id: string): void;
}) {
  return (
    <fieldset className="flex flex-col gap-1">
      <legend className="mb-1 font-medium text-ink-soft text-xs">{title}</legend>
      {all.map(({ id, name }) => (
        <CheckField key={id} label={name} checked={chosen.includes(id)} onChange={() => onToggle(id)} />
      ))}
    </fieldset>
  );
}
