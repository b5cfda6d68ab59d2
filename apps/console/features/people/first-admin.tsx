'use client';

import { Button } from '@quantadb/ui/primitives/button';
import { TextField } from '@quantadb/ui/primitives/field';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useRouter } from 'next/navigation';
import { useEffect, useState } from 'react';
import { authClient } from '../../lib/auth.ts';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import { Entrance } from './entrance.tsx';

export function FirstAdmin() {
  const trpc = useTRPC();
  const router = useRouter();
  const setup = useQuery(trpc.setup.state.queryOptions({}));
  useEffect(() => {
    if (setup.data?.isSetUp) router.replace('/login');
  }, [setup.data, router]);
  const [token, setToken] = useState('');
  // Behind the sign, where no server and no log sees it.
  useEffect(() => setToken(decodeURIComponent(window.location.hash.slice(1))), []);
  const create = useMutation(trpc.setup.createFirstAdmin.mutationOptions());
  const submit = async (form: FormData) => {
    const person = {
      token: token.trim(),
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
      <TextField
        label="Set-up token"
        name="token"
        autoComplete="off"
        required
        value={token}
        onChange={(event) => setToken(event.target.value)}
        hint="The log of the console has it; on its machine: quantadb console setup-token."
      />
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
