import type { ServerResponse } from 'node:http';
import { getHTTPStatusCodeFromError } from '@trpc/server/http';
import { TRPC_ERROR_CODES_BY_KEY } from '@trpc/server/rpc';
import type { Admission } from './gate.ts';

/** What the gate refused, in the shape that tRPC's clients read. */
export function refuseProcedure(
  response: ServerResponse,
  { error, retryAfterSeconds }: Pick<Extract<Admission, { ok: false }>, 'error' | 'retryAfterSeconds'>,
): void {
  const httpStatus = getHTTPStatusCodeFromError(error);
  const { code, message } = error;
  const data = { code, httpStatus, hint: null };
  const retry = retryAfterSeconds === null ? {} : { 'retry-after': String(retryAfterSeconds) };
  response.writeHead(httpStatus, { 'content-type': 'application/json', ...retry });
  response.end(JSON.stringify({ error: { message, code: TRPC_ERROR_CODES_BY_KEY[code], data } }));
}
