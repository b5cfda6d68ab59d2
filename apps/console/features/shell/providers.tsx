'use client';

import type { AppRouter } from '@quantadb/api/client-types';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { createTRPCClient, httpBatchLink, httpLink, splitLink } from '@trpc/client';
import { ThemeProvider } from 'next-themes';
import { type ReactNode, useEffect, useMemo, useState } from 'react';
import { Toaster } from 'sonner';
import { asksHosts } from '../../lib/slow-questions.ts';
import { type Zone, ZoneContext } from '../../lib/time.ts';
import { TRPCProvider } from '../../lib/trpc.ts';

const freshForMs = 5000;
/** The console takes no more in one request. */
const batchMax = 20;
const zoneKey = 'quantadb.zone';

function retryable(failureCount: number, error: unknown): boolean {
  const status = (error as { data?: { httpStatus?: number } }).data?.httpStatus;
  // What the server refused will be refused again; a line that was down may be up.
  return failureCount < 3 && (status === undefined || status >= 500);
}

export function Providers({ nonce, children }: { nonce: string | undefined; children: ReactNode }) {
  const [queries] = useState(
    () => new QueryClient({ defaultOptions: { queries: { staleTime: freshForMs, retry: retryable } } }),
  );
  const [client] = useState(() =>
    createTRPCClient<AppRouter>({
      links: [
        splitLink({
          condition: ({ path }) => asksHosts(path),
          true: httpLink({ url: '/api/trpc' }),
          false: httpBatchLink({ url: '/api/trpc', maxItems: batchMax }),
        }),
      ],
    }),
  );
  const [zone, setZone] = useState<Zone>('local');
  useEffect(() => {
    if (localStorage.getItem(zoneKey) === 'UTC') setZone('UTC');
  }, []);
  const zones = useMemo(() => {
    return {
      zone,
      setZone: (next: Zone) => {
        localStorage.setItem(zoneKey, next);
        setZone(next);
      },
    };
  }, [zone]);
  return (
    <ThemeProvider
      attribute="class"
      defaultTheme="system"
      disableTransitionOnChange
      {...(nonce === undefined ? {} : { nonce })}
    >
      <QueryClientProvider client={queries}>
        <TRPCProvider trpcClient={client} queryClient={queries}>
          <ZoneContext value={zones}>{children}</ZoneContext>
          <Toaster position="bottom-right" closeButton />
        </TRPCProvider>
      </QueryClientProvider>
    </ThemeProvider>
  );
}
