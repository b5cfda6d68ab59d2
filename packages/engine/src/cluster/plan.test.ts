import { describe, expect, it } from 'vitest';
import type { NodeReport } from '../contract/node-report.ts';
import type { NodeChange } from '../contract/operations.ts';
import { demoMember, demoState } from '../testing/demo-state.ts';
import { operationSteps } from './operation-steps.ts';
import { planOf } from './plan.ts';
import type { PlanInput } from './plan-body.ts';

function report(number: number, more: Partial<NodeReport> = {}): NodeReport {
  const isPrimary = number === 1;
  return {
    name: `node-${number}`,
    version: '0',
    atMs: 0,
    cluster: null,
    host: 'member',
    addresses: demoMember(number).addresses,
    kind: 'data',
    role: isPrimary ? 'primary' : 'standby',
    state: isPrimary ? 'running' : 'streaming',
    detail: '',
    epoch: 3,
    sealedEpoch: 0,
    timeline: 2,
    lsn: '0/100',
    replayLsn: null,
    receiverStatus: null,
    streamsFrom: null,
    leaseRemainingMs: null,
    vitals: null,
    degraded: null,
    contacts: [],
    standbys: [],
    clone: null,
    pendingRestart: [],
    troubles: [],
    configuration: null,
    certificateUntilMs: null,
    featureLevel: 2,
    uptimeMs: 1000,
    isSupervised: true,
    postgresVersion: '15.18',
    router: null,
    unguarded: [],
    cancelledWaits: 0,
    raft: null,
    pids: { daemon: null, reaper: null, postgres: null, routers: [] },
    dataDir: null,
    ...more,
  };
}

function input(more: Partial<PlanInput> = {}): PlanInput {
  const reports = new Map([1, 2, 3].map((number) => [`node-${number}`, report(number)]));
  return { state: demoState(), self: 'node-1', nowMs: 1000, votersNow: new Set([1, 2, 3]), reports, ...more };
}

const spare = { name: 'spare-1', addresses: demoMember(4).addresses, kind: 'data' as const };

