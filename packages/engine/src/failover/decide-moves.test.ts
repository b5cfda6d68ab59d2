import { describe, expect, it } from 'vitest';
import type { SealVote } from '../contract/cluster-state.ts';
import { compareLsn } from '../postgres/lsn.ts';
import { anyTarget, explore, namesOf } from '../replication/testing/explore.ts';
import { choices, keyOf, maskOf, type World } from '../replication/testing/sync-world.ts';
import { type Election, elect, electorsOf, restartable } from './decide.ts';

/** The newest acknowledged commit is held by `holders` alone; everybody in `answering` has sealed and says so. */
function electionIn(world: World, holders: number, answering: string[], oldPrimaryRuns: boolean): Election {
  const votes = answering.map((node): SealVote => {
    const promotable = node !== world.primary || oldPrimaryRuns;
    const lsn = (holders & maskOf([node])) !== 0 ? '0/200' : '0/100';
    return {
      ok: true,
      node,
      position: { timeline: 2, lsn },
      history: [],
      promotable,
      whyNotPromotable: promotable ? null : restartable,
      livePrimary: false,
    };
  });
  return elect({
    oldPrimary: world.primary,
    syncSet: world.set,
    votes,
    pending: [],
    preferred: null,
    avoided: new Map(),
    compare: (left, right) => compareLsn(left.lsn, right.lsn),
  });
}

describe('elections while the sync set moves', () => {
  const worlds = explore({ size: 4, elections: true, next: anyTarget(4) });

  it('I-ELECT-7: in every state of every move, whoever is elected holds every acknowledged commit', () => {
    let elections = 0;
    for (const world of worlds) {
      const electors = electorsOf({ oldPrimary: world.primary, syncSet: world.set });
      const everybody = maskOf(electors);
      const answers = electors.flatMap((_, index) => choices(everybody, index + 1));
      for (const answering of answers.map(namesOf)) {
        for (const holders of world.holders) {
          for (const oldPrimaryRuns of [true, false]) {
            const election = electionIn(world, holders, answering, oldPrimaryRuns);
            if (election.kind !== 'promote') continue;
            elections += 1;
            if ((holders & maskOf([election.candidate])) !== 0) continue;
            throw new Error(`${keyOf(world)}: ${answering} elect ${election.candidate}`);
          }
        }
      }
    }
    expect(elections).toBeGreaterThan(1000);
  });

  it('I-ELECT-2: in every state of every move, somebody is elected exactly when enough electors answer', () => {
    for (const world of worlds) {
      const electors = electorsOf({ oldPrimary: world.primary, syncSet: world.set });
      for (const [index] of electors.entries()) {
        for (const answering of choices(maskOf(electors), index + 1).map(namesOf)) {
          const election = electionIn(world, maskOf(electors), answering, true);
          expect(election.kind).toBe(answering.length > world.set.votes ? 'promote' : 'blocked');
        }
      }
    }
  });
});
