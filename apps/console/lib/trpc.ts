'use client';

import type { AppRouter } from '@quantadb/api/client-types';
import { createTRPCContext } from '@trpc/tanstack-react-query';

export const { TRPCProvider, useTRPC, useTRPCClient } = createTRPCContext<AppRouter>();

/** What the server said went wrong, in the words it chose for people. */
export function problemOf(error: unknown): { message: string; hint: string | null } {
  const { message, data } = error as { message?: string; data?: { hint?: string | null } };
  return { message: message ?? 'something went wrong', hint: data?.hint ?? null };
}

/** Answers about a span that moves with the clock are asked for once: a page that is left open would keep thousands of them. */
export const spanKeptMs = 10_000;
