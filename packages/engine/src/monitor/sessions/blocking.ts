import type { Session } from '../../contract/sessions.ts';

/** Who keeps whom waiting (pure). */

export type Waiting = Pick<Session, 'pid' | 'blockedBy'>;

/** One session of the forest, read from the top down. */
export interface BlockingLine {
  /** 0: a prepared transaction. */
  pid: number;
  /** 0: it waits for nobody, or for somebody that waits for it. */
  depth: number;
  /** How many wait below it. */
  waiting: number;
  /** Others it waits for, beside the one it stands under. */
  alsoBlockedBy: number[];
  /** It waits for one that waits for it; PostgreSQL ends such a knot by itself. */
  isKnot: boolean;
}

/**
 * Each session that waits stands once, under the one it waits for that is nearest to a root: what has to end first stands on
 * top. The roots with the most below them come first. Of a knot without a root its first session is taken for one.
 */
export function blockingForest(sessions: readonly Waiting[]): BlockingLine[] {
  const blockers = new Map<number, number[]>();
  for (const { pid, blockedBy } of sessions) {
    const others = [...new Set(blockedBy)].filter((other) => other !== pid);
    if (others.length > 0) blockers.set(pid, others);
  }
  const waiters = new Map<number, number[]>();
  for (const [pid, others] of blockers)
    for (const other of others) waiters.set(other, [...(waiters.get(other) ?? []), pid]);
  const roots = [...waiters.keys()].filter((pid) => !blockers.has(pid));
  const parents = reach(roots, waiters);
  for (const pid of blockers.keys()) {
    if (parents.has(pid)) continue;
    roots.push(pid);
    for (const [below, parent] of reach([pid], waiters, parents)) parents.set(below, parent);
  }
  return draw(roots, { parents, blockers });
}

/** Everybody below the roots with the one they stand under, the nearest to a root first. */
function reach(
  roots: number[],
  waiters: ReadonlyMap<number, number[]>,
  known: ReadonlyMap<number, number | null> = new Map(),
): Map<number, number | null> {
  const parents = new Map<number, number | null>(roots.map((root) => [root, null]));
  // A Map is walked in the order of insertion, also over what is added meanwhile.
  for (const pid of parents.keys())
    for (const waiter of waiters.get(pid) ?? [])
      if (!parents.has(waiter) && !known.has(waiter)) parents.set(waiter, pid);
  return parents;
}

function draw(
  roots: number[],
  { parents, blockers }: { parents: Map<number, number | null>; blockers: Map<number, number[]> },
): BlockingLine[] {
  const below = new Map<number, number[]>();
  for (const [pid, parent] of parents)
    if (parent !== null) below.set(parent, [...(below.get(parent) ?? []), pid]);
  const sizes = new Map<number, number>();
  // The last that was reached has nobody below it that is not counted yet.
  for (const pid of [...parents.keys()].reverse())
    sizes.set(
      pid,
      (below.get(pid) ?? []).reduce((sum, each) => sum + 1 + (sizes.get(each) ?? 0), 0),
    );
  const lines: BlockingLine[] = [];
  const sizeOf = (pid: number) => sizes.get(pid) ?? 0;
  const bySize = (pids: number[]) => [...pids].sort((one, other) => sizeOf(other) - sizeOf(one));
  const open = bySize(roots)
    .reverse()
    .map((pid) => ({ pid, depth: 0 }));
  for (let next = open.pop(); next; next = open.pop()) {
    const { pid, depth } = next;
    const parent = parents.get(pid) ?? null;
    const others = blockers.get(pid) ?? [];
    lines.push({
      ...{ pid, depth, waiting: sizeOf(pid), alsoBlockedBy: others.filter((other) => other !== parent) },
      isKnot: parent === null && others.length > 0,
    });
    for (const each of bySize(below.get(pid) ?? []).reverse()) open.push({ pid: each, depth: depth + 1 });
  }
  return lines;
}
