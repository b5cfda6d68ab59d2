'use client';

import type { BriefStatus, HistoryKind, LiveStatus } from '@quantadb/api/client-types';
import { type QueryClient, useQueryClient } from '@tanstack/react-query';
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from 'react';
import { io } from 'socket.io-client';
import { Refusals } from './refusals.ts';
import { useTRPC } from './trpc.ts';
import { Watching } from './watching.ts';

/** When a status arrived here, by this browser's clock: ages never compare two machines' clocks. */
interface HeardAt {
  heardAtMs: number;
}
export type Heard = LiveStatus & HeardAt;
export type HeardBriefly = BriefStatus & HeardAt;

interface LivePicture {
  connection: 'connecting' | 'live' | 'silent' | 'lost';
  /** All of them, in brief. */
  clusters: ReadonlyMap<string, HeardBriefly>;
  /** Those that are shown, in full. */
  shown: ReadonlyMap<string, Heard>;
}

/** A console that hangs keeps its connections: within ten seconds it is known. */
const askEveryMs = 4_000;
const answerWithinMs = 5_000;

const nothing: LivePicture = { connection: 'connecting', clusters: new Map(), shown: new Map() };
const Context = createContext<{ picture: LivePicture; watching: Watching }>({
  picture: nothing,
  watching: new Watching(() => undefined),
});

/** Keeps one connection to /live for the whole console, on which it says what its pages show. */
export function LiveProvider({ children }: { children: ReactNode }) {
  const [picture, setPicture] = useState(nothing);
  const [watching] = useState(() => new Watching(forgetting(setPicture)));
  const queries = useQueryClient();
  const trpc = useTRPC();
  useEffect(() => {
    const socket = io('/live', {
      transports: ['websocket'],
      reconnectionDelay: 500,
      reconnectionDelayMax: 4000,
    });
    const show = (connection: LivePicture['connection']) =>
      setPicture((last) => (last.connection === connection ? last : { ...last, connection }));
    // Whose session has ended is led to the sign-in by the answer.
    const refusals = new Refusals(socket, () => {
      void queries.invalidateQueries({ queryKey: trpc.people.me.queryKey() });
    });
    const lost = () => {
      show('lost');
      refusals.lost();
    };
    socket.on('connect', () => {
      show('live');
      refusals.connected();
      watching.connected((watch) => socket.emit('watch', watch));
      // Whatever happened while the line was down is fetched again.
      void queries.invalidateQueries();
    });
    socket.on('disconnect', lost);
    socket.on('connect_error', lost);
    socket.on('status', (status: LiveStatus) => {
      const heard = { ...status, heardAtMs: heardAtMsOf(status) };
      setPicture((last) => ({
        ...last,
        clusters: new Map(last.clusters).set(status.clusterId, heard),
        shown: new Map(last.shown).set(status.clusterId, heard),
      }));
    });
    socket.on('fleet', ({ clusters: told }: { clusters: BriefStatus[] }) => {
      setPicture((last) => {
        const clusters = new Map(last.clusters);
        for (const each of told) clusters.set(each.clusterId, { ...each, heardAtMs: heardAtMsOf(each) });
        return { ...last, clusters };
      });
    });
    socket.on('changed', (what: { clusterId: string; kind: HistoryKind }) => fetchAgain(queries, trpc, what));
    const asking = setInterval(() => {
      if (!socket.connected) return;
      socket.timeout(answerWithinMs).emit('are-you-there', (error: Error | null) => {
        if (socket.connected) show(error ? 'silent' : 'live');
      });
    }, askEveryMs);
    return () => {
      clearInterval(asking);
      watching.connected(null);
      refusals.close();
      socket.close();
    };
  }, [queries, trpc, watching]);
  const value = useMemo(() => ({ picture, watching }), [picture, watching]);
  return <Context value={value}>{children}</Context>;
}

function heardAtMsOf({ ageMs }: { ageMs?: number }): number {
  return Date.now() - (ageMs ?? 0);
}

/** What is shown no longer would be old when it is shown again. */
function forgetting(setPicture: (change: (last: LivePicture) => LivePicture) => void) {
  return (clusterIds: readonly string[]) =>
    setPicture((last) => {
      const shown = [...last.shown].filter(([clusterId]) => clusterIds.includes(clusterId));
      return shown.length === last.shown.size ? last : { ...last, shown: new Map(shown) };
    });
}

function fetchAgain(
  queries: QueryClient,
  trpc: ReturnType<typeof useTRPC>,
  { clusterId, kind }: { clusterId: string; kind: HistoryKind },
): void {
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
}

/** The connection, and every cluster in brief: names and health at once, lag within seconds. */
export function useLive(): Pick<LivePicture, 'connection' | 'clusters'> {
  return useContext(Context).picture;
}

/** Every cluster in brief, as soon as something is heard of it. */
export function useFleet(): LivePicture['clusters'] {
  const { picture, watching } = useContext(Context);
  useEffect(() => watching.showFleet(), [watching]);
  return picture.clusters;
}

/** The cluster's newest status with its age, counted on by a clock of its own while nothing arrives. */
export function useCluster(clusterId: string): { heard: Heard | null; ageMs: number | null } {
  const { picture, watching } = useContext(Context);
  useEffect(() => watching.showCluster(clusterId), [clusterId, watching]);
  const nowMs = useNow(1000);
  const heard = picture.shown.get(clusterId) ?? null;
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
