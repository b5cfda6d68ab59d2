import { expect, it } from 'vitest';
import { clusterPages } from './cluster-pages.ts';
import { placesOf } from './places.ts';

const cluster = (clusterId: string, name: string) => ({
  clusterId,
  status: { name, nodes: [{ name: `${name}-1`, role: 'primary' }] },
});

it('leads to every page and node of every cluster, of the one that is shown first', () => {
  const places = placesOf([cluster('a', 'demo'), cluster('b', 'shop')], 'b', [
    { href: '/hosts', label: 'Hosts' },
  ]);
  expect(places).toHaveLength(2 * (clusterPages.length + 1) + 1);
  expect(places[0]).toMatchObject({ group: 'shop', label: 'Overview', href: '/c/b' });
  expect(places).toContainEqual({
    ...{ key: 'demo demo-1', group: 'demo', label: 'demo-1', hint: 'primary', href: '/c/a/nodes/demo-1' },
  });
  expect(places.at(-1)).toEqual({ key: '/hosts', group: 'Everywhere', href: '/hosts', label: 'Hosts' });
  expect(new Set(places.map(({ key }) => key)).size).toBe(places.length);
});
