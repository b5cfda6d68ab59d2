import { describe, expect, it } from 'vitest';
import type { SyncSet } from '../contract/cluster-state.ts';
import { type syncSetAfterElection, targetSyncSet } from './quorum.ts';
import {
  anyTarget,
  checkKept,
  type Exploration,
  explore,
  moved,
  start,
  take,
  targetsOf,
} from './testing/explore.ts';
import { commit, confirm, keyOf, nodeNames, type World } from './testing/sync-world.ts';
import { nextSyncStep, type SyncTarget, whyNotMove } from './transitions.ts';

function isReached({ set, unconfirmed }: World, target: SyncTarget): boolean {
  const wanted = targetSyncSet(target.standbys, target.count);
  return unconfirmed.length === 0 && JSON.stringify(wanted) === JSON.stringify(set);
}

/** Every set that differs from this one in one node and one number of one part. */
function neighbours(world: World, size: number): SyncSet[] {
  const { set, primary } = world;
  const others = nodeNames.slice(0, size).filter((name) => name !== primary);
  const toggled = (names: string[]) => [
    names,
    ...others.map((name) =>
      names.includes(name) ? names.filter((other) => other !== name) : [...names, name].sort(),
    ),
  ];
  const changes = [-1, 0, 1];
  const logs = toggled(set.electors).flatMap((electors) =>
    changes.map((change) => ({ ...set, electors, votes: set.votes + change })),
  );
  const postgres = toggled(set.standbys).flatMap((standbys) =>
    changes.map((change) => ({ ...set, standbys, count: set.count + change })),
  );
  return [...logs, ...postgres].filter(({ votes, count }) => votes >= 0 && votes <= size && count >= 0);
}

/** The next step of each of these worlds (which contain all that follows from them) towards each target. */
function* everyStep(worlds: World[]) {
  for (const world of worlds) {
    for (const target of targetsOf(world.primary, 5)) {
      yield { world, target, step: nextSyncStep(world, world.primary, target) };
    }
  }
}

describe('moves of the sync set', () => {
  const worlds = explore({ size: 5, elections: true, next: anyTarget(5) });

  it('I-SYNC-4: every acknowledged commit meets every election at every moment of every move, up to five nodes', () => {
    expect(worlds.length).toBeGreaterThan(1000);
    const halfway = worlds.filter(({ set }) => set.electors.length !== set.standbys.length);
    expect(halfway.length).toBeGreaterThan(100);
    expect(worlds.some(({ unconfirmed }) => unconfirmed.length > 0)).toBe(true);
  });

  it('I-SYNC-4: no step that is accepted can lose a commit, whoever proposes it', () => {
    const next = (world: World) => {
      const accepted = neighbours(world, 4).filter((set) => whyNotMove(world, set, world.primary) === null);
      return [...accepted.map((set) => moved(world, set)), commit(confirm(world))];
    };
    expect(explore({ size: 4, elections: true, next }).length).toBeGreaterThan(1000);
  });

  it('reach every target from everywhere, in few steps', () => {
    let longest = 0;
    for (const from of explore({ size: 4, elections: true, next: anyTarget(4) })) {
      for (const target of targetsOf(from.primary, 4)) {
        let steps = 0;
        for (let world: World | null = from; world; world = take(world, target)) {
          if (isReached(world, target)) break;
          steps += 1;
          if (steps > 40) throw new Error(`${keyOf(from)} never reaches ${JSON.stringify(target)}`);
        }
        longest = Math.max(longest, steps);
      }
    }
    expect(longest).toBeLessThanOrEqual(30);
  });

  it('I-SYNC-5: an available cluster drops dead standbys without waiting for one of them to confirm', () => {
    for (const { world, step, target } of everyStep(worlds)) {
      if (target.isStrict || step.kind !== 'confirm') continue;
      const living = world.set.standbys.filter((name) => target.standbys.includes(name)).length;
      if (living < world.set.count) throw new Error(`${keyOf(world)} to ${JSON.stringify(target)} hangs`);
    }
  });

  it('I-SYNC-6: a strict cluster never waits for fewer than it is to, except to take half a step back', () => {
    for (const { world, step, target } of everyStep(worlds)) {
      if (!target.isStrict || step.kind !== 'move') continue;
      const isHalfway = world.set.standbys.length > world.set.electors.length;
      const least = Math.min(world.set.count - (isHalfway ? 1 : 0), target.count);
      if (step.next.count < least) throw new Error(`${keyOf(world)} to ${JSON.stringify(target)}`);
    }
  });

  it('end at the wanted set of a cluster that grows from three to five nodes, one part at a time', () => {
    const steps: string[] = [];
    let world: World | null = commit({ ...start(), set: targetSyncSet(['b', 'c'], 1) });
    const target = { standbys: ['b', 'c', 'd', 'e'], count: 2, isStrict: true };
    while (world) {
      const { electors, votes, standbys, count } = world.set;
      steps.push(`V=${electors.join('')} q=${votes} S=${standbys.join('')} n=${count}`);
      world = take(world, target);
    }
    expect([...new Set(steps)]).toEqual([
      'V=bc q=1 S=bc n=1',
      'V=bc q=1 S=bcd n=2',
      'V=bcd q=1 S=bcd n=2',
      'V=bcde q=2 S=bcd n=2',
      'V=bcde q=2 S=bcde n=2',
    ]);
  });
});

