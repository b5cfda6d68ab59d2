import { expect, test } from 'vitest';
import type { ClusterState } from '../contract/cluster-state.ts';
import { type NodeReport, nodeReportSchema } from '../contract/node-report.ts';
import type { NodeChange } from '../contract/operations.ts';
import type { RouterChanges } from '../contract/router-settings.ts';
import { QuantaError } from '../shared/errors.ts';
import { demoState } from '../testing/demo-state.ts';
import { Commander } from './commander.ts';
import type { Command } from './commands.ts';
import { featureLevel, levelToRaise } from './feature-level.ts';
import { Peers } from './peer-protocol.ts';
import { decodeState, encodeState } from './state.ts';
import { StateMachine } from './store.ts';

const entry = (command: unknown) => [
  { index: 2, term: 1, data: JSON.stringify({ version: 1, atMs: 5, command }) },
];
const machine = () => {
  const store = new StateMachine();
  store.restore(encodeState(demoState()));
  return store;
};

test('I-LEVEL-1: an entry with a part that this release does not know stops the daemon instead of being applied without it', () => {
  const durability = { mode: 'all', strictness: 'strict', syncTimeoutMs: 10_000 };
  const known = machine();
  known.deliver(entry({ kind: 'set-durability', durability }));
  expect(known.state()?.durability.mode).toBe('all');
  const store = machine();
  const newer = { kind: 'set-durability', durability: { ...durability, acrossContinents: true } };
  expect(() => store.deliver(entry(newer))).toThrow(
    /command\.durability\.acrossContinents is not known here/,
  );
  expect(store.state()?.durability.mode).toBe('quorum');
});

test('I-LEVEL-1: a snapshot with a part that this release does not know is not restored', () => {
  const text = JSON.stringify({
    ...demoState(),
    members: { ...demoState().members, 'node-1': { ...demoState().members['node-1'], colour: 'red' } },
  });
  expect(() => decodeState(text)).toThrow(QuantaError);
  expect(() => decodeState(text)).toThrow(/members\.node-1\.colour/);
  expect(decodeState(encodeState(demoState()))).toEqual(demoState());
});

async function submitted(state: ClusterState, command: Command): Promise<unknown> {
  const store = {
    state: () => state,
    leadership: () => ({ isLeader: true, leaderRaftId: 1, term: 1, leaderSinceMs: 1 }),
    onChange: () => () => undefined,
    submit: async () => ({ ok: true as const }),
  };
  const peers = new Peers({ call: async () => Promise.reject(new Error('nobody is asked')) });
  return new Commander(store, peers).submit(command, 1000);
}

