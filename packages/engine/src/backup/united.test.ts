import { describe, expect, it } from 'vitest';
import { type RepositoryView, repositoryViewSchema } from '../contract/backup-view.ts';
import { stateOfEach, unite } from './united.ts';

function view(path: Partial<RepositoryView>): RepositoryView {
  return repositoryViewSchema.parse({
    ...{ atMs: 1, state: 'ok', detail: 'ok', backups: [], intervals: [], gaps: [], timelines: [] },
    ...{ conflicts: [], newest: null, expiring: [] },
    ...path,
  });
}

const interval = { timeline: 1, fromLsn: '0/1', toLsn: '0/9', fromMs: 1, toMs: 9, labels: [] };
const full = view({
  intervals: [{ ...interval, isAbandoned: false }],
  newest: { timeline: 1, lsn: '0/9000000', atMs: 9 },
});

describe('several repositories together', () => {
  it('I-REPOSITORY-6: one that cannot be read hides nothing of the others, and is named', () => {
    const { repository, problem } = unite([
      { number: 1, view: null, problem: 'node-1: no such directory' },
      { number: 2, view: full, problem: null },
    ]);
    expect(repository?.intervals).toEqual([{ ...interval, isAbandoned: false, repository: 2 }]);
    expect(repository?.newest?.lsn).toBe('0/9000000');
    expect(problem).toBe('repository 1: node-1: no such directory');
  });

  it('I-REPOSITORY-6: one that is not there any more counts as one that cannot be read', () => {
    const gone = view({ state: 'missing', detail: 'missing stanza path' });
    const read = [
      { number: 1, view: gone, problem: null },
      { number: 2, view: full, problem: null },
    ];
    expect(unite(read)).toMatchObject({ repository: { state: 'ok' }, problem: expect.stringMatching(/1/) });
    const owed = { repository: 1, segments: 4, isMore: false, sinceMs: 5, detail: '' };
    expect(stateOfEach(read, [owed])).toMatchObject([
      { number: 1, state: 'missing', problem: 'missing stanza path', owed },
      { number: 2, state: 'ok', problem: null, owed: null },
    ]);
  });

  it('leaves a single one as it is', () => {
    expect(unite([{ number: 1, view: full, problem: null }])).toEqual({ repository: full, problem: null });
  });
});
