import type { ClusterStatus, NodeStatus } from '@quantadb/api/client-types';
import { expect, test } from 'vitest';
import { graphOf, nameText } from './graph.ts';

const node = (name: string, parts: Partial<NodeStatus> = {}) =>
  ({
    ...{
      name,
      kind: 'data',
      role: 'standby',
      state: 'streaming',
      detail: '',
      sync: 'quorum',
      maintenance: false,
    },
    ...{ lagBytes: 0, lagMs: 0, streamsFrom: 'a', notes: [], policy: {}, ...parts },
  }) as unknown as NodeStatus;
const primary = node('a', { role: 'primary', state: 'running', sync: 'none', streamsFrom: null });

function statusOf(nodes: NodeStatus[], parts: Partial<ClusterStatus> = {}) {
  return { nodes, primary: 'a', source: null, followers: [], ...parts } as unknown as ClusterStatus;
}

const drawn = (status: ClusterStatus) => {
  const { places, flows } = graphOf(status);
  return {
    places: places.map(({ name, column, row }) => `${name} ${column},${row}`).sort(),
    flows: flows.map(({ from, to, mode, broken }) => `${from} > ${to}: ${broken ?? mode}`),
  };
};

test('standbys stand beside the primary, and cascades behind the one that feeds them', () => {
  const nodes = [
    primary,
    node('b'),
    node('c', { sync: 'async' }),
    node('d', { streamsFrom: 'c', sync: 'async' }),
    node('w', { kind: 'witness', role: 'witness', streamsFrom: null }),
  ];
  expect(drawn(statusOf(nodes))).toEqual({
    places: ['a 0,0.5', 'b 1,0', 'c 1,1', 'd 2,1'],
    flows: ['a > b: synchronous', 'a > c: asynchronous', 'c > d: asynchronous'],
  });
});

test('a standby that receives nothing hangs where it should, with the reason', () => {
  const gone = { state: 'unreachable' as const, streamsFrom: null, detail: 'its daemon does not answer' };
  const nodes = [
    primary,
    node('b', gone),
    node('c', { ...gone, detail: '', policy: { upstream: 'b' } as never }),
  ];
  expect(drawn(statusOf(nodes)).flows).toEqual(['a > b: its daemon does not answer', 'b > c: unreachable']);
});

test('without a primary everybody stands in the picture', () => {
  const nodes = [
    node('a', { state: 'read-only', streamsFrom: null }),
    node('b', { state: 'read-only', streamsFrom: null }),
  ];
  const { places, flows } = drawn(statusOf(nodes, { primary: null }));
  expect(places).toEqual(['a 0,0', 'b 0,1']);
  expect(flows).toEqual([]);
});

test('two that say they stream from each other are drawn once', () => {
  const nodes = [primary, node('b', { streamsFrom: 'c' }), node('c', { streamsFrom: 'b' })];
  expect(drawn(statusOf(nodes)).places).toHaveLength(3);
});

test('clusters that are followed, and that follow, stand at the ends, also with the name of a node', () => {
  const source = {
    name: 'a',
    leader: 'a',
    isStreaming: false,
    state: 'silent' as const,
    lagBytes: null,
    lagMs: null,
  };
  const followers = [{ cluster: 'far', state: 'streaming', lagBytes: 5, lagMs: 1 }];
  const graph = graphOf(statusOf([primary, node('b')], { source, followers }));
  expect(graph.columns).toBe(3);
  const [first] = graph.places.filter(({ column }) => column === 0);
  expect(nameText(first?.name ?? '')).toBe('a');
  expect(graph.flows.map(({ from, to, broken }) => [from, to, broken])).toEqual([
    ['cluster a', 'a', 'nothing arrives from it'],
    ['a', 'b', null],
    ['a', 'cluster far', null],
  ]);
});
