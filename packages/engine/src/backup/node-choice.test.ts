import { describe, expect, it } from 'vitest';
import { backupImpactSchema } from '../contract/backup.ts';
import { type BackupCandidate, chooseNode } from './node-choice.ts';

const node = (name: string, change: Partial<BackupCandidate> = {}): BackupCandidate => ({
  ...{
    name,
    isPrimary: false,
    isServing: true,
    lagBytes: 0,
    isInMaintenance: false,
    load: 0.1,
    problem: null,
  },
  ...change,
});
const primary = node('node-1', { isPrimary: true });
const choose = (nodes: BackupCandidate[], impact: Record<string, unknown> = {}) =>
  chooseNode(nodes, backupImpactSchema.parse(impact));

describe('a backup runs', () => {
  it('on the standby with the least load; among equals on the one closest behind', () => {
    expect(choose([primary, node('node-2', { load: 2 }), node('node-3')])).toMatchObject({
      ...{ ok: true, node: 'node-3', fromStandby: true },
    });
    const near = choose([
      primary,
      node('node-2', { lagBytes: 9000, load: 0.12 }),
      node('node-3', { lagBytes: 10 }),
    ]);
    expect(near).toMatchObject({ node: 'node-3' });
  });

  it('on the primary when no standby can be read, with the reasons', () => {
    const far = node('node-2', { lagBytes: 1024 ** 4 });
    const resting = node('node-3', { isInMaintenance: true });
    expect(choose([primary, far, resting])).toEqual({
      ...{ ok: true, node: 'node-1', fromStandby: false },
      refused: [
        { node: 'node-2', why: 'it is 1.0 TB behind (256 MB are allowed)' },
        { node: 'node-3', why: 'it is in maintenance' },
      ],
    });
  });

  it('only where it was allowed to', () => {
    const broken = node('node-2', { problem: 'pgbackrest is not installed' });
    expect(choose([primary, broken], { source: 'standby-only' })).toMatchObject({ ok: false });
    expect(choose([primary, node('node-2')], { source: 'primary' })).toMatchObject({
      node: 'node-1',
      fromStandby: false,
    });
  });

  it('nowhere without a primary, which alone can begin one', () => {
    expect(choose([node('node-2')])).toMatchObject({
      ok: false,
      reason: expect.stringContaining('no primary'),
    });
    const stopped = { ...primary, isServing: false };
    expect(choose([stopped, node('node-2')])).toMatchObject({ ok: false });
  });

  it('nowhere while every node has more load than is allowed', () => {
    expect(choose([{ ...primary, load: 50 }], { loadMax: 4 })).toMatchObject({
      ok: false,
      refused: [{ node: 'node-1' }],
    });
  });
});
