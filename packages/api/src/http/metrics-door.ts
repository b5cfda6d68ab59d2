import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { fromNodeHeaders } from 'better-auth/node';
import type { PrincipalFinder } from '../people/principal.ts';
import { allows } from '../people/roles.ts';
import { hashOf } from '../secrets.ts';

/**
 * Whether somebody may read `/metrics`, which names every cluster: anybody while no token is configured; else whoever sends it, and
 * every person and API token that may read all clusters.
 */
export async function mayReadMetrics(
  { headers }: Pick<IncomingMessage, 'headers'>,
  { token, principals }: { token: string | null; principals: Pick<PrincipalFinder, 'find'> },
): Promise<boolean> {
  if (token === null) return true;
  const sent = /^Bearer (\S+)$/.exec(headers.authorization ?? '')?.[1] ?? '';
  if (timingSafeEqual(hashOf(sent), hashOf(token))) return true;
  const principal = await principals.find(fromNodeHeaders(headers));
  return principal !== null && allows(principal.role, 'read');
}

export function refuseMetrics(response: ServerResponse): void {
  const headers = { 'content-type': 'text/plain; charset=utf-8', 'www-authenticate': 'Bearer' };
  response
    .writeHead(401, headers)
    .end(
      'Send "Authorization: Bearer …" with QUANTADB_METRICS_TOKEN, or with an API token that may read all clusters.\n',
    );
}
