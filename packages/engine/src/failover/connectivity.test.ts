import { describe, expect, it } from 'vitest';
import { judgeNetwork } from './connectivity.ts';

const three = ['node-1', 'node-2', 'node-3'];
const five = [...three, 'node-4', 'node-5'];
type Cut = readonly [from: string, to: string];

/** Everybody hears everybody, except the named directions; `absent` nodes could not be asked. */
function rowsOf(nodes: string[], cuts: readonly Cut[], absent: string[] = []) {
  const isCut = (from: string, to: string) => cuts.some((cut) => cut[0] === from && cut[1] === to);
  return nodes
    .filter((node) => !absent.includes(node))
    .map((node) => {
      const others = nodes.filter((each) => each !== node);
      return {
        node,
        hears: others.filter((each) => !isCut(node, each)),
        deafTo: others.filter((each) => isCut(node, each)),
      };
    });
}

const both = (left: string, right: string): Cut[] => [
  [left, right],
  [right, left],
];

/** Every pair of nodes of different groups is cut. */
function splitInto(groups: string[][]): Cut[] {
  const groupOf = (node: string) => groups.findIndex((group) => group.includes(node));
  const nodes = groups.flat();
  return nodes.flatMap((from) =>
    nodes.filter((to) => groupOf(from) !== groupOf(to)).map((to): Cut => [from, to]),
  );
}

function judge(nodes: string[], cuts: Cut[], absent?: string[]): string {
  const { kind, verdict } = judgeNetwork(nodes, rowsOf(nodes, cuts, absent));
  return `${kind}: ${verdict}`;
}

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, index) =>
    permutations([...items.slice(0, index), ...items.slice(index + 1)]).map((rest) => [item, ...rest]),
  );
}

function subsets<T>(items: readonly T[]): T[][] {
  const all: T[][] = [[]];
  for (const item of items) all.push(...all.map((subset) => [...subset, item]));
  return all;
}

const pairsOf = (nodes: string[]) =>
  nodes.flatMap((left, index) => nodes.slice(index + 1).map((right): [string, string] => [left, right]));

describe('a network of three nodes', () => {
  it.each<[string, Cut[], string[]]>([
    ['connected: Every node hears every other.', [], []],
    ['one-way: Node-1 does not hear node-2, which hears it: one-way.', [['node-1', 'node-2']], []],
    [
      'one-way: Node-1 does not hear node-2 and node-3, which hear it: one-way.',
      [
        ['node-1', 'node-2'],
        ['node-1', 'node-3'],
      ],
      [],
    ],
    [
      'partial: Node-1 and node-2 do not reach each other, both reach node-3: partial.',
      both('node-1', 'node-2'),
      [],
    ],
    ['cut-off: Node-3 is cut off from everybody.', splitInto([['node-1', 'node-2'], ['node-3']]), []],
    ['split: Split: {node-1} | {node-2} | {node-3}.', splitInto([['node-1'], ['node-2'], ['node-3']]), []],
    [
      'cut-off: Nobody hears node-3: it is down, or cut off from everybody.',
      splitInto([['node-1', 'node-2'], ['node-3']]),
      ['node-3'],
    ],
    [
      'cut-off: Nobody hears node-2 or node-3: they are down, or cut off from everybody.',
      splitInto([['node-1'], ['node-2', 'node-3']]),
      ['node-2', 'node-3'],
    ],
    [
      'mixed: Node-1 and node-2 do not reach each other: partial; node-3 does not hear node-1, which hears it: one-way.',
      [...both('node-1', 'node-2'), ['node-3', 'node-1']],
      [],
    ],
  ])('is %s', (expected, cuts, absent) => {
    expect(judge(three, cuts, absent)).toBe(expected);
  });
});

describe('a network of five nodes', () => {
  it.each<[string, Cut[]]>([
    [
      'split: Split: {node-3, node-4, node-5} | {node-1, node-2}.',
      splitInto([
        ['node-1', 'node-2'],
        ['node-3', 'node-4', 'node-5'],
      ]),
    ],
    ['cut-off: Node-5 is cut off from everybody.', splitInto([five.slice(0, 4), ['node-5']])],
    [
      'cut-off: Node-1 and node-5 are cut off from everybody.',
      splitInto([['node-1'], ['node-2', 'node-3', 'node-4'], ['node-5']]),
    ],
    [
      'partial: Node-1 and node-2 do not reach each other, both reach node-3, node-4 and node-5: partial.',
      both('node-1', 'node-2'),
    ],
    [
      'mixed: Node-5 is cut off from everybody; node-1 and node-2 do not reach each other, both reach node-3 and node-4: partial.',
      [...splitInto([five.slice(0, 4), ['node-5']]), ...both('node-1', 'node-2')],
    ],
  ])('is %s', (expected, cuts) => {
    expect(judge(five, cuts)).toBe(expected);
  });
});

/** What must hold of every matrix: nothing is kept quiet, and nothing is invented. */
function check(nodes: string[], cuts: Cut[]): void {
  const { kind, verdict } = judgeNetwork(nodes, rowsOf(nodes, cuts));
  expect(kind === 'connected').toBe(cuts.length === 0);
  const text = verdict.toLowerCase();
  for (const [from, to] of cuts) {
    expect(text.includes(from) || text.includes(to)).toBe(true);
    const isBoth = cuts.some((cut) => cut[0] === to && cut[1] === from);
    if (!isBoth) expect(text).toMatch(new RegExp(`${from} does not hear [^;]*${to}`));
  }
  const named = nodes.filter((node) => text.includes(node));
  if (kind === 'one-way') {
    const touched = new Set(cuts.flat());
    expect(named.every((node) => touched.has(node))).toBe(true);
  }
}

describe('I-NETWORK-1: of every possible network', () => {
  const directed = (nodes: string[]) => pairsOf(nodes).flatMap(([left, right]) => both(left, right));

  it('of three nodes the verdict names every link that is missing, and only then there is something to say', () => {
    for (const cuts of subsets(directed(three))) check(three, cuts);
  });

  it('of five nodes, with links that are up or down, likewise', () => {
    for (const pairs of subsets(pairsOf(five)))
      check(
        five,
        pairs.flatMap(([left, right]) => both(left, right)),
      );
  });

  it('of five nodes, with up to three one-way links, likewise', () => {
    const all = directed(five);
    all.forEach((one, index) => {
      all.slice(index + 1).forEach((other, further) => {
        check(five, [one, other]);
        for (const third of all.slice(index + further + 2)) check(five, [one, other, third]);
      });
    });
  });

  it('the kind does not depend on the names of the nodes', () => {
    for (const cuts of subsets(directed(three))) {
      const kinds = permutations(three).map((names) => {
        const rename = (node: string) => names[three.indexOf(node)] ?? node;
        const renamed = cuts.map(([from, to]): Cut => [rename(from), rename(to)]);
        return judgeNetwork(three, rowsOf(three, renamed)).kind;
      });
      expect(new Set(kinds).size).toBe(1);
    }
  });
});

it('what nobody could be asked about is no finding', () => {
  expect(judgeNetwork(three, []).kind).toBe('connected');
  expect(judgeNetwork(three, rowsOf(three, [], ['node-2', 'node-3'])).kind).toBe('connected');
});
