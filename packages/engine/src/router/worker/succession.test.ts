import { expect, it } from 'vitest';
import { heirsOf } from './succession.ts';

const wanted = { likeness: 'this one', count: 2 };
const worker = (index: number, changes: { isOpen?: boolean; likeness?: string; count?: number } = {}) => {
  const { isOpen = true, likeness = 'this one', count = 2 } = changes;
  return { hello: { isOpen, likeness, place: { index, count } } };
};

it('I-ROUTER-18: the next daemon goes on with the workers that it would have started, each in its place', () => {
  const [first, second] = [worker(0), worker(1)];
  expect(heirsOf([second, first], wanted)).toEqual([first, second]);
  expect(heirsOf([worker(0, { isOpen: false }), second, first], wanted)).toEqual([first, second]);
});

it.each([
  ['one is missing', [worker(0)]],
  ['one runs another release', [worker(0), worker(1, { likeness: 'another one' })]],
  ['one has given its port away', [worker(0), worker(1, { isOpen: false })]],
  [
    'there were others beside them',
    [worker(0, { count: 3 }), worker(1, { count: 3 }), worker(2, { count: 3 })],
  ],
  ['there are none', []],
])('it starts others when %s', (_, found) => {
  expect(heirsOf(found, wanted)).toBeNull();
});