describe('naive moves of the sync set', () => {
  /** Takes the orders of `nextSyncStep` apart: what is refused becomes possible, and the check must see it. */
  const naive = (sets: (world: World) => SyncSet[], more: Partial<Exploration> = {}) =>
    explore({
      size: 4,
      elections: false,
      check: checkKept,
      next: (world) => [...sets(world).map((set) => moved(world, set)), ...anyTarget(4)(world)],
      ...more,
    });
  const atRest = ({ set, unconfirmed }: World) =>
    unconfirmed.length === 0 &&
    JSON.stringify(set) === JSON.stringify(targetSyncSet(set.standbys, set.count));

  it.each([
    [
      'waits for a new standby before its vote is counted',
      (set: SyncSet) => ({ ...set, standbys: [...set.standbys, 'd'].sort() }),
    ],
    [
      'takes the vote away before PostgreSQL stops waiting for it',
      (set: SyncSet) => ({ ...set, electors: set.electors.slice(1), votes: set.votes - 1 }),
    ],
    [
      'waits for fewer before elections take more votes',
      (set: SyncSet) => ({ ...set, count: set.count - 1 }),
    ],
    [
      'lets elections take fewer votes before PostgreSQL waits for more',
      (set: SyncSet) => ({ ...set, votes: set.votes - 1 }),
    ],
    ['swaps a member in one go', (set: SyncSet) => ({ ...set, electors: ['d'], standbys: ['d'] })],
  ])('lose a commit when somebody %s', (_what, change) => {
    const broken = (world: World) => {
      const next = change(world.set);
      const isPossible =
        next.votes >= 0 && next.count >= 0 && new Set(next.standbys).size === next.standbys.length;
      return atRest(world) &&
        world.set.standbys.length > 0 &&
        !next.standbys.includes(world.primary) &&
        isPossible
        ? [next]
        : [];
    };
    expect(() => naive(broken)).toThrow(/elect without/);
  });

  it('lose a commit when a step builds on what PostgreSQL has not confirmed', () => {
    const hasty = (world: World): World[] =>
      neighbours(world, 4)
        .filter((set) => whyNotMove({ ...world, unconfirmed: [] }, set, world.primary) === null)
        .map((set) => commit({ ...world, set, unconfirmed: [] }));
    expect(() => explore({ size: 4, elections: false, next: hasty, check: checkKept })).toThrow(
      /elect without/,
    );
  });

  it('lose a commit when the next reign counts on a standby that was only about to become an elector', () => {
    const successor: typeof syncSetAfterElection = (set, oldPrimary, candidate) => {
      if (candidate === oldPrimary || oldPrimary === null || set.electors.length === 0) return set;
      const members = new Set([...set.electors, ...set.standbys, oldPrimary]);
      members.delete(candidate);
      const others = [...members].sort();
      return { electors: others, votes: set.votes, standbys: others, count: others.length - set.votes };
    };
    expect(() => naive(() => [], { elections: true, successor })).toThrow(/elect without/);
  });
});
