'use client';

import type { AppRouter } from '@quantadb/api/client-types';
import { Failed, Loading } from '@quantadb/ui/patterns/states';
import { Button } from '@quantadb/ui/primitives/button';
import { TextField } from '@quantadb/ui/primitives/field';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type { inferRouterOutputs } from '@trpc/server';
import { type FormEvent, useContext, useState } from 'react';
import { toast } from 'sonner';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import { PasswordField } from '../people/fields.tsx';
import { Me } from '../shell/me.ts';
import { SecondFactorPanel } from './second-factor-panel.tsx';
import { SessionsPanel } from './sessions-panel.tsx';

type Account = inferRouterOutputs<AppRouter>['account']['get'];

export function AccountPage() {
  const trpc = useTRPC();
  const { owesSecondFactor } = useContext(Me);
  const account = useQuery(trpc.account.get.queryOptions({}));
  return (
    <>
      <h1 className="font-semibold text-xl">Your account</h1>
      {owesSecondFactor ? (
        <p role="status" className="rounded-md border border-warning bg-warning-soft p-3">
          Your role asks for a second factor. Set one up below: until then nothing else of the console opens.
        </p>
      ) : null}
      {account.isPending ? <Loading label="Loading your account" /> : null}
      {account.error ? <Failed {...problemOf(account.error)} onRetry={() => void account.refetch()} /> : null}
      {account.data ? (
        <div className="grid gap-4 lg:grid-cols-3">
          <NamePanel account={account.data} />
          {account.data.hasPassword ? <PasswordPanel /> : <ProviderPanel />}
          {account.data.hasPassword ? <SecondFactorPanel {...account.data.secondFactor} /> : null}
        </div>
      ) : null}
      <SessionsPanel />
    </>
  );
}

function NamePanel({ account }: { account: Account }) {
  const trpc = useTRPC();
  const queries = useQueryClient();
  const rename = useMutation(
    trpc.account.rename.mutationOptions({
      onSuccess: () => {
        toast.success('Your name is changed.');
        void queries.invalidateQueries({ queryKey: trpc.account.get.queryKey() });
      },
    }),
  );
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    rename.mutate({ name: String(new FormData(event.currentTarget).get('name')) });
  };
  return (
    <Panel title="Name">
      <form onSubmit={submit} className="flex flex-col gap-4">
        <p className="text-ink-soft">{account.email}</p>
        <TextField
          label="Name"
          name="name"
          autoComplete="name"
          maxLength={100}
          required
          defaultValue={account.name}
          error={rename.error ? problemOf(rename.error).message : null}
        />
        <Button type="submit" isBusy={rename.isPending}>
          Change the name
        </Button>
      </form>
    </Panel>
  );
}

function PasswordPanel() {
  const trpc = useTRPC();
  const queries = useQueryClient();
  const [round, setRound] = useState(0);
  const change = useMutation(
    trpc.account.changePassword.mutationOptions({
      onSuccess: ({ endedSessions }) => {
        toast.success(`Your password is changed; ${endedSessions} other sessions ended.`);
        setRound((before) => before + 1);
        void queries.invalidateQueries({ queryKey: trpc.account.sessions.queryKey() });
      },
    }),
  );
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    change.mutate({ present: String(form.get('present')), next: String(form.get('next')) });
  };
  return (
    <Panel title="Password">
      <form key={round} onSubmit={submit} className="flex flex-col gap-4">
        <PasswordField
          label="Present password"
          name="present"
          error={change.error ? problemOf(change.error).message : null}
        />
        <TextField
          label="New password"
          name="next"
          type="password"
          autoComplete="new-password"
          minLength={10}
          maxLength={128}
          required
          hint="Ten characters or more. Every other session of yours ends."
        />
        <Button type="submit" isBusy={change.isPending}>
          Change the password
        </Button>
      </form>
    </Panel>
  );
}

function ProviderPanel() {
  return (
    <Panel title="Password">
      <p>
        You sign in through your identity provider. It keeps your password and your second factor: change them
        there.
      </p>
    </Panel>
  );
}
