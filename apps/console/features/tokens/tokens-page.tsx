'use client';

import type { AppRouter } from '@quantadb/api/client-types';
import { Empty, Failed, Loading } from '@quantadb/ui/patterns/states';
import { Badge } from '@quantadb/ui/patterns/status';
import { type Column, Table } from '@quantadb/ui/patterns/table';
import { Button } from '@quantadb/ui/primitives/button';
import { Dialog } from '@quantadb/ui/primitives/dialog';
import { SelectField, TextField } from '@quantadb/ui/primitives/field';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useMutation, useQuery } from '@tanstack/react-query';
import type { inferRouterOutputs } from '@trpc/server';
import { type FormEvent, useState } from 'react';
import { useTimes } from '../../lib/time.ts';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import { type ClusterRole, ClusterRolesFields, RoleOptions } from '../people/cluster-roles.tsx';
import { Copyable } from '../shell/copyable.tsx';
import type { Role } from '../shell/me.ts';

type Token = inferRouterOutputs<AppRouter>['tokens']['list'][number];

function stateOf(token: Token): { tone: 'good' | 'muted'; text: string } {
  if (token.revokedAt) return { tone: 'muted', text: 'revoked' };
  if (token.expiresAt && Date.parse(token.expiresAt) <= Date.now()) return { tone: 'muted', text: 'expired' };
  return { tone: 'good', text: 'valid' };
}

export function TokensPage() {
  const trpc = useTRPC();
  const times = useTimes();
  const tokens = useQuery(trpc.tokens.list.queryOptions({}));
  const [isMaking, setMaking] = useState(false);
  const [revoked, setRevoked] = useState<Token | null>(null);
  const refresh = () => void tokens.refetch();
  const columns: Column<Token>[] = [
    {
      key: 'name',
      header: 'Token',
      cell: (row) => <span className="whitespace-normal font-medium">{row.name}</span>,
    },
    {
      key: 'role',
      header: 'Role',
      cell: (row) =>
        row.clusterRoles.length === 0
          ? row.role
          : `${row.role}; ${row.clusterRoles.length} on single clusters`,
    },
    {
      key: 'state',
      header: 'State',
      cell: (row) => <Badge tone={stateOf(row).tone}>{stateOf(row).text}</Badge>,
    },
    {
      key: 'expires',
      header: 'Expires',
      cell: (row) => (row.expiresAt ? times.moment(row.expiresAt) : 'never'),
      isMinor: true,
    },
    {
      key: 'used',
      header: 'Last used',
      cell: (row) => (row.lastUsedAt ? times.moment(row.lastUsedAt) : 'never'),
      isMinor: true,
    },
    { key: 'by', header: 'Made by', cell: (row) => row.createdBy, isMinor: true },
    {
      key: 'actions',
      header: '',
      cell: (row) =>
        row.revokedAt ? null : (
          <Button tone="danger" onClick={() => setRevoked(row)}>
            Revoke<span className="sr-only"> {row.name}</span>
          </Button>
        ),
    },
  ];
  return (
    <>
      <h1 className="font-semibold text-xl">API tokens</h1>
      <Panel
        title="For scripts and the command line"
        actions={<Button onClick={() => setMaking(true)}>New token</Button>}
        isFlush
      >
        {tokens.isPending ? <Loading label="Loading tokens" /> : null}
        {tokens.error ? <Failed {...problemOf(tokens.error)} onRetry={refresh} /> : null}
        {tokens.data?.length === 0 ? <Empty title="No token yet" /> : null}
        {tokens.data && tokens.data.length > 0 ? (
          <Table caption="API tokens" columns={columns} rows={tokens.data} keyOf={(row) => row.id} />
        ) : null}
      </Panel>
      {revoked ? <RevokeToken token={revoked} onClose={() => setRevoked(null)} onDone={refresh} /> : null}
      {isMaking ? <NewToken onClose={() => setMaking(false)} onMade={refresh} /> : null}
    </>
  );
}

/** It cannot be taken back: what uses the token stops at once. */
function RevokeToken({ token, onClose, onDone }: { token: Token; onClose(): void; onDone(): void }) {
  const trpc = useTRPC();
  const times = useTimes();
  const revoke = useMutation(
    trpc.tokens.revoke.mutationOptions({
      onSuccess: () => {
        onDone();
        onClose();
      },
    }),
  );
  const used = token.lastUsedAt
    ? `It was last used ${times.moment(token.lastUsedAt)}.`
    : 'It was never used.';
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={`Revoke ${token.name}`}
      footer={
        <>
          <Button onClick={onClose}>Keep it</Button>
          <Button tone="danger" isBusy={revoke.isPending} onClick={() => revoke.mutate({ id: token.id })}>
            Revoke it
          </Button>
        </>
      }
    >
      <p>Whatever uses it is refused from now on, and a revoked token never counts again. {used}</p>
      {revoke.error ? <Failed {...problemOf(revoke.error)} /> : null}
    </Dialog>
  );
}

function NewToken({ onClose, onMade }: { onClose(): void; onMade(): void }) {
  const trpc = useTRPC();
  const [clusterRoles, setClusterRoles] = useState<ClusterRole[]>([]);
  const create = useMutation(trpc.tokens.create.mutationOptions({ onSuccess: onMade }));
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const days = Number(form.get('days'));
    create.mutate({
      name: String(form.get('name')),
      role: String(form.get('role')) as Role,
      clusterRoles,
      lifetimeDays: days === 0 ? null : days,
    });
  };
  return (
    <Dialog isOpen onClose={onClose} title="New token">
      {create.data ? (
        <div className="flex flex-col gap-2">
          <p>Copy it now: it is not shown again.</p>
          <Copyable text={create.data.token} />
        </div>
      ) : (
        <form onSubmit={submit} className="flex flex-col gap-4">
          <TextField
            label="Name"
            name="name"
            required
            maxLength={100}
            error={create.error ? problemOf(create.error).message : null}
          />
          <SelectField label="Role" name="role" defaultValue="viewer">
            <RoleOptions />
          </SelectField>
          <SelectField label="Expires after" name="days" defaultValue="90">
            <option value="7">7 days</option>
            <option value="90">90 days</option>
            <option value="365">a year</option>
            <option value="0">never</option>
          </SelectField>
          <ClusterRolesFields chosen={clusterRoles} onChange={setClusterRoles} />
          <Button tone="primary" type="submit" isBusy={create.isPending}>
            Make the token
          </Button>
        </form>
      )}
    </Dialog>
  );
}
