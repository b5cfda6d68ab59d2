import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type LinkQuality, type NetworkOptions, SimulatedNetwork } from './testing/network.ts';
import { type DiskBug, ModelDisk } from './testing/node-disk.ts';
import { type Happening, type ScheduledHappening, SchedulePlayer } from './testing/schedule.ts';
import { StorageDisk } from './testing/storage-disk.ts';
import type { PersistedState } from './types.ts';

const { QUANTADB_SEED = '1', QUANTADB_RUNS = '300', QUANTADB_PATH } = process.env;
const seed = Number(QUANTADB_SEED);
const numRuns = Number(QUANTADB_RUNS);
/** Not shrunk: 400 steps take longer to shrink than to replay with a trace. */
const endOnFailure = true;

const node = fc.nat(7);

function on<Kind extends Extract<Happening, { node: number }>['kind']>(...kinds: Kind[]) {
  return fc.record({ kind: fc.constantFrom(...kinds), node }) as fc.Arbitrary<Happening>;
}

const badLinks: fc.Arbitrary<LinkQuality> = fc.record({
  dropRate: fc.constantFrom(0, 0.1, 0.3),
  duplicateRate: fc.constantFrom(0, 0.2),
  delayMinMs: fc.constant(1),
  delayMaxMs: fc.constantFrom(5, 50, 400, 2000),
});

const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 16, arbitrary: on('propose-to-leader') },
  { weight: 3, arbitrary: on('propose', 'read') },
  { weight: 3, arbitrary: on('crash') },
  { weight: 14, arbitrary: on('restart') },
  { weight: 4, arbitrary: on('snapshot') },
  { weight: 5, arbitrary: on('add', 'promote', 'promote', 'remove') },
  { weight: 1, arbitrary: on('transfer', 'transfer', 'fit', 'fit', 'unfit', 'isolate') },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cut' as const), node, to: node }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('partition' as const), side: fc.nat(255) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('links' as const), quality: badLinks }) },
  { weight: 4, arbitrary: fc.constant<Happening>({ kind: 'heal' }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('crash-at' as const),
      node,
      point: fc.constantFrom('before-persist' as const, 'after-persist' as const, 'after-send' as const),
    }),
  },
);

const pause = fc.oneof(
  { weight: 6, arbitrary: fc.nat(20) },
  { weight: 2, arbitrary: fc.nat(300) },
  { weight: 1, arbitrary: fc.nat(2000) },
);

function schedules(happenings: fc.Arbitrary<Happening>) {
  const step: fc.Arbitrary<ScheduledHappening> = fc.record({ happening: happenings, thenMs: pause });
  return fc.record({
    networkSeed: fc.nat(1_000_000),
    voters: fc.constantFrom(1, 2, 3, 3, 3, 5),
    steps: fc.array(step, { minLength: 380, maxLength: 420, size: 'max' }),
  });
}

interface Variant extends Pick<NetworkOptions, 'diskOf'> {
  prepare?(network: SimulatedNetwork): void;
}

function played(variant: Variant = {}, happenings = happening) {
  return fc.property(schedules(happenings), ({ networkSeed, voters, steps }) => {
    const { diskOf } = variant;
    const network = new SimulatedNetwork({ seed: networkSeed, voters, ...(diskOf ? { diskOf } : {}) });
    variant.prepare?.(network);
    new SchedulePlayer(network).play(steps);
  });
}

function expectNoViolation<Ts>(property: fc.IProperty<Ts>, runs: number): void {
  const path = QUANTADB_PATH === undefined ? {} : { path: QUANTADB_PATH };
  const outcome = fc.check(property, { seed, numRuns: runs, endOnFailure, ...path });
  if (!outcome.failed) return;
  const replay = `QUANTADB_SEED=${seed} QUANTADB_PATH=${outcome.counterexamplePath} replays this`;
  throw new Error(`${replay}: ${outcome.errorInstance}`, { cause: outcome.errorInstance });
}

describe('random schedules of loss, reordering, partitions, crashes and changes of members', () => {
  test('I-RAFT-1, I-RAFT-2, I-RAFT-3, I-RAFT-4, I-RAFT-5: hold at every step, and the group recovers', () => {
    expectNoViolation(played(), numRuns);
  });
});

describe('the same on real storage, whose power fails in the middle of a write', () => {
  const diskOf = (id: number, state: PersistedState): StorageDisk =>
    new StorageDisk({ id, state, survival: { seed: id }, segmentBytesMax: 1500 });
  const losesPower: fc.Arbitrary<Happening> = fc.record({
    kind: fc.constant('lose-power-in-write' as const),
    node,
    operations: fc.nat(6),
  });
  const often = fc.oneof({ weight: 6, arbitrary: happening }, { weight: 1, arbitrary: losesPower });

  test('I-RAFT-5, I-RAFT-6: what was acknowledged is found again, and the group recovers', () => {
    expectNoViolation(played({ diskOf }, often), Math.ceil(numRuns / 5));
  });
});

describe('the recorder notices planted bugs', () => {
  const withDisk = (bug: DiskBug): Variant => ({ diskOf: (_id, state) => new ModelDisk(state, bug) });

  test('I-RAFT-1: a disk that forgets the vote in a crash', () => {
    expectViolation(withDisk('forgets-vote'), 'I-RAFT-1');
  });
  test('I-RAFT-5: a disk that loses its last synced write in a crash', () => {
    expectViolation(withDisk('loses-last-write'), 'I-RAFT-');
  });

  test('I-RAFT-5: a node whose promises leave before they are durable', () => {
    const prepare = (network: SimulatedNetwork): void => {
      network.node(1).sendsTooEarly = true;
    };
    expectViolation({ prepare }, 'I-RAFT-5');
  });

  function expectViolation(variant: Variant, invariant: string): void {
    const outcome = fc.check(played(variant), { seed, numRuns, endOnFailure });
    expect(outcome.failed).toBe(true);
    expect(String(outcome.errorInstance)).toContain(`InvariantViolation: ${invariant}`);
  }
});
