import { expect, it } from 'vitest';
import { networkAtSuspicion, type Witness } from './witnesses.ts';

const nodes = ['node-1', 'node-2', 'node-3'];
/** As the probes of the last second saw it: all is well. */
const rows = nodes.map((node) => ({ node, hears: nodes.filter((each) => each !== node), deafTo: [] }));

function seenBy(self: string, witnesses: [node: string, answers: boolean | null][]): string {
  const said = witnesses.map(([node, answers]): Witness => ({ node, hears: answers, answers, detail: '' }));
  return networkAtSuspicion({ self, nodes, primary: 'node-1', rows, witnesses: said }).verdict;
}

it('a primary that answers nobody is down or cut off, whatever it said of itself before', () => {
  expect(
    seenBy('node-2', [
      ['node-2', false],
      ['node-3', false],
    ]),
  ).toBe('Nobody hears node-1: it is down, or cut off from everybody.');
});

it('a primary that one voter still reaches is cut off from the decider only', () => {
  expect(
    seenBy('node-2', [
      ['node-2', false],
      ['node-3', true],
    ]),
  ).toBe('Node-1 and node-2 do not reach each other, both reach node-3: partial.');
});

it('a primary whose daemon answers is no matter of the network', () => {
  expect(
    seenBy('node-2', [
      ['node-2', true],
      ['node-3', true],
    ]),
  ).toBe('Every node hears every other.');
});

it('a decider that reaches nobody says so', () => {
  expect(
    seenBy('node-2', [
      ['node-2', false],
      ['node-3', null],
    ]),
  ).toBe('Nobody hears node-1 or node-3: they are down, or cut off from everybody.');
});

it('what a node that was not asked has said of the primary is older than the suspicion', () => {
  const withSpare = [...nodes, 'spare-1'];
  const all = withSpare.map((node) => ({
    node,
    hears: withSpare.filter((each) => each !== node),
    deafTo: [],
  }));
  const witnesses = ['node-2', 'node-3'].map(
    (node): Witness => ({ node, hears: false, answers: false, detail: '' }),
  );
  const seen = networkAtSuspicion({
    self: 'node-2',
    nodes: withSpare,
    primary: 'node-1',
    rows: all,
    witnesses,
  });
  expect(seen.verdict).toBe('Nobody hears node-1: it is down, or cut off from everybody.');
});
