'use client';

import type { BriefStatus, ClusterStatus, HistoryKind, LiveStatus } from '@quantadb/api/client-types';
import { staleAfterMs } from '@quantadb/ui/patterns/stale';
import { type QueryClient, useQuery, useQueryClient } from '@tanstack/react-query';
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from 'react';
import { io } from 'socket.io-client';
import { heardAtMsOf, newerOf, type Told } from './ages.ts';
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
/** While nothing is heard live; often enough that what is answered is not taken for old between two answers. */
export const askAgainMs = 5_000;

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
      const heard = { ...status, heardAtMs: heardAtMsOf(status, Date.now()) };
      setPicture((last) => ({
        ...last,
        clusters: new Map(last.clusters).set(status.clusterId, heard),
        shown: new Map(last.shown).set(status.clusterId, heard),
      }));
    });
    socket.on('fleet', ({ clusters: told }: { clusters: BriefStatus[] }) => {
      setPicture((last) => {
        const clusters = new Map(last.clusters);
        for (const each of told)
          clusters.set(each.clusterId, { ...each, heardAtMs: heardAtMsOf(each, Date.now()) });
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

/** What the live line has told of the cluster last. */
export function useCluster(clusterId: string): { heard: Heard | null } {
  const { picture, watching } = useContext(Context);
  useEffect(() => watching.showCluster(clusterId), [clusterId, watching]);
  return { heard: picture.shown.get(clusterId) ?? null };
}

export interface ClusterNow {
  told: (Told & { status: ClusterStatus }) | null;
  /** Counted on while nothing arrives. */
  ageMs: number | null;
  error: unknown;
  refetch(): void;
}

/** The cluster's newest status, as the live line tells it and, while that tells nothing, as the console answers. */
export function useClusterNow(clusterId: string): ClusterNow {
  const trpc = useTRPC();
  const { connection } = useLive();
  const { heard } = useCluster(clusterId);
  const nowMs = useNow(1000);
  const isHeard = connection === 'live' && heard !== null && nowMs - heard.heardAtMs <= staleAfterMs;
  const { data, dataUpdatedAt, error, refetch } = useQuery({
    ...trpc.clusters.get.queryOptions({ clusterId }),
    refetchInterval: isHeard ? false : askAgainMs,
  });
  const asked = data && {
    status: data.status,
    reportedAtMs: Date.parse(data.reportedAt),
    heardAtMs: heardAtMsOf(data, dataUpdatedAt),
  };
  const told = newerOf<Told & { status: ClusterStatus }>(heard, asked ?? null);
  return {
    ...{ told, error, refetch: () => void refetch() },
    ageMs: told && Math.max(0, nowMs - told.heardAtMs),
  };
}

export function useNow(everyMs: number): number {
  const [nowMs, setNowMs] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNowMs(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return nowMs;
}
