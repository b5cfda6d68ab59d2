import { describe, expect, it } from 'vitest';
import type { SealVote, TimelineRecord } from '../contract/cluster-state.ts';
import { compareWalPositions } from '../postgres/timeline-history.ts';
import { targetSyncSet } from '../replication/quorum.ts';
import { type ElectionInput, elect, holdsNoData, restartable } from './decide.ts';

type Vote = Extract<SealVote, { ok: true }>;

const timelines: TimelineRecord[] = [
  { id: 1, parentId: null, forkLsn: null, epoch: 1, status: 'recorded' },
  { id: 2, parentId: 1, forkLsn: '0/80', epoch: 2, status: 'recorded' },
];

function vote(node: string, lsn: string, more: Partial<Vote> = {}): Vote {
  const position = { timeline: 2, lsn };
  return {
    ok: true,
    node,
    position,
    history: [],
    promotable: true,
    whyNotPromotable: null,
    livePrimary: false,
    ...more,
  };
}

function election(votes: SealVote[], more: Partial<ElectionInput> = {}) {
  return elect({
    oldPrimary: 'node-1',
    syncSet: targetSyncSet(['node-2', 'node-3'], 1),
    votes,
    pending: [],
    preferred: null,
    avoided: new Map(),
    compare: (left, right) => compareWalPositions(left, right, { current: 2, timelines }),
    ...more,
  });
}

