import type { IncomingMessage, ServerResponse } from 'node:http';
import { QuantaError } from '@quantadb/engine/shared/errors';
import { TRPCError } from '@trpc/server';
import { fromNodeHeaders } from 'better-auth/node';

import type { Principal, PrincipalFinder } from '../people/principal.ts';
import { clientAddressHeader, networkOf } from './client-address.ts';
import { isForged } from './origin.ts';
import type { RateLimit } from './rate-limit.ts';

export type Admission =
  | { ok: true; principal: Principal | null }
  | { ok: false; error: TRPCError; retryAfterSeconds: number | null };

export interface GateOptions {
  principals: PrincipalFinder;
  publicUrl: string;
  /** Of persons and tokens that read. */
  reads: RateLimit;
  /** Of those that change something, and of whoever says not who he is. */
  others: RateLimit;
}

const readMethods = new Set(['GET', 'HEAD']);

/** What every request to the API passes first: where it comes from, who asks, and how often he does. */
export class Gate {
  private readonly options: GateOptions;
  private readonly publicOrigin: string;
  private readonly admitted = new WeakMap<object, Principal | null>();

  constructor(options: GateOptions) {
    this.options = options;
    this.publicOrigin = new URL(options.publicUrl).origin;
  }

  /** @param cost how many things the request asks for at once */
  async admit(request: IncomingMessage, response: ServerResponse, cost = 1): Promise<Admission> {
    const forged = this.forgeryOf(request);
    if (forged) return { ok: false, error: forged, retryAfterSeconds: null };
    const principal = await this.options.principals.find(fromNodeHeaders(request.headers), (cookies) => {
      for (const cookie of cookies) response.appendHeader('set-cookie', cookie);
    });
    const caller = principal
      ? callerOf(principal)
      : `address ${networkOf(headerOf(request, clientAddressHeader) ?? 'unknown')}`;
    // A program that looks every second at many clusters must not use up what a change needs.
    const isRead = principal !== null && readMethods.has(request.method ?? '');
    const limit = isRead ? this.options.reads : this.options.others;
    const retryAfterSeconds = limit.take(caller, Date.now(), cost);
    if (retryAfterSeconds > 0) {
      const error = new TRPCError({ code: 'TOO_MANY_REQUESTS', message: 'too many requests' });
      return { ok: false, error, retryAfterSeconds };
    }
    this.admitted.set(request, principal);
    return { ok: true, principal };
  }

  /** Why a request is not believed to come from a page of this console; null when it is. */
  forgeryOf(request: IncomingMessage): TRPCError | null {
    const { headers, method = 'GET' } = request;
    const provenance = {
      ...{ method, origin: headers.origin, fetchSite: headerOf(request, 'sec-fetch-site') },
      ...{ hasCookie: headers.cookie !== undefined, hasAuthorization: headers.authorization !== undefined },
    };
    if (!isForged(provenance, this.publicOrigin)) return null;
    const cause = new QuantaError('FORBIDDEN', 'this request does not come from a page of this console', {
      hint: `Open the console as ${this.publicOrigin}; scripts use a token instead of a session.`,
    });
    return new TRPCError({ code: 'FORBIDDEN', message: cause.message, cause });
  }

  /** Who sent a request that was admitted. */
  principalOf(request: object): Principal | null {
    return this.admitted.get(request) ?? null;
  }
}

/** A person or a token, by a name that nobody else has. */
export function callerOf({ kind, id }: Pick<Principal, 'kind' | 'id'>): string {
  return `${kind} ${id}`;
}

export function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}
