import { expect, it } from 'vitest';
import { withoutRepeats } from './repeats.ts';

const entry = (node: string, text: string) => ({ node, source: 'postgres' as const, text });

it('says once what one log says over and over, also with others in between', () => {
  const entries = [
    ...[entry('a', 'waits'), entry('b', 'waits'), entry('a', 'waits'), entry('b', 'is ready')],
    ...[entry('a', 'starts'), entry('a', 'waits')],
  ];
  expect(withoutRepeats(entries).map(({ node, text, times }) => [node, text, times])).toEqual([
    ['a', 'waits', 2],
    ['b', 'waits', 1],
    ['b', 'is ready', 1],
    ['a', 'starts', 1],
    ['a', 'waits', 1],
  ]);
});
