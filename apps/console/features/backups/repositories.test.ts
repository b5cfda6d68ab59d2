import { describe, expect, it } from 'vitest';
import { owedText, repositoryTone } from './repositories.ts';

const owed = { repository: 2, segments: 3, isMore: false, sinceMs: 0, detail: '' };
const found = { problem: null, backups: 1, newest: null, missingSegments: 0 };
const good = { number: 2, place: '/two', state: 'ok' as const, ...found };

describe('the list of repositories', () => {
  it('says what one of them is owed, and for how long', () => {
    expect(owedText(null, 0)).toBe('nothing');
    expect(owedText(owed, 60_000)).toMatch(/^3 segments of WAL, for /);
    expect(owedText({ ...owed, segments: 10_000, isMore: true }, 0)).toMatch(/^more than 10000 segments/);
  });

  it('shows one that cannot be read, or has a gap, as worse than one that is owed something', () => {
    expect(repositoryTone({ ...good, owed: null })).toBe('good');
    expect(repositoryTone({ ...good, owed })).toBe('warning');
    expect(repositoryTone({ ...good, owed: null, missingSegments: 1 })).toBe('critical');
    expect(repositoryTone({ ...good, owed: null, problem: 'away' })).toBe('critical');
  });
});
