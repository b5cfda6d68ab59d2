import { setupTokenOf } from '@quantadb/engine/security/setup-token';
import { QuantaError } from '@quantadb/engine/shared/errors';
import { z } from 'zod';
import { callConsole } from '../console-api.ts';
import { type Secrets, saveSecrets } from './secrets.ts';

const tokenAnswerSchema = z.object({ token: z.string() });
const authoritySchema = z.object({ fingerprint: z.string() });
const enrolmentSchema = z.object({ token: z.string(), authorityFingerprint: z.string() });

/** The local system's first administrator, and the token of its command line: made once, kept in the secrets. */
export async function prepareAccess(options: {
  url: string;
  secrets: Secrets;
  secretsFile: string;
}): Promise<Secrets> {
  const { url, secrets, secretsFile } = options;
  if (secrets.console.token) return secrets;
  const { email, password } = secrets.console.admin;
  const token = setupTokenOf(secrets.console.secret);
  await makeFirstAdmin(url, { name: 'Administrator', email, password, token });
  const cookie = await signIn(url, { email, password });
  const body = { name: 'command line of the local system', role: 'admin', lifetimeDays: null };
  const made = tokenAnswerSchema.parse(await postWithCookie(url, { path: '/api/v1/tokens', body, cookie }));
  const complete = { ...secrets, console: { ...secrets.console, token: made.token } };
  await saveSecrets(secretsFile, complete);
  return complete;
}

/** A token that lets one host in. */
export async function enrolmentToken(
  url: string,
  secrets: Secrets,
  host: string,
): Promise<{ token: string; fingerprint: string }> {
  const body = { host, lifetimeMinutes: 10 };
  const raw = await callConsole(
    { url, token: secrets.console.token },
    { method: 'POST', path: '/api/v1/hosts/enrolment-tokens', body },
  );
  const { token, authorityFingerprint: fingerprint } = enrolmentSchema.parse(raw);
  return { token, fingerprint };
}

/** Asked of the console itself: the local system's is on this very machine. */
export async function authorityFingerprint(url: string, secrets: Secrets): Promise<string> {
  const address = { url, token: secrets.console.token };
  return authoritySchema.parse(await callConsole(address, { method: 'GET', path: '/api/v1/authority' }))
    .fingerprint;
}

async function makeFirstAdmin(
  url: string,
  person: { name: string; email: string; password: string; token: string },
): Promise<void> {
  try {
    await callConsole({ url, token: null }, { method: 'POST', path: '/api/v1/setup', body: person });
  } catch (error) {
    // An earlier start was interrupted after this step.
    if (!(error instanceof QuantaError && error.code === 'REFUSED')) throw error;
  }
}

async function signIn(url: string, credentials: { email: string; password: string }): Promise<string> {
  const response = await fetch(new URL('/api/auth/sign-in/email', url), {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: url },
    body: JSON.stringify(credentials),
  });
  if (!response.ok)
    throw new QuantaError('UNAUTHORIZED', 'the administrator of the local system cannot sign in');
  return response.headers
    .getSetCookie()
    .map((cookie) => cookie.split(';')[0])
    .join('; ');
}

async function postWithCookie(
  url: string,
  call: { path: string; body: unknown; cookie: string },
): Promise<unknown> {
  const response = await fetch(new URL(call.path, url), {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: url, cookie: call.cookie },
    body: JSON.stringify(call.body),
  });
  if (!response.ok) throw new QuantaError('REFUSED', `the console answered with status ${response.status}`);
  return response.json();
}
