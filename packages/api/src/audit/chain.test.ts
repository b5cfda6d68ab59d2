import { expect, test } from 'vitest';
import {
  type ChainEntry,
  chainStart,
  emptyChain,
  followChain,
  keyedSealOf,
  type SealedEntry,
  sealOf,
} from './chain.ts';

const key = Buffer.alloc(32, 7);

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
    const seal = keyedSealOf(previous, key);
    return { ...entry(target), id: BigInt(index + 1), hash: previous, seal } as ChainEntry;
  });
}

/** As somebody does who may write into the database and lacks the key. */
function hashedAnew(entries: ChainEntry[]): ChainEntry[] {
  let previous = chainStart;
  return entries.map((each) => {
    previous = sealOf(previous, each);
    return { ...each, hash: previous };
  });
}

const follow = (entries: ChainEntry[], kept?: string) => followChain(emptyChain, entries, { key, kept });

test('an untouched chain holds, in pieces too, and whatever order the database gives the keys of JSON', () => {
  const entries = chain(['a', 'b', 'c']);
  const stored = entries.map((each) => ({ ...each, after: { kind: 'switchover', to: 'node-2' } }));
  const { state, broken } = follow(stored.slice(0, 2));
  expect(broken).toBeNull();
  const { state: whole } = followChain(state, stored.slice(2), { key });
  expect(whole).toMatchObject({ checked: 3, sealedFrom: { id: 1n }, unsealed: null });
});

test('a changed, a removed, a moved and an inserted entry each break it, at that place', () => {
  const entries = chain(['a', 'b', 'c', 'd']);
  const [a, b, c, d] = entries as [(typeof entries)[0], ...typeof entries];
  const brokenAt = (list: typeof entries) => follow(list).broken?.id;
  expect(brokenAt([a, { ...(b as typeof a), target: 'x' }, c as typeof a])).toBe(2n);
  expect(brokenAt([a, c as typeof a, d as typeof a])).toBe(3n);
  expect(brokenAt([a, c as typeof a, b as typeof a])).toBe(3n);
  expect(brokenAt([a, b as typeof a, { ...entry('z'), id: 9n, hash: null, seal: null }])).toBe(9n);
});

test('entries from before there was a chain are passed over', () => {
  const older = { ...entry('old'), id: 0n, hash: null, seal: null };
  expect(follow([older, ...chain(['a'])])).toMatchObject({ state: { checked: 1 }, broken: null });
});

test('I-AUDIT-1: whoever hashes all of it anew lacks the key: a seal that does not fit, or is missing, is found', () => {
  const entries = chain(['a', 'b', 'c', 'd']);
  const forged = hashedAnew(
    entries.map((each) => (each.id === 2n ? { ...each, actor: 'somebody else' } : each)),
  );
  expect(follow(forged)).toMatchObject({ state: { checked: 1 }, broken: { id: 2n } });
  const bare = forged.map((each) => (each.id > 1n ? { ...each, seal: null } : each));
  expect(follow(bare)).toMatchObject({ state: { unsealed: { count: 3, first: { id: 2n } } }, broken: null });
  // Entries of before there was a key come first, and the first one that has a seal is told.
  const old = entries.map((each) => (each.id < 3n ? { ...each, seal: null } : each));
  expect(follow(old)).toMatchObject({ state: { sealedFrom: { id: 3n }, unsealed: null }, broken: null });
});

test('a hash that was kept is found for as long as the entry is there', () => {
  const entries = chain(['a', 'b', 'c']);
  const kept = entries[2]?.hash ?? '';
  expect(follow(entries, kept).state.kept?.id).toBe(3n);
  expect(follow(entries.slice(0, 2), kept).state.kept).toBeNull();
});
