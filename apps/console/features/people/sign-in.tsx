'use client';

import { Button } from '@quantadb/ui/primitives/button';
import { TextField } from '@quantadb/ui/primitives/field';
import { useQuery } from '@tanstack/react-query';
import { useRouter } from 'next/navigation';
import { useEffect, useState } from 'react';
import { authClient } from '../../lib/auth.ts';
import { useTRPC } from '../../lib/trpc.ts';
import { Entrance } from './entrance.tsx';

const tooMany = 429;

export function SignIn() {
  const router = useRouter();
  const trpc = useTRPC();
  const setup = useQuery(trpc.setup.state.queryOptions({}));
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => {
    if (setup.data?.isSetUp === false) router.replace('/setup');
  }, [setup.data, router]);
  const signIn = async (form: FormData) => {
    setBusy(true);
    setProblem(null);
    const { error } = await authClient.signIn.email({
      email: String(form.get('email')),
      password: String(form.get('password')),
    });
    setBusy(false);
    if (error) {
      setProblem(
        error.status === tooMany
          ? 'Too many attempts. Wait a minute, then try again.'
          : 'That address and password do not match.',
      );
      return;
    }
    // A full load: the live connection starts with the new session.
    window.location.assign('/');
  };
  return (
    <Entrance title="Sign in" lead="To see and steer your clusters." onSubmit={(form) => void signIn(form)}>
      <TextField label="E-mail" name="email" type="email" autoComplete="username" required autoFocus />
      <TextField
        label="Password"
        name="password"
        type="password"
        autoComplete="current-password"
        required
        error={problem}
      />
      <Button tone="primary" type="submit" isBusy={isBusy}>
        Sign in
      </Button>
    </Entrance>
  );
}
