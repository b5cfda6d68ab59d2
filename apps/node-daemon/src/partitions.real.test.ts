import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PartitionRun, type ShapeResult } from './testing/partition-run.ts';
import { type Shape, shapes } from './testing/partition-shapes.ts';

let run: PartitionRun;

beforeAll(async () => {
  run = await PartitionRun.create(['node-1', 'node-2', 'node-3']);
});

afterAll(() => run?.cleanUp());

/** Clients are never cut off: they write to and read from every node all the while. */
function testShapes(outcome: Shape['outcome'], expectOutcome: (result: ShapeResult) => void): void {
  for (const shape of shapes.filter((each) => each.outcome === outcome)) {
    test(shape.name, async () => {
      const result = await run.play(shape);
      expectOutcome(result);
      expect(result).toMatchObject({ missing: 0, late: 0, shared: 0, timelines: 1, tables: 1 });
    });
  }
}

describe('I-PARTITION-1, I-PARTITION-4: the primary stays and takes writes when', () => {
  testShapes('the primary stays', (result) => {
    const { primaryBefore, primaryAfter, newPrimaries, writesWhileCut } = result;
    if (/ apart$/.test(result.shape)) expect(result.alert).toMatch(/^demo: .*node-\d/);
    expect(primaryAfter).toBe(primaryBefore);
    expect(newPrimaries).toEqual([]);
    expect(Object.keys(writesWhileCut)).toEqual([primaryBefore]);
  });
});

describe('I-PARTITION-2, I-PARTITION-4: another primary takes the writes while', () => {
  testShapes('another primary', ({ primaryBefore, primaryAfter, newPrimaries, writesWhileCut }) => {
    expect(primaryAfter).not.toBe(primaryBefore);
    expect(newPrimaries).toEqual([primaryAfter]);
    expect(Object.keys(writesWhileCut)).toContain(primaryAfter);
  });
});

describe('I-PARTITION-3, I-PARTITION-4: no write is acknowledged and nobody becomes primary while', () => {
  testShapes('no writes', ({ newPrimaries, writesWhileCut }) => {
    expect(newPrimaries).toEqual([]);
    expect(writesWhileCut).toEqual({});
  });
});

describe('I-LOSS-1, I-SEAL-2, I-PARTITION-4: whoever is primary, nothing is lost and everybody agrees after', () => {
  testShapes('either', () => undefined);
});
