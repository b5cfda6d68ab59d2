import type { ClusterStatus } from '@quantadb/api/client-types';
import type { Tone } from '@quantadb/ui/patterns/status';

/** What the page draws, from what routers have counted (pure). */

export type Router = ClusterStatus['routers'][number];
export type Traffic = NonNullable<Router['traffic']>;

/** One look at one router. */
export interface Look {
  atMs: number;
  node: string;
  traffic: Traffic;
}

/** Per second, between two looks. */
export interface Rates {
  statements: number;
  transactions: number;
  /** Of the statements, those that standbys answered; null while there are none. */
  replicaShare: number | null;
  /** Mean wait for a server, of those that had to wait; null when none had. */
  waitMs: number | null;
}

/** Rates over so long are calm enough to read. */
const rateMs = 5_000;
/** One of them is missing now and then. */
const keptMs = 4 * rateMs;

export function appendLooks(before: Look[], routers: Router[], atMs: number): Look[] {
  const fresh = routers.flatMap(({ node, traffic }) => (traffic ? [{ atMs, node, traffic }] : []));
  return [...before.filter((look) => look.atMs > atMs - keptMs), ...fresh];
}

/** Null until it has been looked at twice, and after it has started anew: its counters began again. */
export function ratesOf(looks: Look[], node: string): Rates | null {
  const own = looks.filter((look) => look.node === node);
  const last = own.at(-1);
  const first = last && own.find((look) => look.atMs >= last.atMs - rateMs && look !== last);
  return last && first ? between(first, last) : null;
}

function between(first: Look, last: Look): Rates | null {
  const seconds = (last.atMs - first.atMs) / 1000;
  const grown = (name: string) => (last.traffic.counters[name] ?? 0) - (first.traffic.counters[name] ?? 0);
  const statements = grown('statements');
  if (seconds <= 0 || statements < 0) return null;
  const waits = grown('waits');
  return {
    statements: statements / seconds,
    transactions: grown('transactions') / seconds,
    replicaShare: statements === 0 ? null : grown('replicaReads') / statements,
    waitMs: waits === 0 ? null : grown('waitMsTotal') / waits,
  };
}

/** What a client was told since the router started, that nobody likes to hear. */
export function troubleOf({ counters }: Traffic): string[] {
  const told: [string, string][] = [
    ['unresolved', 'commits whose outcome nobody knows (08007)'],
    ['aborted', 'transactions ended because their server was lost (40001)'],
    ['waitTimeouts', 'statements that waited too long for a server'],
    ['clientsRefused', 'clients refused'],
    ['serversFailed', 'connections to servers that failed'],
  ];
  return told.flatMap(([name, words]) => {
    const count = counters[name] ?? 0;
    return count > 0 ? [`${count} ${words}`] : [];
  });
}

export function toneOf(router: Router): { tone: Tone; words: string } {
  const { traffic } = router;
  if (!traffic) return { tone: 'muted', words: 'an older release, which tells nothing' };
  if (traffic.isDraining) return { tone: 'working', words: 'draining' };
  if (traffic.waiting > 0) return { tone: 'warning', words: `${traffic.waiting} waiting` };
  return { tone: 'good', words: 'open' };
}
