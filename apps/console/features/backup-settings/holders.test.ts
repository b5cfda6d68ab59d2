import { expect, test } from 'vitest';
import type { Config } from './draft.ts';
import { heldByOther, holdersOf } from './holders.ts';

const posix = { type: 'posix', path: '/b', encrypted: false } as const;
const onHost = { type: 'host', host: 'w', port: 8432, path: '/b', encrypted: false } as const;
const retention = { fullCount: 4, days: null, tiers: { daily: 0, weekly: 0, monthly: 0, yearly: 0 } };
const further = [{ number: 2, repository: onHost, retention }];

test('members that can hold a repository are offered, those without data first; routers are not', () => {
  const nodes = [
    { name: 'b', kind: 'data' as const },
    { name: 'r', kind: 'router' as const },
    { name: 'w', kind: 'witness' as const },
    { name: 'a', kind: 'data' as const },
  ];
  expect(holdersOf(nodes, '').map(({ name }) => name)).toEqual(['w', 'a', 'b']);
  expect(holdersOf(nodes, 'gone').at(-1)).toEqual({ name: 'gone', words: 'gone (not in this cluster now)' });
});

test('another repository that is on a host is named; the one that is edited is none', () => {
  const config = { repository: posix, further } as unknown as Config;
  expect(heldByOther(config, 1)).toEqual({ number: 2, host: 'w' });
  expect(heldByOther(config, 2)).toBeNull();
  expect(heldByOther({ ...config, repository: onHost, further: [] }, 3)).toEqual({ number: 1, host: 'w' });
  expect(heldByOther(null, 1)).toBeNull();
});
