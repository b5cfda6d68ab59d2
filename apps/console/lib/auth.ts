'use client';

import { createAuthClient } from 'better-auth/react';

export const authClient = createAuthClient({ basePath: '/api/auth' });

/** @returns where to go next: the identity provider, which ends its own session too, or the sign-in page */
export async function signOut(): Promise<string> {
  const { data } = await authClient.signOut({ fetchOptions: { body: { disableRedirect: true } } });
  const { url } = (data ?? {}) as { url?: string };
  return url ?? '/login';
}

/** The second step of signing in: a code of the authenticator app, or a backup code. */
export async function proveSecondFactor(code: string): Promise<{ status: number } | null> {
  const kind = /^\d{6}$/.test(code) ? 'totp' : 'backup-code';
  const { error } = await authClient.$fetch(`/two-factor/verify-${kind}`, { method: 'POST', body: { code } });
  return error;
}
