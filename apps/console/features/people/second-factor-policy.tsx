'use client';

import type { AppRouter } from '@quantadb/api/client-types';
import { Failed } from '@quantadb/ui/patterns/states';
import { Button } from '@quantadb/ui/primitives/button';
import { Dialog } from '@quantadb/ui/primitives/dialog';
import { SelectField, TextField } from '@quantadb/ui/primitives/field';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type { inferRouterOutputs } from '@trpc/server';
import { type FormEvent, useState } from 'react';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import { Question } from './change-dialogs.tsx';

type Policy = inferRouterOutputs<AppRouter>['people']['policy'];

const words: Record<Policy['secondFactorFor'], string> = {
  nobody: 'nobody',
  administrators: 'administrators',
  operators: 'operators and administrators',
  everybody: 'everybody',
};

export function SecondFactorPolicy() {
  const trpc = useTRPC();
  const queries = useQueryClient();
  const policy = useQuery(trpc.people.policy.queryOptions({}));
  const set = useMutation(
    trpc.people.setPolicy.mutationOptions({
      onSuccess: () => {
        setChosen(null);
        // It may count for whoever changed it.
        void queries.invalidateQueries();
      },
    }),
  );
  const [chosen, setChosen] = useState<Policy['secondFactorFor'] | null>(null);
  const problem = policy.error;
  return (
    <Panel title="Second factor">
      {problem ? <Failed {...problemOf(problem)} /> : null}
      {policy.data ? (
        <SelectField
          label="Required for"
          hint="A role on a single cluster counts as well. Whoever must have one and has none sets it up before anything else opens."
          className="max-w-xs"
          value={policy.data.secondFactorFor}
          onChange={(event) => setChosen(event.target.value as Policy['secondFactorFor'])}
        >
          {Object.entries(words).map(([value, text]) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </SelectField>
      ) : null}
      {chosen ? (
        <Question
          title={`Ask ${words[chosen]} for a second factor`}
          text={
            chosen === 'nobody'
              ? 'Whoever has one is asked for it as before; nobody has to have one.'
              : 'Whoever of them has none, you too, gets nothing else of the console than the page that sets it up, from now on and in sessions that are open.'
          }
          action="Change it"
          error={set.error}
          isBusy={set.isPending}
          onClose={() => setChosen(null)}
          onConfirm={() => set.mutate({ secondFactorFor: chosen })}
        />
      ) : null}
    </Panel>
  );
}

export function ResetSecondFactor({
  person,
  onClose,
  onDone,
}: {
  person: { id: string; email: string };
  onClose(): void;
  onDone(): void;
}) {
  const trpc = useTRPC();
  const reset = useMutation(
    trpc.people.resetSecondFactor.mutationOptions({
      onSuccess: () => {
        onDone();
        onClose();
      },
    }),
  );
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    reset.mutate({ id: person.id, reason: String(new FormData(event.currentTarget).get('reason')) });
  };
  return (
    <Dialog isOpen onClose={onClose} title={`Reset the second factor of ${person.email}`}>
      <form onSubmit={submit} className="flex flex-col gap-4">
        <p>
          The password alone signs in from then on, and every session of theirs ends. Be sure that it is they
          who ask.
        </p>
        <TextField label="Reason" name="reason" minLength={3} maxLength={500} required autoFocus />
        {reset.error ? <Failed {...problemOf(reset.error)} /> : null}
        <Button tone="danger" type="submit" isBusy={reset.isPending}>
          Reset it
        </Button>
      </form>
    </Dialog>
  );
}
