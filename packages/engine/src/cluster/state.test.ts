import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ClusterState, SyncSet } from '../contract/cluster-state.ts';
import { syncSetProblem } from '../replication/quorum.ts';
import { nextSyncStep, type SyncTarget } from '../replication/transitions.ts';
import { seededRandom } from '../shared/random.ts';
import { isWriteSafe } from './apply-sync-set.ts';
import type { Command } from './commands.ts';
import { apply, decodeState, encodeState } from './state.ts';

const addresses = (port: number) => ({
  raft: { host: '127.0.0.1', port },
  api: { host: '127.0.0.1', port: port + 1 },
  postgres: { host: '127.0.0.1', port: port + 2 },
});
const member = (name: string, port: number) => ({
  name,
  kind: 'data' as const,
  addresses: addresses(port),
  zone: null,
});
const create: Command = {
  kind: 'create',
  clusterId: 'c1',
  name: 'demo',
  founder: member('node-1', 1000),
  durability: { mode: 'quorum', strictness: 'strict', syncTimeoutMs: 10_000 },
  parameters: {},
  hba: [],
};

function frozen<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value))
    Object.values(Object.freeze(value)).forEach(frozen);
  return value;
}

function run(commands: Command[], from: ClusterState | null = null): ClusterState {
  let state = from;
  for (const command of commands) {
    // States are shared: none is changed once it is told of.
    const applied = apply(frozen(state), command, 1);
    expect(applied.result, JSON.stringify(command)).toMatchObject({ ok: true });
    state = applied.state;
  }
  if (!state) throw new Error('no state');
  return state;
}

const detection = { silentForMs: 1200, detail: 'silent' };
const begin = (id: string, fromEpoch: number, supersedes: string | null = null): Command => ({
  kind: 'begin-failover',
  id,
  failoverKind: 'failover',
  fromEpoch,
  reason: 'silent',
  detection,
  preferred: null,
  supersedes,
});
const grant = (failoverId: string, epoch: number, candidate: string): Command => ({
  kind: 'grant',
  failoverId,
  epoch,
  candidate,
  promote: true,
  parentTimeline: 2,
  history: [],
  votes: [],
  candidates: [],
});
const record = (epoch: number, timeline: number, node: string): Command => ({
  kind: 'record-timeline',
  epoch,
  timeline,
  forkLsn: '0/100',
  node,
  steps: [],
});

/** The set grown by single steps, as the decider does it. */
function threeNodes(): ClusterState {
  const target = { standbys: ['node-2', 'node-3'], count: 1, isStrict: true };
  return settle(threeMembers(), target);
}

function settle(from: ClusterState, target: SyncTarget): ClusterState {
  let state = from;
  for (let command = syncCommand(state, target); command; command = syncCommand(state, target)) {
    state = run([command], state);
  }
  return state;
}

function syncCommand(state: ClusterState, target: SyncTarget): Command | null {
  const { epoch, primary } = state.reign;
  const { move: expected, unconfirmed } = state.syncProgress;
  const step = nextSyncStep({ set: state.syncSet, unconfirmed }, primary ?? '', target);
  if (step.kind === 'done') return null;
  if (step.kind === 'confirm') return { kind: 'confirm-sync-set', epoch, expected };
  return { kind: 'move-sync-set', epoch, expected, syncSet: step.next };
}

function threeMembers(): ClusterState {
  return run([
    create,
    { kind: 'identify', systemIdentifier: '42' },
    { kind: 'grant-first', primary: 'node-1' },
    record(1, 2, 'node-1'),
    { kind: 'add-member', member: member('node-2', 2000) },
    { kind: 'add-member', member: member('node-3', 3000) },
    { kind: 'set-phase', node: 'node-2', phase: 'active' },
    { kind: 'set-phase', node: 'node-3', phase: 'active' },
  ]);
}

type Deed =
  | { do: 'step'; target: SyncTarget }
  | { do: 'leap'; wild: SyncSet }
  | { do: 'elect'; candidate: string }
  | { do: 'remove' | 'add'; node: string };

function fiveNodes(): ClusterState {
  const joining: Command[] = [4, 5].flatMap((number) => joined(`node-${number}`));
  return run(joining, threeNodes());
}

function joined(name: string): Command[] {
  return [
    { kind: 'add-member', member: member(name, Number(name.at(-1)) * 1000) },
    { kind: 'set-phase', node: name, phase: 'active' },
  ];
}

