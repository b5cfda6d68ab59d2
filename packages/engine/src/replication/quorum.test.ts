import { describe, expect, it } from 'vitest';
import { seededRandom } from '../shared/random.ts';
import { syncSetAfterElection, syncSetProblem, targetSyncSet } from './quorum.ts';

function subsets<T>(items: T[]): T[][] {
  return items.reduce<T[][]>((all, item) => all.concat(all.map((subset) => [...subset, item])), [[]]);
}

/** Every commit (L and n of S) must meet every election (a candidate and q more of V ∪ {L}). */
function everyCommitMeetsEveryElection(set: ReturnType<typeof targetSyncSet>, primary: string): boolean {
  const commits = subsets(set.standbys)
    .filter((acks) => acks.length === set.count)
    .map((acks) => [primary, ...acks]);
  const elections = subsets([...set.electors, primary]).filter((votes) => votes.length === set.votes + 1);
  return commits.every((commit) =>
    elections.every((election) => election.some((node) => commit.includes(node))),
  );
}

describe('the quorum rule (I-SYNC-1)', () => {
  it('accepts three data nodes that wait for one of two standbys', () => {
    const set = targetSyncSet(['node-3', 'node-2'], 1);
    expect(set).toEqual({
      electors: ['node-2', 'node-3'],
      votes: 1,
      standbys: ['node-2', 'node-3'],
      count: 1,
    });
    expect(syncSetProblem(set, 'node-1')).toBeNull();
  });

  it('lets every commit meet every election, for every set it accepts with up to five nodes', () => {
    const nodes = ['b', 'c', 'd', 'e'];
    let accepted = 0;
    for (const electors of subsets(nodes)) {
      for (const standbys of subsets(nodes)) {
        for (let count = 0; count <= standbys.length; count += 1) {
          for (let votes = 0; votes <= electors.length; votes += 1) {
            const set = { electors, votes, standbys, count };
            if (syncSetProblem(set, 'a') !== null) continue;
            accepted += 1;
            expect(everyCommitMeetsEveryElection(set, 'a'), JSON.stringify(set)).toBe(true);
          }
        }
      }
    }
    expect(accepted).toBeGreaterThan(50);
  });

  it('refuses a set in which an election can miss a commit', () => {
    const set = { electors: ['b', 'c'], votes: 0, standbys: ['b', 'c'], count: 1 };
    expect(everyCommitMeetsEveryElection(set, 'a')).toBe(false);
    expect(syncSetProblem(set, 'a')).toContain('too many');
  });

  it('keeps commits and elections meeting through any chain of elections', () => {
    const random = seededRandom(7);
    let primary = 'a';
    let set = targetSyncSet(['b', 'c', 'd'], 2);
    for (let round = 0; round < 200; round += 1) {
      const candidate = set.electors[Math.floor(random() * set.electors.length)] ?? primary;
      set = syncSetAfterElection(set, primary, candidate);
      primary = candidate;
      expect(syncSetProblem(set, primary)).toBeNull();
      expect(everyCommitMeetsEveryElection(set, primary)).toBe(true);
    }
  });
});
