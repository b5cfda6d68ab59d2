import { expect, test } from 'vitest';
import { chainStart, followChain, type SealedEntry, sealOf } from './chain.ts';

const entry = (target: string): SealedEntry => ({
  at: new Date(1_700_000_000_000),
  ...{ actorKind: 'user', actor: 'dba@example.com', action: 'switchover', target, reason: '' },
  ...{
    before: null,
    after: { to: 'node-2', kind: 'switchover' },
    outcome: 'started',
    detail: '',
    ip: null,
    clusterId: null,
  },
});

function chain(targets: string[]) {
  let previous = chainStart;
  return targets.map((target, index) => {
    previous = sealOf(previous, entry(target));
    return { ...entry(target), id: BigInt(index + 1), hash: previous as string | null };
  });
}

const start = { previous: chainStart, checked: 0 };

test('an untouched chain holds, in pieces too, and whatever order the database gives the keys of JSON', () => {
  const entries = chain(['a', 'b', 'c']);
  const stored = entries.map((each) => ({ ...each, after: { kind: 'switchover', to: 'node-2' } }));
  const { state, broken } = followChain(start, stored.slice(0, 2));
  expect(broken).toBeNull();
  expect(followChain(state, stored.slice(2))).toMatchObject({ state: { checked: 3 }, broken: null });
});

test('a changed, a removed, a moved and an inserted entry each break it, at that place', () => {
  const entries = chain(['a', 'b', 'c', 'd']);
  const [a, b, c, d] = entries as [(typeof entries)[0], ...typeof entries];
  const brokenAt = (list: typeof entries) => followChain(start, list).broken?.id;
  expect(brokenAt([a, { ...(b as typeof a), target: 'x' }, c as typeof a])).toBe(2n);
  expect(brokenAt([a, c as typeof a, d as typeof a])).toBe(3n);
  expect(brokenAt([a, c as typeof a, b as typeof a])).toBe(3n);
  expect(brokenAt([a, b as typeof a, { ...entry('z'), id: 9n, hash: null }])).toBe(9n);
});

test('entries from before there was a chain are passed over', () => {
  const older = { ...entry('old'), id: 0n, hash: null };
  expect(followChain(start, [older, ...chain(['a'])])).toMatchObject({ state: { checked: 1 }, broken: null });
});