/** What a decider, sane or not, puts into the log; an election is won by somebody who may win it. */
function commandsOf(state: ClusterState, deed: Deed, round: number): Command[] {
  const { epoch, primary } = state.reign;
  const { move: expected } = state.syncProgress;
  switch (deed.do) {
    case 'step': {
      const standbys = deed.target.standbys.filter((name) => name !== primary).sort();
      const command = syncCommand(state, { ...deed.target, standbys });
      return command ? [command] : [];
    }
    case 'leap':
      return [{ kind: 'move-sync-set', epoch, expected, syncSet: deed.wild }];
    case 'elect': {
      const able = [...state.syncSet.electors, primary];
      if (!able.includes(deed.candidate) || able.length <= state.syncSet.votes) return [];
      const id = `f${round}`;
      const timeline = state.timelines.at(-1)?.id ?? 1;
      const opened = record(epoch + 1, timeline + 1, deed.candidate);
      return [begin(id, epoch, state.failover?.id ?? null), grant(id, epoch + 1, deed.candidate), opened];
    }
    case 'remove':
      return [
        { kind: 'set-phase', node: deed.node, phase: 'leaving' },
        { kind: 'remove-member', node: deed.node },
      ];
    case 'add':
      return joined(deed.node);
  }
}

describe('cluster state', () => {
  it('moves the sync set with the primary in the same command as the grant (I-SYNC-2)', () => {
    const state = run([begin('f1', 1), grant('f1', 2, 'node-2')], threeNodes());
    expect(state.reign).toEqual({ epoch: 2, primary: 'node-2', timeline: 3 });
    expect(state.syncSet).toEqual({
      electors: ['node-1', 'node-3'],
      votes: 1,
      standbys: ['node-1', 'node-3'],
      count: 1,
    });
  });

  it('never gives one epoch to two nodes (I-EPOCH-1)', () => {
    const state = run([begin('f1', 1), grant('f1', 2, 'node-2')], threeNodes());
    expect(apply(state, grant('f1', 2, 'node-3'), 1).result.ok).toBe(false);
    const next = run([begin('f2', 2, 'f1')], state);
    expect(next.failover?.epoch).toBe(3);
    expect(apply(next, grant('f1', 2, 'node-3'), 1).result.ok).toBe(false);
  });

  it('uses a new epoch for every attempt, also when an attempt never granted anything (I-EPOCH-2)', () => {
    const state = run([begin('f1', 1), begin('f2', 1, 'f1')], threeNodes());
    expect(state.failover?.epoch).toBe(3);
    expect(state.pastFailovers.at(-1)).toMatchObject({ id: 'f1', state: 'ABANDONED' });
  });

  it('allocates a timeline once, and abandons one that was never opened (I-TIMELINE-1)', () => {
    const state = run(
      [begin('f1', 1), grant('f1', 2, 'node-2'), begin('f2', 2, 'f1'), grant('f2', 3, 'node-3')],
      threeNodes(),
    );
    expect(state.timelines.map((timeline) => [timeline.id, timeline.status])).toEqual([
      [1, 'recorded'],
      [2, 'recorded'],
      [3, 'abandoned'],
      [4, 'allocated'],
    ]);
    expect(apply(state, record(2, 3, 'node-2'), 1).result.ok).toBe(false);
  });

  it('counts a timeline as recorded when the next primary is built on it (I-TIMELINE-2)', () => {
    const before = run([begin('f1', 1), grant('f1', 2, 'node-2'), begin('f2', 2, 'f1')], threeNodes());
    const onIt = {
      ...grant('f2', 3, 'node-3'),
      parentTimeline: 3,
      history: [{ timeline: 3, parentId: 2, forkLsn: '0/AA' }],
    } as Command;
    const state = run([onIt], before);
    expect(state.timelines.find((timeline) => timeline.id === 3)).toMatchObject({
      status: 'recorded',
      forkLsn: '0/AA',
    });
    expect(state.reign.timeline).toBe(4);
  });

  it('lets a healthy primary go on under the new epoch without a new timeline', () => {
    const keep = { ...grant('f1', 2, 'node-1'), promote: false } as Command;
    const state = run([begin('f1', 1), keep], threeNodes());
    expect(state.reign).toEqual({ epoch: 2, primary: 'node-1', timeline: 2 });
    expect(state.failover).toBeNull();
  });

  it('refuses to remove the primary or a member of the sync set (I-MEMBER-1)', () => {
    for (const node of ['node-1', 'node-2']) {
      expect(apply(threeNodes(), { kind: 'remove-member', node }, 1).result.ok).toBe(false);
    }
  });

  it('never reuses a Raft id (I-MEMBER-2)', () => {
    const added = run([{ kind: 'add-member', member: member('node-4', 4000) }], threeNodes());
    const removed = run([{ kind: 'remove-member', node: 'node-4' }], added);
    const again = run([{ kind: 'add-member', member: member('node-4', 4000) }], removed);
    expect(again.members['node-4']?.raftId).toBe((added.members['node-4']?.raftId ?? 0) + 1);
  });

  it('refuses an operation that was planned for an older state', () => {
    const state = threeNodes();
    const operation = {
      id: 'o1',
      kind: 'switchover' as const,
      state: 'running' as const,
      params: {},
      requestedBy: 'me',
      reason: '',
      steps: [],
      error: null,
      startedAtMs: 1,
      endedAtMs: null,
    };
    expect(
      apply(state, { kind: 'begin-operation', operation, revision: state.revision - 1 }, 1).result.ok,
    ).toBe(false);
    expect(apply(state, { kind: 'begin-operation', operation, revision: state.revision }, 1).result.ok).toBe(
      true,
    );
  });

  it('leaves the given state untouched, and refused commands change nothing', () => {
    const state = threeNodes();
    const before = encodeState(state);
    apply(state, begin('f1', 1), 1);
    apply(state, { kind: 'remove-member', node: 'node-1' }, 1);
    expect(encodeState(state)).toBe(before);
    expect(decodeState(before)).toEqual(state);
  });

  it('keeps its timelines apart through any sequence of failovers', () => {
    const random = seededRandom(11);
    let state = threeNodes();
    for (let round = 0; round < 300; round += 1) {
      const id = `f${round}`;
      state = apply(state, begin(id, state.reign.epoch, state.failover?.id ?? null), round).state ?? state;
      const electors = [...state.syncSet.electors, state.reign.primary ?? 'node-1'];
      const candidate = electors[Math.floor(random() * electors.length)] ?? 'node-1';
      const epoch = state.failover?.epoch ?? 0;
      if (random() < 0.8) state = apply(state, grant(id, epoch, candidate), round).state ?? state;
      if (random() < 0.7)
        state =
          apply(state, record(state.reign.epoch, state.reign.timeline, candidate), round).state ?? state;
      expect(syncSetProblem(state.syncSet, state.reign.primary)).toBeNull();
      const ids = state.timelines.map((timeline) => timeline.id);
      expect(new Set(ids).size).toBe(ids.length);
      expect(state.events.length).toBeLessThanOrEqual(500);
    }
  });

  it('refuses a move that names another set than the one that stands, a leap, and one during an election', () => {
    const state = threeNodes();
    const { move } = state.syncProgress;
    const syncSet = { ...state.syncSet, votes: 2 };
    const step = { kind: 'move-sync-set' as const, epoch: 1, expected: move, syncSet };
    expect(apply(state, step, 1).result).toEqual({ ok: true });
    expect(apply(state, { ...step, expected: move - 1 }, 1).result).toMatchObject({ ok: false });
    expect(apply(state, { ...step, epoch: 2 }, 1).result).toMatchObject({ ok: false });
    const leap = { ...state.syncSet, electors: ['node-2'], votes: 0, standbys: ['node-2'] };
    expect(apply(state, { ...step, syncSet: leap }, 1).result).toMatchObject({ ok: false });
    expect(apply(run([begin('f1', 1)], state), step, 1).result).toMatchObject({ ok: false });
    const stranger = { ...state.syncSet, electors: [...state.syncSet.electors, 'node-9'], votes: 2 };
    expect(apply(state, { ...step, syncSet: stranger }, 1).result).toMatchObject({ ok: false });
  });

  it('does not build on a set that PostgreSQL has not confirmed, and forgets the doubt with a new primary', () => {
    const target = { standbys: ['node-2'], count: 1, isStrict: true };
    const shrink = syncCommand(threeNodes(), target);
    if (!shrink) throw new Error('nothing to do');
    const doubtful = run([shrink], threeNodes());
    expect(doubtful.syncProgress.unconfirmed).toEqual([{ standbys: ['node-2', 'node-3'], count: 1 }]);
    const expected = doubtful.syncProgress.move;
    const syncSet = { ...doubtful.syncSet, electors: ['node-2'], votes: 0 };
    const hasty = { kind: 'move-sync-set' as const, epoch: 1, expected, syncSet };
    expect(apply(doubtful, hasty, 1).result).toMatchObject({ ok: false });
    expect(run([{ kind: 'confirm-sync-set', epoch: 1, expected }, hasty], doubtful).syncSet).toEqual(syncSet);
    const late = { kind: 'confirm-sync-set' as const, epoch: 1, expected: expected - 1 };
    expect(apply(doubtful, late, 1).result).toMatchObject({ ok: false });
    const after = run([begin('f1', 1), grant('f1', 2, 'node-3')], doubtful);
    expect(after.syncProgress).toEqual({ move: expected + 1, unconfirmed: [] });
    expect(apply(after, { kind: 'confirm-sync-set', epoch: 2, expected }, 1).result).toMatchObject({
      ok: false,
    });
  });

  it('I-SYNC-9: leaving async mode promises nothing until PostgreSQL is seen to wait, and then everything', () => {
    const become = (mode: 'async' | 'quorum'): Command => ({
      kind: 'set-durability',
      durability: { mode, strictness: 'strict', syncTimeoutMs: 10_000 },
    });
    const raised = run([become('async'), become('quorum')], threeNodes());
    expect(isWriteSafe(raised)).toBe(false);
    const target = { standbys: ['node-2'], count: 1, isStrict: true };
    const confirm = syncCommand(raised, target);
    expect(confirm?.kind).toBe('confirm-sync-set');
    const early = run([begin('f1', 1)], raised);
    expect(early.failover?.mayLose).toBe(true);
    expect(apply(early, become('async'), 1).result).toMatchObject({ ok: false });
    const safe = run(confirm ? [confirm] : [], raised);
    expect(isWriteSafe(safe)).toBe(true);
    expect(run([begin('f1', 1)], safe).failover?.mayLose).toBe(false);
  });

  it('lets go of a member that has left the set step by step', () => {
    const target = { standbys: ['node-3'], count: 1, isStrict: true };
    const state = settle(threeNodes(), target);
    expect(state.syncSet).toEqual({ electors: ['node-3'], votes: 0, standbys: ['node-3'], count: 1 });
    expect(run([{ kind: 'remove-member', node: 'node-2' }], state).members['node-2']).toBeUndefined();
  });

  it('I-SYNC-3: no sequence of commands, elections among them, leads to a set that breaks I-SYNC-1', () => {
    const names = ['node-1', 'node-2', 'node-3', 'node-4', 'node-5'];
    const name = fc.constantFrom(...names);
    const target = fc.record({
      standbys: fc.uniqueArray(name, { maxLength: 5 }),
      count: fc.nat(5),
      isStrict: fc.boolean(),
    });
    const wild = fc.record({
      electors: fc.uniqueArray(name, { maxLength: 5 }),
      votes: fc.nat(5),
      standbys: fc.uniqueArray(name, { maxLength: 5 }),
      count: fc.nat(5),
    });
    const deed = fc.oneof(
      { weight: 6, arbitrary: fc.record({ do: fc.constant('step' as const), target }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('leap' as const), wild }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('elect' as const), candidate: name }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), node: name }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('add' as const), node: name }) },
    );
    const next = (state: ClusterState, action: Deed, round: number) =>
      commandsOf(state, action, round).reduce(
        (each, command) => apply(each, command, round).state ?? each,
        state,
      );
    fc.assert(
      fc.property(fc.array(deed, { maxLength: 60 }), (deeds) => {
        let state = fiveNodes();
        deeds.forEach((action, round) => {
          state = next(state, action, round);
          for (const { standbys, count } of [state.syncSet, ...state.syncProgress.unconfirmed]) {
            expect(syncSetProblem({ ...state.syncSet, standbys, count }, state.reign.primary)).toBeNull();
          }
          const used = [
            ...state.syncSet.electors,
            ...state.syncSet.standbys,
            state.reign.primary ?? 'node-1',
          ];
          expect(used.filter((each) => !state.members[each])).toEqual([]);
        });
      }),
      { numRuns: 300 },
    );
  });
});
