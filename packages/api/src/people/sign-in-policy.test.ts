import { describe, expect, test } from 'vitest';
import { owesSecondFactor, type SecondFactorFor, secondFactorGroups } from './sign-in-policy.ts';

const people = {
  viewer: { role: 'viewer', clusters: {} },
  guest: { role: 'none', clusters: { shop: 'operator' } },
  admin: { role: 'admin', clusters: {} },
} as const;

function owing(required: SecondFactorFor, facts = { hasPassword: true, hasSecondFactor: false }): string[] {
  return Object.entries(people)
    .filter(([, roles]) => owesSecondFactor(required, { roles, ...facts }))
    .map(([name]) => name);
}

describe('who owes a second factor', () => {
  test('is decided by the highest role, on whatever cluster', () => {
    expect(secondFactorGroups.map((group) => owing(group))).toEqual([
      ...[[], ['admin'], ['guest', 'admin'], ['viewer', 'guest', 'admin']],
    ]);
  });

  test('is nobody who has one, and nobody without a password here', () => {
    expect(owing('everybody', { hasPassword: true, hasSecondFactor: true })).toEqual([]);
    expect(owing('everybody', { hasPassword: false, hasSecondFactor: false })).toEqual([]);
  });
});
