import type { AppRouter } from '@quantadb/api/client-types';
import type { inferRouterOutputs } from '@trpc/server';

/** Which sessions are shown, and what stands out among them (pure). */

export type Answer = inferRouterOutputs<AppRouter>['sessions']['list'];
export type NodeSessions = Answer['nodes'][number];
export type Session = NodeSessions['sessions'][number] & { node: string };
export type BlockingLine = NodeSessions['blocking'][number];

export const stateNames = ['active', 'idle', 'idle-in-transaction'] as const;
export type StateName = (typeof stateNames)[number];
export const stateWords: Record<StateName, string> = {
  active: 'Running a statement',
  idle: 'Idle',
  'idle-in-transaction': 'Idle in a transaction',
};

export const tangles = ['blocking', 'blocked', 'either'] as const;
export type Tangle = (typeof tangles)[number];

export const agesSeconds = [1, 10, 60, 300, 3600] as const;

export interface Filter {
  node: string | null;
  state: StateName | null;
  tangle: Tangle | null;
  /** Only where the transaction or the statement under way is older than this. */
  olderThanSeconds: number | null;
  /** Also QuantaDB's own, replication, and processes of the server. */
  isAll: boolean;
}

/** Longer than this, a transaction that does nothing is called out. */
const idleTransactionMs = 60_000;
/** So many transactions behind, what a session may still see keeps vacuum from its work. */
const oldXminAge = 500_000;

export function stateOf({ state }: Pick<Session, 'state'>): StateName | null {
  if (state === null) return null;
  if (state.startsWith('idle in transaction')) return 'idle-in-transaction';
  return state === 'idle' ? 'idle' : 'active';
}

/** How long what is under way has been; null: nothing is. */
export function underWayMs(session: Pick<Session, 'state' | 'transactionMs' | 'statementMs'>): number | null {
  const state = stateOf(session);
  if (state === 'idle') return null;
  const statementMs = state === 'active' ? session.statementMs : null;
  if (session.transactionMs === null) return statementMs;
  return Math.max(session.transactionMs, statementMs ?? 0);
}

export function blockingPids({ blocking }: Pick<NodeSessions, 'blocking'>): Set<number> {
  return new Set(blocking.filter(({ waiting }) => waiting > 0).map(({ pid }) => pid));
}

export function shownSessions(nodes: readonly NodeSessions[], filter: Filter): Session[] {
  return nodes.flatMap((each) => {
    if (filter.node !== null && each.node !== filter.node) return [];
    const blocks = blockingPids(each);
    const fits = (session: NodeSessions['sessions'][number]) => {
      const isBlocked = session.blockedBy.length > 0;
      const isBlocking = blocks.has(session.pid);
      if (!filter.isAll && !isBlocked && !isBlocking && session.kind !== 'client') return false;
      if (filter.state !== null && stateOf(session) !== filter.state) return false;
      if (filter.tangle === 'blocked' && !isBlocked) return false;
      if (filter.tangle === 'blocking' && !isBlocking) return false;
      if (filter.tangle === 'either' && !isBlocked && !isBlocking) return false;
      const least = filter.olderThanSeconds;
      return least === null || (underWayMs(session) ?? 0) >= least * 1000;
    };
    return each.sessions.filter(fits).map((session) => ({ ...session, node: each.node }));
  });
}

/** What is wrong with a session, in words; empty: nothing. */
export function concernsOf(
  session: Pick<Session, 'kind' | 'state' | 'stateMs' | 'xminAge' | 'blockedBy'>,
): string[] {
  const isIdle = stateOf(session) === 'idle-in-transaction';
  return [
    ...(isIdle && (session.stateMs ?? 0) >= idleTransactionMs ? ['idle in a transaction'] : []),
    ...((session.xminAge ?? 0) >= oldXminAge ? ['holds up vacuum'] : []),
  ];
}
