'use client';

import type { AppRouter } from '@quantadb/api/client-types';
import { Failed, Loading } from '@quantadb/ui/patterns/states';
import { type Column, Table } from '@quantadb/ui/patterns/table';
import { Button } from '@quantadb/ui/primitives/button';
import { Dialog } from '@quantadb/ui/primitives/dialog';
import { SelectField, TextField } from '@quantadb/ui/primitives/field';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useMutation, useQuery } from '@tanstack/react-query';
import type { inferRouterOutputs } from '@trpc/server';
import { type FormEvent, useState } from 'react';
import { useLive } from '../../lib/live.tsx';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import { type Role, useMay } from '../shell/me.ts';
import { ChangeRole, RemovePerson } from './change-dialogs.tsx';
import { ClusterRolesFields, RoleOptions, roles } from './cluster-roles.tsx';
import { ResetSecondFactor, SecondFactorPolicy } from './second-factor-policy.tsx';

type Person = inferRouterOutputs<AppRouter>['people']['list'][number];

export function PeoplePage() {
  const trpc = useTRPC();
  const may = useMay();
  const people = useQuery(trpc.people.list.queryOptions({}));
  const [isAdding, setAdding] = useState(false);
  const [edited, setEdited] = useState<Person | null>(null);
  const [unlocked, setUnlocked] = useState<Person | null>(null);
  const refresh = () => void people.refetch();
  const [promoted, setPromoted] = useState<{ person: Person; role: Role } | null>(null);
  const [removed, setRemoved] = useState<Person | null>(null);
  const columns: Column<Person>[] = [
    {
      key: 'name',
      header: 'Name',
      cell: (row) => <span className="whitespace-normal font-medium">{row.name}</span>,
    },
    { key: 'email', header: 'E-mail', cell: (row) => row.email },
    {
      key: 'role',
      header: 'Role on all clusters',
      cell: (row) => <RoleSelect person={row} onChoose={(role) => setPromoted({ person: row, role })} />,
    },
    {
      key: 'clusters',
      header: 'On single clusters',
      cell: (row) => <ClusterRolesButton person={row} onEdit={() => setEdited(row)} />,
    },
    {
      key: 'second',
      header: 'Second factor',
      cell: (row) => <SecondFactorButton person={row} onReset={() => setUnlocked(row)} />,
    },
    {
      key: 'actions',
      header: '',
      cell: (row) =>
        row.email === may.name ? null : (
          <Button tone="danger" onClick={() => setRemoved(row)}>
            Remove…<span className="sr-only"> {row.email}</span>
          </Button>
        ),
    },
  ];
  return (
    <>
      <h1 className="font-semibold text-xl">People</h1>
      <Panel
        title="Everybody who may sign in"
        actions={<Button onClick={() => setAdding(true)}>Add somebody</Button>}
        isFlush
      >
        {people.isPending ? <Loading label="Loading people" /> : null}
        {people.error ? <Failed {...problemOf(people.error)} onRetry={refresh} /> : null}
        {people.data ? (
          <Table caption="People" columns={columns} rows={people.data} keyOf={(row) => row.id} />
        ) : null}
      </Panel>
      <SecondFactorPolicy />
      {unlocked ? (
        <ResetSecondFactor person={unlocked} onClose={() => setUnlocked(null)} onDone={refresh} />
      ) : null}
      {promoted ? <ChangeRole {...promoted} onClose={() => setPromoted(null)} onDone={refresh} /> : null}
      {removed ? <RemovePerson person={removed} onClose={() => setRemoved(null)} onDone={refresh} /> : null}
      {edited ? <EditClusterRoles person={edited} onClose={() => setEdited(null)} onDone={refresh} /> : null}
      {isAdding ? <NewPerson onClose={() => setAdding(false)} onMade={refresh} /> : null}
    </>
  );
}

function RoleSelect({ person, onChoose }: { person: Person; onChoose(role: Role): void }) {
  return (
    <select
      aria-label={`Role of ${person.email}`}
      value={person.role}
      onChange={(event) => onChoose(event.target.value as Role)}
      className="rounded-md border border-line-strong bg-surface px-2 py-1"
    >
      {roles.map((role) => (
        <option key={role}>{role}</option>
      ))}
    </select>
  );
}

function SecondFactorButton({ person, onReset }: { person: Person; onReset(): void }) {
  if (!person.hasSecondFactor) return 'off';
  return (
    <Button tone="quiet" className="-ml-3" onClick={onReset}>
      on; reset…<span className="sr-only"> for {person.email}</span>
    </Button>
  );
}

function ClusterRolesButton({ person, onEdit }: { person: Person; onEdit(): void }) {
  const { clusters } = useLive();
  const own = person.clusterRoles.map(
    ({ clusterId, role }) => `${clusters.get(clusterId)?.status.name ?? 'a cluster'}: ${role}`,
  );
  if (person.role === 'admin') return 'as on all';
  return (
    <Button tone="quiet" className="-ml-3 whitespace-normal text-left" onClick={onEdit}>
      {own.length === 0 ? 'as on all' : own.join(', ')}
      <span className="sr-only"> for {person.email}; change</span>
    </Button>
  );
}

function EditClusterRoles({ person, onClose, onDone }: { person: Person; onClose(): void; onDone(): void }) {
  const trpc = useTRPC();
  const [chosen, setChosen] = useState(person.clusterRoles);
  const save = useMutation(
    trpc.people.setRole.mutationOptions({
      onSuccess: () => {
        onDone();
        onClose();
      },
    }),
  );
  return (
    <Dialog isOpen onClose={onClose} title={`Roles of ${person.email}`}>
      <div className="flex flex-col gap-4">
        <p>
          On all clusters: {person.role}. A role on a single cluster counts there instead, also when it is a
          lesser one.
        </p>
        <ClusterRolesFields chosen={chosen} onChange={setChosen} />
        {save.error ? <Failed {...problemOf(save.error)} /> : null}
        <Button
          tone="primary"
          isBusy={save.isPending}
          onClick={() => save.mutate({ id: person.id, role: person.role, clusterRoles: chosen })}
        >
          Save
        </Button>
      </div>
    </Dialog>
  );
}

function NewPerson({ onClose, onMade }: { onClose(): void; onMade(): void }) {
  const trpc = useTRPC();
  const create = useMutation(
    trpc.people.create.mutationOptions({
      onSuccess: () => {
        onMade();
        onClose();
      },
    }),
  );
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string) => String(form.get(name));
    create.mutate({
      name: text('name'),
      email: text('email'),
      password: text('password'),
      role: text('role') as Role,
    });
  };
  return (
    <Dialog isOpen onClose={onClose} title="Add somebody">
      <form onSubmit={submit} className="flex flex-col gap-4">
        <TextField label="Name" name="name" required />
        <TextField
          label="E-mail"
          name="email"
          type="email"
          required
          error={create.error ? problemOf(create.error).message : null}
        />
        <TextField
          label="First password"
          name="password"
          type="password"
          minLength={10}
          required
          hint="Ten characters or more."
          autoComplete="new-password"
        />
        <SelectField label="Role" name="role" defaultValue="viewer">
          <RoleOptions />
        </SelectField>
        <Button tone="primary" type="submit" isBusy={create.isPending}>
          Add
        </Button>
      </form>
    </Dialog>
  );
}
