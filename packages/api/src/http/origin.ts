/** What of a request's headers tells where it comes from. */
export interface Provenance {
  method: string;
  origin: string | undefined;
  fetchSite: string | undefined;
  hasCookie: boolean;
  hasAuthorization: boolean;
}

const harmless = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Whether a request that changes something is another site's, sent with the cookies of somebody who is signed in here (pure).
 * A browser always says where such a request comes from; one that does not say is not believed. Tokens are sent by nobody
 * unknowingly.
 */
export function isForged(request: Provenance, publicOrigin: string): boolean {
  const { method, origin, fetchSite, hasCookie, hasAuthorization } = request;
  if (harmless.has(method) || hasAuthorization || !hasCookie) return false;
  if (origin !== undefined) return origin !== publicOrigin;
  return fetchSite !== 'same-origin';
}
