import type { SyncSet } from '../../contract/cluster-state.ts';
import { emptySyncSet, syncSetAfterElection, syncSetProblem } from '../quorum.ts';
import { nextSyncStep, type SyncTarget, unconfirmedAfter } from '../transitions.ts';
import {
  afterElection,
  choices,
  commit,
  confirm,
  keyOf,
  lostByElection,
  maskOf,
  nodeNames,
  type World,
  winners,
} from './sync-world.ts';

/** Every world that moves of the sync set and elections can lead to, for exhaustive tests. */

export const start = (): World => commit({ primary: 'a', set: emptySyncSet, unconfirmed: [], holders: [] });

export function namesOf(mask: number): string[] {
  return nodeNames.filter((name) => (mask & maskOf([name])) !== 0);
}

/** Every target among the other nodes of a cluster of `size`, with every count. */
export function targetsOf(primary: string, size: number): SyncTarget[] {
  const others = maskOf(nodeNames.slice(0, size).filter((name) => name !== primary));
  const counts = Array.from({ length: size }, (_, count) => count);
  return [true, false].flatMap((isStrict) =>
    counts.flatMap((standbys) =>
      choices(others, standbys).flatMap((mask) =>
        counts.slice(0, standbys + 1).map((count) => ({ standbys: namesOf(mask), count, isStrict })),
      ),
    ),
  );
}

export function moved(world: World, next: SyncSet): World {
  return commit({ ...world, set: next, unconfirmed: unconfirmedAfter(world, next) });
}

export function take(world: World, target: SyncTarget): World | null {
  const step = nextSyncStep(world, world.primary, target);
  if (step.kind === 'done') return null;
  return step.kind === 'confirm' ? commit(confirm(world)) : moved(world, step.next);
}

export function checkKept(world: World): void {
  const lost = lostByElection(world);
  if (lost)
    throw new Error(`${keyOf(world)}: ${namesOf(lost.voters)} elect without ${namesOf(lost.holders)}`);
}

function checkSafe(world: World): void {
  checkKept(world);
  for (const { standbys, count } of [world.set, ...world.unconfirmed]) {
    const problem = syncSetProblem({ ...world.set, standbys, count }, world.primary);
    if (problem) throw new Error(`${keyOf(world)}: ${problem}`);
  }
}

export interface Exploration {
  size: number;
  elections: boolean;
  /** What may come after a world, apart from elections. */
  next(world: World): (World | null)[];
  successor?: typeof syncSetAfterElection;
  check?(world: World): void;
}

/** Every world that can be reached, each checked; throws at the first one in which a commit can be lost. */
export function explore({
  size,
  elections,
  next,
  successor = syncSetAfterElection,
  check = checkSafe,
}: Exploration): World[] {
  const first = start();
  const seen = new Map([[keyOf(first), first]]);
  const queue = [first];
  for (let world = queue.pop(); world; world = queue.pop()) {
    check(world);
    const elected = (elections ? winners(world) : []).map((winner) =>
      commit(afterElection(world as World, winner, successor(world.set, world.primary, winner))),
    );
    for (const following of [...next(world), ...elected]) {
      if (!following || seen.has(keyOf(following))) continue;
      seen.set(keyOf(following), following);
      queue.push(following);
    }
    if (seen.size > 200_000) throw new Error(`more worlds than ${size} nodes can make`);
  }
  return [...seen.values()];
}

/** The target may change at any moment, between any two steps. */
export function anyTarget(size: number): (world: World) => (World | null)[] {
  const targets = new Map(nodeNames.map((name) => [name, targetsOf(name, size)]));
  return (world) => (targets.get(world.primary) ?? []).map((target) => take(world, target));
}
