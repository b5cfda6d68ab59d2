'use client';

import type { AppRouter } from '@quantadb/api/client-types';
import { Failed } from '@quantadb/ui/patterns/states';
import { Button } from '@quantadb/ui/primitives/button';
import { Dialog } from '@quantadb/ui/primitives/dialog';
import { SelectField, TextField } from '@quantadb/ui/primitives/field';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type { inferRouterOutputs } from '@trpc/server';
import type { FormEvent } from 'react';
import { problemOf, useTRPC } from '../../lib/trpc.ts';

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
      // It may count for whoever changed it.
      onSettled: () => void queries.invalidateQueries(),
    }),
  );
  const problem = policy.error ?? set.error;
  return (
    <Panel title="Second factor">
      {problem ? <Failed {...problemOf(problem)} /> : null}
      {policy.data ? (
        <SelectField
          label="Required for"
          hint="A role on a single cluster counts as well. Whoever must have one and has none sets it up before anything else opens."
          className="max-w-xs"
          value={policy.data.secondFactorFor}
          onChange={(event) =>
            set.mutate({ secondFactorFor: event.target.value as Policy['secondFactorFor'] })
          }
        >
          {Object.entries(words).map(([value, text]) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </SelectField>
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
