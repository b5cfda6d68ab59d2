import { messageOf, QuantaError } from '@quantadb/engine/shared/errors';
import { z } from 'zod';

/** Where the console is and what proves who asks. */
export interface ConsoleAddress {
  url: string;
  token: string | null;
}

export interface ConsoleCall {
  method: 'GET' | 'POST' | 'DELETE';
  path: string;
  body?: unknown;
  deadlineMs?: number;
}

const deadlineMsDefault = 25_000;
const signInHint = 'Give a token of that console: --token <token>, or QUANTADB_TOKEN.';
const refusalSchema = z.object({
  message: z.string(),
  data: z.object({ hint: z.string().nullable().optional() }).optional(),
});

/**
 * One request to the console's REST API.
 *
 * @throws QuantaError PEER_UNREACHABLE, UNAUTHORIZED, NOT_FOUND, or REFUSED with the server's message and next step
 */
export async function callConsole(address: ConsoleAddress, call: ConsoleCall): Promise<unknown> {
  const response = await send(address, call);
  if (response.headers.get('content-type')?.startsWith('text/plain')) return response.text();
  const value: unknown = await response.json().catch(() => null);
  if (response.ok) return value;
  const refusal = refusalSchema.safeParse(value);
  const hint = (refusal.success && refusal.data.data?.hint) || (response.status === 401 ? signInHint : null);
  const message = refusal.success
    ? refusal.data.message
    : `the console answered with status ${response.status}`;
  throw new QuantaError(codeOf(response.status), message, hint ? { hint } : {});
}

async function send(address: ConsoleAddress, call: ConsoleCall): Promise<Response> {
  const { method, path, body, deadlineMs = deadlineMsDefault } = call;
  const headers: Record<string, string> = {};
  if (address.token) headers.authorization = `Bearer ${address.token}`;
  if (body !== undefined) headers['content-type'] = 'application/json';
  try {
    const signal = AbortSignal.timeout(deadlineMs);
    const content = body === undefined ? {} : { body: JSON.stringify(body) };
    return await fetch(new URL(path, address.url), { method, headers, signal, ...content });
  } catch (error) {
    throw new QuantaError(
      'PEER_UNREACHABLE',
      `the console at ${address.url} cannot be reached: ${messageOf(error)}`,
      { cause: error, hint: 'Is it running, and is the address right?' },
    );
  }
}

function codeOf(status: number): 'UNAUTHORIZED' | 'NOT_FOUND' | 'REFUSED' {
  if (status === 401 || status === 403) return 'UNAUTHORIZED';
  return status === 404 ? 'NOT_FOUND' : 'REFUSED';
}
