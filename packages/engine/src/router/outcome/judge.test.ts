import { describe, expect, it } from 'vitest';
import { markOf } from './commit-mark.ts';
import { outcomeOf, whereIs } from './judge.ts';

const mark = { xid: '800', lsn: '0/5000', timeline: 2, commitMode: 'on' };
const timelines = [
  { id: 2, parentId: 1, forkLsn: '0/1000' },
  { id: 3, parentId: 2, forkLsn: '0/6000' },
  { id: 4, parentId: 3, forkLsn: '0/9000' },
  { id: 5, parentId: 2, forkLsn: '0/4000' },
  { id: 6, parentId: 5, forkLsn: null },
];

describe('a transaction whose COMMIT was not answered', () => {
  it('is known to the primary that was asked, and to those whose WAL holds its mark', () => {
    for (const timeline of [2, 3, 4]) expect(whereIs(mark, { timeline, timelines })).toBe('kept');
    expect(whereIs({ ...mark, lsn: '0/6000' }, { timeline: 3, timelines })).toBe('kept');
  });

  it('has committed nowhere when WAL leaves the old one before its mark, whatever an equal id says later', () => {
    expect(whereIs(mark, { timeline: 5, timelines })).toBe('cut-off');
    expect(whereIs({ ...mark, lsn: '0/6001' }, { timeline: 4, timelines })).toBe('cut-off');
  });

  it('is unclear while a fork is not recorded, and where no way leads to its timeline', () => {
    expect(whereIs(mark, { timeline: 6, timelines })).toBe('unclear');
    expect(whereIs(mark, { timeline: 7, timelines })).toBe('unclear');
    expect(whereIs({ ...mark, timeline: 3 }, { timeline: 5, timelines })).toBe('unclear');
    expect(whereIs({ ...mark, timeline: 9 }, { timeline: 4, timelines })).toBe('unclear');
    expect(whereIs(mark, { timeline: 3, timelines: [{ id: 3, parentId: 3, forkLsn: '0/1' }] })).toBe(
      'unclear',
    );
  });

  it('is what PostgreSQL says of it, unless that is not decided or forgotten', () => {
    expect(['committed', 'aborted', 'in progress', null].map(outcomeOf)).toEqual([
      ...['committed', 'rolled-back', null, 'unknown'],
    ]);
  });

  it('has no mark before it has written anything', () => {
    expect(markOf([null, null, null, 'on'])).toBeNull();
    expect(markOf(['800', '0/5000', '0000000A0000000000000005', 'on'])).toEqual({ ...mark, timeline: 10 });
  });
});