describe('election (I-ELECT)', () => {
  it('promotes the elector with the most WAL when enough others hold no more (I-ELECT-1)', () => {
    const outcome = election([vote('node-2', '0/100'), vote('node-3', '0/120')]);
    expect(outcome).toMatchObject({ kind: 'promote', candidate: 'node-3', parentTimeline: 2 });
    expect(
      outcome.kind === 'promote' && outcome.verdicts.find((entry) => entry.node === 'node-2')?.verdict,
    ).toContain('0/100');
  });

  it('is blocked, and names who would unblock it, when one elector alone answers (I-ELECT-2)', () => {
    const outcome = election([
      vote('node-2', '0/100'),
      { ok: false, node: 'node-3', reason: 'connection refused' },
    ]);
    expect(outcome.kind).toBe('blocked');
    expect(outcome.kind === 'blocked' && outcome.blockedBy).toContain('Bring back node-1 or node-3');
  });

  it('does not ask for a node that is there but has lost its data (I-ELECT-8)', () => {
    const outcome = election([vote('node-2', '0/100'), { ok: false, node: 'node-3', reason: holdsNoData }]);
    expect(outcome.kind === 'blocked' && outcome.blockedBy).toBe(
      'No node may be promoted without risking acknowledged writes: 1 of 2 needed electors can vote. node-3 cannot: without data. Bring back node-1.',
    );
  });

  it('lets a live primary go on instead of replacing it (I-ELECT-3)', () => {
    const outcome = election([
      vote('node-1', '0/90', { livePrimary: true }),
      vote('node-2', '0/100'),
      vote('node-3', '0/100'),
    ]);
    expect(outcome).toMatchObject({ kind: 'keep', candidate: 'node-1' });
  });

  it('does not count a vote of a node that holds more WAL than the candidate (I-ELECT-4)', () => {
    const stopped = vote('node-1', '0/200', { promotable: false, whyNotPromotable: 'its data is damaged' });
    expect(election([stopped, vote('node-2', '0/100')]).kind).toBe('blocked');
  });

  it('takes the stopped old primary only when the standbys cannot elect without it', () => {
    const stopped = vote('node-1', '0/200', { promotable: false, whyNotPromotable: restartable });
    expect(election([stopped, vote('node-2', '0/100'), vote('node-3', '0/100')])).toMatchObject({
      candidate: 'node-2',
    });
    expect(election([stopped, vote('node-2', '0/100')])).toMatchObject({
      kind: 'promote',
      candidate: 'node-1',
    });
  });

  it('never lets WAL of an older timeline beat the newer one by its number (I-ELECT-5)', () => {
    const returned = vote('node-1', '0/FFF', { position: { timeline: 1, lsn: '0/FFF' } });
    expect(election([returned, vote('node-2', '0/90'), vote('node-3', '0/90')])).toMatchObject({
      candidate: 'node-2',
    });
  });

  it('ignores the word of nodes outside V ∪ {L} (I-ELECT-6)', () => {
    const outcome = election([vote('node-2', '0/100'), vote('node-4', '0/100'), vote('witness', '0/100')]);
    expect(outcome.kind).toBe('blocked');
  });

  it('prefers the wanted node among equals, and refuses it when it holds less', () => {
    expect(
      election([vote('node-2', '0/100'), vote('node-3', '0/100')], { preferred: 'node-3' }),
    ).toMatchObject({ candidate: 'node-3' });
    expect(
      election([vote('node-2', '0/100'), vote('node-3', '0/90')], { preferred: 'node-3' }),
    ).toMatchObject({ candidate: 'node-2' });
  });

  it('I-ELECT-9: a priority decides among nodes that hold the same WAL, and never against WAL', () => {
    const priorities = new Map([
      ['node-2', 10],
      ['node-3', 90],
    ]);
    const equals = election([vote('node-2', '0/100'), vote('node-3', '0/100')], { priorities });
    expect(equals).toMatchObject({ candidate: 'node-3' });
    expect(equals.verdicts.find(({ node }) => node === 'node-2')?.verdict).toMatch(/has a higher priority/);
    const more = election([vote('node-2', '0/120'), vote('node-3', '0/100')], { priorities });
    expect(more).toMatchObject({ candidate: 'node-2' });
    const wanted = election([vote('node-2', '0/100'), vote('node-3', '0/100')], {
      priorities,
      preferred: 'node-2',
    });
    expect(wanted).toMatchObject({ candidate: 'node-2' });
  });

  it('I-ELECT-9: a node that is barred votes and never becomes primary; alone with the newest WAL it is named', () => {
    const bar = { why: 'it is set to be never made primary', cure: 'Change that.' };
    const avoided = new Map([['node-3', bar]]);
    const equals = election([vote('node-2', '0/100'), vote('node-3', '0/100')], { avoided });
    expect(equals).toMatchObject({ kind: 'promote', candidate: 'node-2' });
    const newest = election([vote('node-2', '0/90'), vote('node-3', '0/100')], { avoided });
    expect(newest).toMatchObject({
      kind: 'blocked',
      blockedBy: 'node-3 could be promoted safely, but it is set to be never made primary. Change that.',
    });
  });

  it('returns to the old primary after a clean stop of everything, so that nothing moves without need', () => {
    const votes = [vote('node-1', '0/100'), vote('node-2', '0/100'), vote('node-3', '0/100')];
    expect(election(votes)).toMatchObject({ candidate: 'node-1' });
  });

  it('lets nobody but the last primary lead a cluster without electors', () => {
    const alone = { syncSet: { electors: [], votes: 0, standbys: [], count: 0 } };
    expect(election([vote('node-2', '0/100')], alone).kind).toBe('blocked');
    expect(election([vote('node-1', '0/100')], alone)).toMatchObject({
      kind: 'promote',
      candidate: 'node-1',
    });
  });
});

describe('every election finds every acknowledged write (I-ELECT-7)', () => {
  it('holds for every choice of acknowledging and answering nodes among three', () => {
    const nodes = ['node-1', 'node-2', 'node-3'];
    let elections = 0;
    for (const acknowledged of ['node-2', 'node-3']) {
      for (let answering = 0; answering < 8; answering += 1) {
        for (const stopped of [true, false]) {
          const holders = new Set(['node-1', acknowledged]);
          const votes = nodes
            .filter((_, index) => (answering & (1 << index)) !== 0)
            .map((node) => {
              const isDown = node === 'node-1' && stopped;
              const lsn = holders.has(node) ? '0/100' : '0/90';
              return vote(node, lsn, isDown ? { promotable: false, whyNotPromotable: restartable } : {});
            });
          const outcome = election(votes);
          if (outcome.kind === 'blocked') continue;
          elections += 1;
          expect(
            holders.has(outcome.candidate),
            `${outcome.candidate} lacks the write: ${JSON.stringify(votes)}`,
          ).toBe(true);
        }
      }
    }
    expect(elections).toBeGreaterThan(8);
  });
});
