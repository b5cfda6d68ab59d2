'use client';

import { Button } from '@quantadb/ui/primitives/button';
import { TextField } from '@quantadb/ui/primitives/field';
import { useQuery } from '@tanstack/react-query';
import { useRouter } from 'next/navigation';
import { parseAsString, useQueryState } from 'nuqs';
import { useEffect, useState } from 'react';
import { authClient, proveSecondFactor } from '../../lib/auth.ts';
import { useTRPC } from '../../lib/trpc.ts';
import { Entrance } from './entrance.tsx';
import { CodeField, PasswordField } from './fields.tsx';
import { providerProblem } from './provider-problem.ts';

const tooMany = 429;
const tooManyAttempts = 'Too many attempts. Wait a minute, then try again.';

// A full load: the live connection starts with the new session.
const enter = () => window.location.assign('/');

export function SignIn() {
  const router = useRouter();
  const trpc = useTRPC();
  const setup = useQuery(trpc.setup.state.queryOptions({}));
  const [asksForCode, setAsksForCode] = useState(false);
  useEffect(() => {
    if (setup.data?.isSetUp === false) router.replace('/setup');
  }, [setup.data, router]);
  if (asksForCode) return <SecondStep onBack={() => setAsksForCode(false)} />;
  return <FirstStep provider={setup.data?.provider ?? null} onCodeNeeded={() => setAsksForCode(true)} />;
}

function FirstStep({ provider, onCodeNeeded }: { provider: { name: string } | null; onCodeNeeded(): void }) {
  const [refusal] = useQueryState('error', parseAsString);
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const signIn = async (form: FormData) => {
    setBusy(true);
    setProblem(null);
    const { data, error } = await authClient.signIn.email({
      email: String(form.get('email')),
      password: String(form.get('password')),
    });
    setBusy(false);
    if (error) {
      return setProblem(refusalWords(error));
    }
    if ('twoFactorRedirect' in data) onCodeNeeded();
    else enter();
  };
  const throughProvider = async () => {
    setBusy(true);
    const ways = { provider: 'oidc', callbackURL: '/', errorCallbackURL: '/login' };
    const { error } = await authClient.signIn.social(ways);
    if (!error) return;
    setBusy(false);
    setProblem(error.status === tooMany ? tooManyAttempts : 'The identity provider does not answer.');
  };
  return (
    <Entrance title="Sign in" lead="To see and steer your clusters." onSubmit={(form) => void signIn(form)}>
      {provider ? (
        <>
          <Button type="button" isBusy={isBusy} onClick={() => void throughProvider()}>
            Sign in with {provider.name}
          </Button>
          {refusal ? (
            <p role="alert" className="text-critical">
              {providerProblem(refusal)}
            </p>
          ) : null}
          <p className="text-center text-ink-faint text-xs">or with a password</p>
        </>
      ) : null}
      <TextField label="E-mail" name="email" type="email" autoComplete="username" required autoFocus />
      <PasswordField error={problem} />
      <Button tone="primary" type="submit" isBusy={isBusy}>
        Sign in
      </Button>
    </Entrance>
  );
}

function refusalWords({ status, code }: { status: number; code?: string | undefined }): string {
  if (code === 'ACCOUNT_TRIES')
    return 'Too many passwords of this account were tried. Wait a minute, or use a browser in which you have signed in before.';
  return status === tooMany ? tooManyAttempts : 'That address and password do not match.';
}

function SecondStep({ onBack }: { onBack(): void }) {
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const prove = async (form: FormData) => {
    setBusy(true);
    setProblem(null);
    const error = await proveSecondFactor(String(form.get('code')).trim());
    setBusy(false);
    if (!error) return enter();
    setProblem(
      error.status === tooMany
        ? 'Too many codes were tried. Wait a while, then sign in anew.'
        : 'That code is not right, or it took too long. Wait for the next one, or begin anew.',
    );
  };
  return (
    <Entrance
      title="Second factor"
      lead="The code that your authenticator app shows, or a backup code."
      onSubmit={(form) => void prove(form)}
    >
      <CodeField autoFocus error={problem} />
      <Button tone="primary" type="submit" isBusy={isBusy}>
        Sign in
      </Button>
      <Button tone="quiet" type="button" onClick={onBack}>
        Begin anew
      </Button>
    </Entrance>
  );
}
