import { type ErrorCode, errorCodes, messageOf, QuantaError } from '@quantadb/engine/shared/errors';
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
  /** The next step when the console does not know who asks; absent: give a token of the API. */
  strangerHint?: string;
  /** Told the console's own clock, in ms: what it says of the past goes by that. */
  onClock?(atMs: number): void;
}

const deadlineMsDefault = 25_000;
const signInHint = 'Give a token of that console: --token <token>, or QUANTADB_TOKEN.';
/** A problem (RFC 9457); consoles of 0.1.0 answer with `message` and `data` instead. */
const refusalSchema = z
  .object({
    detail: z.string().optional(),
    message: z.string().optional(),
    code: z.string().optional(),
    hint: z.string().nullable().optional(),
    data: z.object({ hint: z.string().nullable().optional() }).optional(),
  })
  .refine(({ detail, message }) => (detail ?? message) !== undefined);

/**
 * One request to the console's REST API.
 *
 * @throws QuantaError PEER_UNREACHABLE, or with the code, message and next step that the server gave
 */
export async function callConsole(address: ConsoleAddress, call: ConsoleCall): Promise<unknown> {
  const response = await send(address, call);
  const atMs = Date.parse(response.headers.get('date') ?? '');
  if (!Number.isNaN(atMs)) call.onClock?.(atMs);
  if (response.headers.get('content-type')?.startsWith('text/plain')) return response.text();
  const value: unknown = await response.json().catch(() => null);
  if (response.ok) return value;
  const refusal = refusalSchema.safeParse(value);
  const { detail, message, code, ...given } = refusal.success ? refusal.data : {};
  const hint = response.status === 401 ? (call.strangerHint ?? signInHint) : (given.hint ?? given.data?.hint);
  const said = detail ?? message ?? `the console answered with status ${response.status}`;
  throw new QuantaError(codeOf(response.status, code), said, hint ? { hint } : {});
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

function codeOf(status: number, given: string | undefined): ErrorCode {
  const known = errorCodes.find((code) => code === given);
  if (known) return known;
  if (status === 401 || status === 403) return 'UNAUTHORIZED';
  return status === 404 ? 'NOT_FOUND' : 'REFUSED';
}
