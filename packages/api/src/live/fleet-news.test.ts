import type { ClusterStatus } from '@quantadb/engine/contract/status';
import { expect, test } from 'vitest';
import { FleetNews } from './fleet-news.ts';

const told = (clusterId: string, revision: number) => {
  const node = { name: 'node-1', role: 'primary', lagBytes: 0, lagMs: 0, detail: 'left out' };
  const status = { name: clusterId, verdict: `Revision ${revision}.`, nodes: [node] };
  return { clusterId, name: clusterId, status: status as unknown as ClusterStatus, reportedAtMs: 1000 };
};
const viewer = FleetNews.roomOf({ role: 'viewer', clusters: {} }, 'often');
const careful = FleetNews.roomOf({ role: 'viewer', clusters: { b: 'none' } }, 'often');
const guest = FleetNews.roomOf({ role: 'none', clusters: { a: 'viewer' } }, 'seldom');

test('I-BOARD-3: everybody hears of the clusters that he may read, each in its newest state, and of nothing else', () => {
  const news = new FleetNews();
  for (const each of [told('a', 1), told('b', 1), told('a', 2)]) news.add(each);
  const rooms = ['everything', viewer, careful, guest];
  const often = news.take('often', rooms, 1500);
  expect(often.map(({ room, clusters }) => [room, clusters.map(({ status }) => status.verdict)])).toEqual([
    [viewer, ['Revision 2.', 'Revision 1.']],
    [careful, ['Revision 2.']],
  ]);
  expect(often[0]?.clusters[0]).toMatchObject({
    ...{ clusterId: 'a', ageMs: 500 },
    status: { nodes: [{ name: 'node-1', role: 'primary', lagBytes: 0, lagMs: 0 }] },
  });
  expect(news.take('seldom', rooms, 1500)).toMatchObject([{ room: guest, clusters: [{ clusterId: 'a' }] }]);
});

test('says what has become since, and nothing when nothing has', () => {
  const news = new FleetNews();
  news.add(told('a', 1));
  news.take('often', [viewer], 1000);
  expect(news.take('often', [viewer], 1500)).toEqual([]);
  news.add(told('b', 1));
  expect(news.take('often', [viewer], 2000)[0]?.clusters.map(({ clusterId }) => clusterId)).toEqual(['b']);
  news.add(told('b', 2));
  news.forget();
  expect(news.take('often', [viewer], 2500)).toEqual([]);
});

test('those with the same roles share a room, in whatever order their roles are named', () => {
  const one = FleetNews.roomOf({ role: 'none', clusters: { a: 'viewer', b: 'admin' } }, 'often');
  expect(FleetNews.roomOf({ role: 'none', clusters: { b: 'admin', a: 'viewer' } }, 'often')).toBe(one);
  expect(FleetNews.roomOf({ role: 'none', clusters: { b: 'admin' } }, 'often')).not.toBe(one);
});
