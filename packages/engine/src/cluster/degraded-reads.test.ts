import { expect, it } from 'vitest';
import type { ClusterState, WalPosition } from '../contract/cluster-state.ts';
import { timingOf } from '../failover/timing.ts';
import type { Unconfirmed } from '../postgres/unconfirmed.ts';
import { demoState } from '../testing/demo-state.ts';
import type { Activity, NodeAgentOptions } from './agent-options.ts';
import { DegradedReads } from './degraded-reads.ts';

const ignore = () => undefined;
const logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
const confirmedAt: WalPosition = { timeline: 2, lsn: '0/900' };
const found: Unconfirmed = { kind: 'found', lsn: '0/950', transaction: 777, record: 'commit' };

interface Scene {
  state?: Partial<ClusterState>;
  confirmed?: WalPosition | null;
  unconfirmed?: Unconfirmed;
  synchronousStandbyNames?: string;
}

/** What becomes of a former primary that has been running as a standby for `afterMs`. */
async function serve(
  scene: Scene,
  afterMs = 5000,
): Promise<{ shown: Activity | undefined; clients: string }> {
  const seen: { shown: Activity | undefined; clients: string } = { shown: undefined, clients: 'closed' };
  const time = { nowMs: 0 };
  const options = {
    logger,
    timing: timingOf('lan'),
    clock: { monotonicMs: () => time.nowMs },
    confirmed: { upTo: () => (scene.confirmed === undefined ? confirmedAt : scene.confirmed) },
    database: {
      pid: () => 42,
      observation: () => ({ synchronousStandbyNames: scene.synchronousStandbyNames ?? 'ANY 1 (…)' }),
      unconfirmed: async () => scene.unconfirmed ?? { kind: 'none' },
      setClients: async (clients: string) => {
        seen.clients = clients;
      },
    },
    show: (activity: Activity) => {
      seen.shown = activity;
    },
  } as unknown as NodeAgentOptions & { show(activity: Activity): void };
  const reads = new DegradedReads(options);
  const state = { ...demoState(), ...scene.state };
  await reads.serve(state, new AbortController().signal);
  time.nowMs = afterMs;
  await reads.serve(state, new AbortController().signal);
  return seen;
}

it('I-DEGRADE-1: clients are let in when no commit follows what was confirmed', async () => {
  expect(await serve({})).toMatchObject({ clients: 'open', shown: { state: 'read-only' } });
});

it('I-DEGRADE-1: a commit that may not be acknowledged keeps them out, and is named', async () => {
  const { shown, clients } = await serve({ unconfirmed: found });
  expect({ clients, state: shown?.state }).toEqual({ clients: 'closed', state: 'fenced' });
  expect(shown?.detail).toContain('the commit of transaction 777 at 0/950');
});

it('I-DEGRADE-1: they stay out when nothing is known, or the WAL cannot be read', async () => {
  expect(await serve({ confirmed: null })).toMatchObject({ clients: 'closed' });
  const unconfirmed: Unconfirmed = { kind: 'unknown', reason: 'the disk hangs' };
  expect(await serve({ unconfirmed })).toMatchObject({ clients: 'closed', shown: { state: 'fenced' } });
});

it('waits a moment for a new reign before it looks at anything', async () => {
  const { shown, clients } = await serve({}, 500);
  expect({ clients, state: shown?.state }).toEqual({ clients: 'closed', state: 'fenced' });
});

it('in async mode its own commits were acknowledged, whatever follows', async () => {
  const { durability } = demoState();
  const state = { durability: { ...durability, mode: 'async' as const } };
  expect(await serve({ state, unconfirmed: found })).toMatchObject({ clients: 'open' });
});

it('a primary that waited for nobody is the only one that may go on, so its WAL is the history', async () => {
  const alone = { syncSet: { electors: [], votes: 0, standbys: [], count: 0 } };
  const scene = { state: alone, confirmed: null, unconfirmed: found };
  expect(await serve({ ...scene, synchronousStandbyNames: '' })).toMatchObject({ clients: 'open' });
  expect(await serve(scene)).toMatchObject({ clients: 'closed' });
});
