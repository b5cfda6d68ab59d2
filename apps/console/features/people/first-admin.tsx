'use client';

import { Button } from '@quantadb/ui/primitives/button';
import { TextField } from '@quantadb/ui/primitives/field';
import { useMutation } from '@tanstack/react-query';
import { authClient } from '../../lib/auth.ts';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import { Entrance } from './entrance.tsx';

export function FirstAdmin() {
  const trpc = useTRPC();
  const create = useMutation(trpc.setup.createFirstAdmin.mutationOptions());
  const submit = async (form: FormData) => {
    const person = {
      name: String(form.get('name')),
      email: String(form.get('email')),
      password: String(form.get('password')),
    };
    await create.mutateAsync(person);
    await authClient.signIn.email({ email: person.email, password: person.password });
    window.location.assign('/');
  };
  return (
    <Entrance
      title="Set up QuantaDB"
      lead="The first account may do everything; it makes the others."
      onSubmit={(form) => void submit(form).catch(() => undefined)}
    >
      <TextField label="Your name" name="name" autoComplete="name" required autoFocus />
      <TextField label="E-mail" name="email" type="email" autoComplete="username" required />
      <TextField
        label="Password"
        name="password"
        type="password"
        autoComplete="new-password"
        minLength={10}
        required
        hint="Ten characters or more."
        error={create.error ? problemOf(create.error).message : null}
      />
      <Button tone="primary" type="submit" isBusy={create.isPending}>
        Create the account
      </Button>
    </Entrance>
  );
}
