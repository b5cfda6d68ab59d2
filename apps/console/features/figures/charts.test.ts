import { describe, expect, it } from 'vitest';
import {
  chartGroups,
  type Figures,
  linesOf,
  type Metric,
  newestOf,
  numberText,
  shareText,
} from './charts.ts';

const at = (seconds: number) => new Date(seconds * 1000).toISOString();
const figures: Figures = {
  names: ['active', 'cpuShare'],
  buckets: [
    { node: 'node-1', at: at(5), mean: [1, 0.5], low: [0, 0.1], high: [4, 0.9] },
    { node: 'node-2', at: at(5), mean: [null, 0.2], low: [null, 0.2], high: [null, 0.2] },
    { node: 'node-1', at: at(10), mean: [2, null], low: [2, null], high: [2, null] },
  ],
};
const chart = (metric: Metric) => {
  const found = chartGroups.flatMap(({ charts }) => charts).find((each) => each.metric === metric);
  if (!found) throw new Error(metric);
  return found;
};

describe('figures of nodes', () => {
  it('draws a line per node that has told something, of what the chart is about', () => {
    expect(linesOf(figures, chart('active'))).toEqual({
      nodes: ['node-1'],
      points: [
        { atMs: 5000, 'node-1': 4, 'node-2': null },
        { atMs: 10_000, 'node-1': 2 },
      ],
    });
    expect(linesOf(figures, chart('cpuShare')).nodes).toEqual(['node-1', 'node-2']);
  });

  it('draws per hour what is measured per second', () => {
    const bucket = { node: 'node-1', at: at(5), mean: [0.001], low: [0], high: [0.002] };
    const told: Figures = { names: ['checkpointsPerSecond'], buckets: [bucket] };
    expect(linesOf(told, chart('checkpointsPerSecond')).points).toEqual([{ atMs: 5000, 'node-1': 3.6 }]);
  });

  it('tells what was told last, and nothing where nothing was', () => {
    expect(newestOf(figures)).toEqual([
      { node: 'node-1', atMs: 10_000, values: { active: 2 } },
      { node: 'node-2', atMs: 5000, values: { cpuShare: 0.2 } },
    ]);
  });

  it('is legible', () => {
    expect([3, 0.25, 123.4, 45_678, 2_500_000, 1.9e9, null].map(numberText)).toEqual([
      ...['3', '0.3', '123', '45.7 k', '2.5 M', '1.90 bn', '–'],
    ]);
    expect([0.5, 0.9987, 1, null].map(shareText)).toEqual(['50.0 %', '99.87 %', '100.0 %', '–']);
  });

  it('draws each figure once', () => {
    const metrics = chartGroups.flatMap(({ charts }) => charts.map(({ metric }) => metric));
    expect(new Set(metrics).size).toBe(metrics.length);
  });
});
