'use client';

import type { HistoryKind, LiveStatus } from '@quantadb/api/client-types';
import { useQueryClient } from '@tanstack/react-query';
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from 'react';
import { io } from 'socket.io-client';
import { useTRPC } from './trpc.ts';

/** A status and when it arrived here, by this browser's clock: ages never compare two machines' clocks. */
export interface Heard extends LiveStatus {
  heardAtMs: number;
}

interface LivePicture {
  connection: 'connecting' | 'live' | 'lost';
  clusters: ReadonlyMap<string, Heard>;
}

const Context = createContext<LivePicture>({ connection: 'connecting', clusters: new Map() });

/** Keeps one connection to /live for the whole console. */
export function LiveProvider({ children }: { children: ReactNode }) {
  const [picture, setPicture] = useState<LivePicture>({ connection: 'connecting', clusters: new Map() });
  const queries = useQueryClient();
  const trpc = useTRPC();
  useEffect(() => {
    const socket = io('/live', {
      transports: ['websocket'],
      reconnectionDelay: 500,
      reconnectionDelayMax: 4000,
    });
    const show = (connection: LivePicture['connection']) => setPicture((last) => ({ ...last, connection }));
    socket.on('connect', () => {
      show('live');
      // Whatever happened while the line was down is fetched again.
      void queries.invalidateQueries();
    });
    socket.on('disconnect', () => show('lost'));
    socket.on('connect_error', () => show('lost'));
    socket.on('status', (status: LiveStatus) => {
      const heard: Heard = { ...status, heardAtMs: Date.now() - (status.ageMs ?? 0) };
      setPicture((last) => ({ ...last, clusters: new Map(last.clusters).set(status.clusterId, heard) }));
    });
    socket.on('changed', ({ clusterId, kind }: { clusterId: string; kind: HistoryKind }) => {
      if (kind === 'alerts') {
        for (const { pathKey } of [trpc.alerts, trpc.alertRules])
          void queries.invalidateQueries({ queryKey: pathKey() });
        return;
      }
      const path = {
        events: trpc.clusters.events,
        operations: trpc.operations.list,
        failovers: trpc.failovers.list,
      }[kind];
      void queries.invalidateQueries({ queryKey: path.queryKey({ clusterId }), exact: false });
      if (kind === 'failovers') void queries.invalidateQueries({ queryKey: trpc.failovers.get.pathKey() });
      if (kind === 'operations') void queries.invalidateQueries({ queryKey: trpc.operations.get.pathKey() });
      void queries.invalidateQueries({ queryKey: trpc.hosts.pathKey() });
    });
    return () => {
      socket.close();
    };
  }, [queries, trpc]);
  return <Context value={picture}>{children}</Context>;
}

export function useLive(): LivePicture {
  return useContext(Context);
}

/** The cluster's newest status with its age, counted on by a clock of its own while nothing arrives. */
export function useCluster(clusterId: string): { heard: Heard | null; ageMs: number | null } {
  const { clusters } = useLive();
  const nowMs = useNow(1000);
  const heard = clusters.get(clusterId) ?? null;
  return useMemo(
    () => ({ heard, ageMs: heard ? Math.max(0, nowMs - heard.heardAtMs) : null }),
    [heard, nowMs],
  );
}

export function useNow(everyMs: number): number {
  const [nowMs, setNowMs] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNowMs(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return nowMs;
}