describe('plans', () => {
  it('show the steps that will run, and the quorum before and after', () => {
    const plan = planOf(input(), { kind: 'add-node', host: spare });
    expect(plan.refusal).toBeNull();
    expect(plan.steps).toEqual(operationSteps['add-node']);
    expect(plan.quorumBefore).toContain('3 voters (survives the loss of 1)');
    expect(plan.quorumBefore).toContain('writes wait for 1 of node-2, node-3');
    expect(plan.quorumAfter).toContain('3 voters');
    expect(plan.quorumAfter).toContain('4 data nodes, writes wait for 2 of node-2, node-3, spare-1');
  });

  it('refuse to remove the primary or a node that does not exist, and name the next step', () => {
    expect(planOf(input(), { kind: 'remove-node', node: 'node-1' }).refusal).toContain('quantadb switchover');
    expect(planOf(input(), { kind: 'remove-node', node: 'node-9' }).refusal).toContain('no member');
  });

  it('show whom writes wait for once a member of the sync set has left, and warn when nobody is left to spare', () => {
    const plan = planOf(input(), { kind: 'remove-node', node: 'node-2' });
    expect(plan.refusal).toBeNull();
    expect(plan.steps[0]).toBe('Leave the synchronous set');
    expect(plan.quorumAfter).toContain('2 data nodes, writes wait for 1 of node-3');
    expect(plan.warnings.join(' ')).toContain('losing one of them stops writes');
  });

  it('refuse to remove a member when writes would then wait for a node that does not stream', () => {
    const reports = new Map([
      ['node-1', report(1)],
      ['node-2', report(2)],
      ['node-3', report(3, { state: 'catching-up' })],
    ]);
    const plan = planOf(input({ reports }), { kind: 'remove-node', node: 'node-2' });
    expect(plan.refusal).toContain('Writes would then wait for node-3');
    const available = demoState();
    available.durability.strictness = 'available';
    expect(
      planOf(input({ reports, state: available }), { kind: 'remove-node', node: 'node-2' }).refusal,
    ).toBeNull();
  });

  it('warn when writes depend on fewer nodes while one is in maintenance', () => {
    const plan = planOf(input(), { kind: 'set-maintenance', node: 'node-2', on: { minutes: 5 } });
    expect(plan.warnings.join(' ')).toContain('If node-2 stops, every write waits for node-3');
  });

  it('set what a node is used for, and say when nobody is left who may become primary', () => {
    const set = (node: string, change: NodeChange, more: Partial<PlanInput> = {}) =>
      planOf(input(more), { kind: 'set-node', node, change });
    const plan = set('node-2', { noFailover: true, zone: 'b' });
    expect(plan).toMatchObject({ refusal: null, warnings: [], writePause: 'none' });
    expect(plan.summary).toBe('Set node-2: never made primary, in zone b.');
    const state = demoState();
    Object.assign(state.members['node-3']?.policy ?? {}, { noFailover: true });
    expect(set('node-2', { noFailover: true }, { state }).warnings.join(' ')).toContain('No standby is left');
    expect(planOf(input({ state }), { kind: 'switchover', to: 'node-3' }).refusal).toContain(
      'quantadb node set node-3 --failover yes',
    );
    expect(planOf(input({ state }), { kind: 'switchover', to: null }).summary).toContain('to node-2');
    Object.assign(state.members['node-2'] ?? {}, { kind: 'witness' });
    expect(set('node-2', { priority: 3 }, { state }).refusal).toContain('only its zone can be set');
    expect(set('node-2', { zone: 'c' }, { state }).refusal).toBeNull();
    expect(set('node-9', { priority: 3 }).refusal).toContain('no member');
  });

  it('say what another durability does, and what to expect until an async cluster is synchronous', () => {
    const durability = { mode: 'all' as const, strictness: 'available' as const, syncTimeoutMs: 5000 };
    const plan = planOf(input(), { kind: 'set-durability', durability });
    expect(plan.summary).toContain('confirms nothing for 5 s');
    expect(plan.quorumAfter).toContain('writes wait for 2 of node-2, node-3');
    const state = demoState();
    state.durability.mode = 'async';
    const raise = planOf(input({ state }), { kind: 'set-durability', durability });
    expect(raise.refusal).toBeNull();
    expect(raise.warnings.join(' ')).toContain('losing the primary may lose writes');
  });

  it('restart a standby, never the primary or a witness, and say when writes wait for it', () => {
    const restart = (node: string, more: Partial<PlanInput> = {}) =>
      planOf(input(more), { kind: 'restart-node', node });
    expect(restart('node-2')).toMatchObject({ refusal: null, writePause: 'none' });
    expect(restart('node-1').refusal).toContain('is the primary. Switch over first');
    const state = demoState();
    state.syncSet = { electors: ['node-2'], votes: 0, standbys: ['node-2'], count: 1 };
    expect(restart('node-2', { state }).writePause).toContain('writes wait for node-2 until it streams');
    const again = planOf(input({ state }), { kind: 'reinitialise-node', node: 'node-2' });
    expect(again.writePause).toContain('until the clone is complete');
  });

  it('restart every node only while every standby streams', () => {
    const plan = planOf(input(), { kind: 'rolling-restart' });
    expect(plan.refusal).toBeNull();
    expect(plan.summary).toContain('node-2, node-3 one by one, then switch over from node-1');
    const reports = new Map(input().reports).set('node-3', report(3, { state: 'catching-up' }));
    expect(planOf(input({ reports }), { kind: 'rolling-restart' }).refusal).toContain(
      'node-3 does not stream',
    );
  });

  it('say what a change of parameters means', () => {
    const parameters = { work_mem: '8MB', max_connections: null };
    const plan = planOf(input(), { kind: 'set-parameters', parameters });
    expect(plan.summary).toBe(
      'Change parameters of every node: work_mem = 8MB, max_connections as by default.',
    );
  });

  it('add a witness, and advise one where the number of votes is even', () => {
    const host = { name: 'extra', addresses: demoMember(4).addresses, kind: 'witness' as const };
    expect(planOf(input(), { kind: 'add-node', host }).summary).toContain('it votes on who is primary');
    const fourth = planOf(input(), { kind: 'add-node', host: { ...host, kind: 'data' } });
    expect(fourth.warnings.join(' ')).toContain(
      'a witness would let the cluster survive the loss of one more',
    );
  });

  it('choose the streaming standby with the least lag for a switchover', () => {
    const base = {
      state: 'streaming',
      sync: 'quorum',
      writeLsn: null,
      flushLsn: null,
      replayLsn: null,
      lagMs: 0,
    };
    const standbys = [
      { ...base, name: 'node-2', lagBytes: 900 },
      { ...base, name: 'node-3', lagBytes: 10 },
    ];
    const reports = new Map([
      ['node-1', report(1, { standbys })],
      ['node-2', report(2)],
      ['node-3', report(3)],
    ]);
    expect(planOf(input({ reports }), { kind: 'switchover', to: null }).summary).toContain('to node-3');
  });

  it('refuse a switchover to a node that is not streaming, in maintenance or outside the set', () => {
    const catching = new Map([
      ['node-1', report(1)],
      ['node-2', report(2, { state: 'catching-up' })],
    ]);
    expect(planOf(input({ reports: catching }), { kind: 'switchover', to: 'node-2' }).refusal).toContain(
      'catching-up',
    );
    expect(planOf(input(), { kind: 'switchover', to: 'node-1' }).refusal).toContain('primary already');
    const outside = demoState();
    outside.members['node-4'] = demoMember(4);
    expect(planOf(input({ state: outside }), { kind: 'switchover', to: 'node-4' }).refusal).toContain(
      'Choose one of',
    );
  });

  it('refuse anything while another operation runs', () => {
    const busy = demoState();
    busy.operation = {
      id: 'o',
      kind: 'add-node',
      state: 'running',
      params: {},
      requestedBy: 'me',
      reason: '',
      steps: [],
      error: null,
      startedAtMs: 0,
      endedAtMs: null,
    };
    expect(planOf(input({ state: busy }), { kind: 'switchover', to: 'node-2' }).refusal).toContain(
      'Another operation runs',
    );
  });
});
