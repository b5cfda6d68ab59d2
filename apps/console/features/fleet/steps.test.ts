import { expect, test } from 'vitest';
import { firstSteps } from './steps.ts';

const states = (hosts: Parameters<typeof firstSteps>[0]) => firstSteps(hosts).map(({ state }) => state);

test('a host that can hold data and answers is what the next step needs', () => {
  const host = { name: 'db-1', state: 'available', kind: 'data' };
  expect(states([])).toEqual(['done', 'next', 'later', 'later']);
  expect(states([{ ...host, kind: 'witness' }])).toEqual(['done', 'next', 'later', 'later']);
  expect(states([{ ...host, state: 'unreachable' }])).toEqual(['done', 'next', 'later', 'later']);
  expect(states([host])).toEqual(['done', 'done', 'next', 'later']);
  expect(firstSteps([host])[1]?.detail).toBe('db-1');
});