test('I-LEVEL-2: what an older daemon could not apply does not enter the log while there is one', async () => {
  const cancel = { kind: 'cancel-operation' as const, id: 'op', by: 'ann' };
  expect(await submitted({ ...demoState(), level: 1 }, cancel)).toMatchObject({
    ok: false,
    reason: expect.stringContaining('bring all of them to the same release'),
  });
  expect(await submitted({ ...demoState(), level: 2 }, cancel)).toEqual({ ok: true });
  const change = (change: NodeChange) => ({ kind: 'set-node' as const, node: 'node-1', change });
  const old = { ...demoState(), level: 2 };
  expect(await submitted(old, change({ priority: 60 }))).toEqual({ ok: true });
  expect(await submitted(old, change({ weight: 20 }))).toMatchObject({ ok: false });
  const level3 = { ...demoState(), level: 3 };
  expect(await submitted(level3, change({ weight: 20 }))).toEqual({ ok: true });
  expect(await submitted(level3, change({ upstream: 'node-2' }))).toMatchObject({ ok: false });
  expect(await submitted(level3, change({ applyDelayMs: 1000 }))).toMatchObject({ ok: false });
  const note = { kind: 'begin-operation', operation: { kind: 'note-backup' } } as unknown as Command;
  expect(await submitted({ ...demoState(), level: 5 }, note)).toEqual({ ok: true });
  const level4 = { ...demoState(), level: 4 };
  expect(await submitted(level4, note)).toMatchObject({ ok: false });
  const router = (settings: RouterChanges) => ({ kind: 'set-router' as const, settings });
  expect(await submitted(level4, router({ split: true }))).toEqual({ ok: true });
  expect(await submitted(level4, router({ splitUsers: 'anna=on' }))).toMatchObject({ ok: false });
  const level8 = { ...demoState(), level: 8 };
  expect(await submitted(level8, router({ replacedLifeMs: 1000 }))).toMatchObject({ ok: false });
  expect(await submitted({ ...level8, level: 9 }, router({ replacedLifeMs: 1000 }))).toEqual({ ok: true });
  const follower = { kind: 'note-follower' as const, cluster: 'dr', hosts: ['dr-1'] };
  expect(await submitted({ ...level8, level: 9 }, follower)).toMatchObject({ ok: false });
  expect(await submitted({ ...level8, level: 10 }, follower)).toEqual({ ok: true });
  const access = { kind: 'set-access' as const, lines: ['host all all 10.0.0.0/8 md5'] };
  expect(await submitted({ ...level8, level: 10 }, access)).toMatchObject({ ok: false });
  expect(await submitted({ ...level8, level: 11 }, access)).toEqual({ ok: true });
  const guest = { host: 'spare', repository: 1, label: 'A', untilMs: 1 };
  const restored = { kind: 'note-guest-restore' as const, guest };
  expect(await submitted({ ...level8, level: 11 }, restored)).toMatchObject({ ok: false });
  expect(await submitted({ ...level8, level: 12 }, restored)).toEqual({ ok: true });
  const config = { repository: { type: 'host' }, impact: {}, schedules: [] };
  const onHost = { kind: 'set-backup', config } as unknown as Command;
  expect(await submitted({ ...demoState(), level: 6 }, onHost)).toMatchObject({ ok: false });
  expect(await submitted({ ...demoState(), level: 7 }, onHost)).toEqual({ ok: true });
  const operation = (kind: string, params: object) =>
    ({ kind: 'begin-operation', operation: { kind, params } }) as unknown as Command;
  const configure = (settings: object) =>
    operation('configure-backup', { settings: JSON.stringify(settings) });
  const several = [
    { kind: 'set-backup', config: { ...config, further: [{ number: 2, repository: { type: 'posix' } }] } },
    { kind: 'set-backup', config: { ...config, schedules: [{ repository: 'each' }] } },
    { kind: 'begin-backup-job', job: { work: { kind: 'verify', repository: 2 } } },
    operation('start-backup', { kind: 'backup', type: 'full', repository: 2 }),
    configure({ schedules: null, number: 2 }),
    configure({ schedules: [{ repository: 2 }] }),
  ] as unknown as Command[];
  for (const command of several) {
    expect(await submitted({ ...demoState(), level: 7 }, command)).toMatchObject({ ok: false });
    expect(await submitted({ ...demoState(), level: 8 }, command)).toEqual({ ok: true });
  }
  expect(await submitted({ ...demoState(), level: 7 }, configure({ schedules: null }))).toEqual({ ok: true });
});

const reportOf = (name: string, level: number | null): [string, NodeReport] => [
  name,
  nodeReportSchema
    .partial()
    .parse({ name, ...(level === null ? {} : { featureLevel: level }) }) as NodeReport,
];

test('I-LEVEL-2: the level is raised when every member has said that it knows it, and not before', () => {
  const state = { ...demoState(), level: 1 };
  const names = Object.keys(state.members);
  const of = (...levels: (number | null)[]) =>
    new Map(names.map((name, at) => reportOf(name, levels[at] ?? null)));
  expect(levelToRaise(state, of(featureLevel, featureLevel, featureLevel))).toBe(featureLevel);
  // A report of an older release does not count levels.
  expect(levelToRaise(state, of(featureLevel, featureLevel, 1))).toBeNull();
  const silent = of(featureLevel, featureLevel, featureLevel);
  silent.delete('node-2');
  expect(levelToRaise(state, silent)).toBeNull();
  expect(
    levelToRaise({ ...state, level: featureLevel }, of(featureLevel, featureLevel, featureLevel)),
  ).toBeNull();
});
