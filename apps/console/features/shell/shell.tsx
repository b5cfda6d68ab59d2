'use client';

import { Failed, Loading } from '@quantadb/ui/patterns/states';
import { useQuery } from '@tanstack/react-query';
import { usePathname, useRouter } from 'next/navigation';
import { type ReactNode, useEffect } from 'react';
import { LiveProvider } from '../../lib/live.tsx';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import { Me } from './me.ts';
import { TopBar } from './top-bar.tsx';

export function Shell({ children }: { children: ReactNode }) {
  const router = useRouter();
  const path = usePathname();
  const trpc = useTRPC();
  const me = useQuery(trpc.people.me.queryOptions({}));
  const isRefused = (me.error as { data?: { httpStatus?: number } } | null)?.data?.httpStatus === 401;
  useEffect(() => {
    if (isRefused) router.replace('/login');
  }, [isRefused, router]);
  const owes = me.data?.owesSecondFactor ?? false;
  useEffect(() => {
    if (owes && path !== '/account') router.replace('/account');
  }, [owes, path, router]);
  // Who it is was known before: what is open stays open, and comes back by itself, when that cannot be asked again for a while.
  if (!me.data && me.error && !isRefused)
    return <Failed {...problemOf(me.error)} onRetry={() => void me.refetch()} />;
  if (!me.data) return <Loading label="Signing in" />;
  return (
    <Me value={me.data}>
      <LiveProvider>
        <a
          href="#content"
          className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-50 focus:rounded-md focus:bg-raised focus:px-3 focus:py-2 focus:shadow-lg"
        >
          Skip to content
        </a>
        <TopBar />
        <main
          id="content"
          tabIndex={-1}
          className="mx-auto flex w-full max-w-[84rem] flex-col gap-4 p-4 outline-none sm:p-6"
        >
          {children}
        </main>
      </LiveProvider>
    </Me>
  );
}
