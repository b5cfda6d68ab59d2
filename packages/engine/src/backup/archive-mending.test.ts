import { describe, expect, it } from 'vitest';
import { namesIn } from './archive-mending.ts';

describe('what a gap lacks', () => {
  it('is named across the boundary of 4 GB', () => {
    expect(namesIn({ fromWal: '0000000200000000000000FE', segments: 3 }, 16 * 1024 * 1024)).toEqual([
      '0000000200000000000000FE',
      '0000000200000000000000FF',
      '000000020000000100000000',
    ]);
  });
});
