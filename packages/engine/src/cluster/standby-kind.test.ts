import { describe, expect, it } from 'vitest';
import type { ClusterState, NodePolicy } from '../contract/cluster-state.ts';
import { barsOf } from '../failover/bars.ts';
import { intendedTarget } from '../replication/sync-target.ts';
import { topologyOf } from '../router/topology-of.ts';
import { demoMember, demoState } from '../testing/demo-state.ts';
import { planOf } from './plan.ts';
import { applyDelayFor, cascadeUpstream, whyNotApart } from './standby-kind.ts';
import { apply } from './state.ts';

/** node-1 is the primary; node-2, node-3 and node-4 are standbys, of which the last is in no set. */
function four(policies: Record<string, Partial<NodePolicy>> = {}): ClusterState {
  const state = { ...demoState(), level: 4 };
  state.members['node-4'] = demoMember(4);
  for (const [name, policy] of Object.entries(policies))
    Object.assign(state.members[name]?.policy ?? {}, policy);
  return state;
}

describe('what sets a node apart is refused with the next step (I-CASCADE-5)', () => {
  const why = (
    node: string,
    change: Partial<NodePolicy>,
    policies: Record<string, Partial<NodePolicy>> = {},
  ) => whyNotApart(four(policies), node, change);

  it('by itself, a witness, an unknown node, or the primary', () => {
    expect(why('node-4', { upstream: 'node-4' })).toContain('from itself');
    expect(why('node-4', { upstream: 'node-9' })).toContain('quantadb nodes');
    expect(why('node-4', { upstream: 'node-1' })).toContain('is the primary');
    const state = four();
    Object.assign(state.members['node-3'] ?? {}, { kind: 'witness' });
    expect(whyNotApart(state, 'node-4', { upstream: 'node-3' })).toContain('witness');
    Object.assign(state.members['node-2'] ?? {}, { phase: 'joining' });
    expect(whyNotApart(state, 'node-4', { upstream: 'node-2' })).toContain('is joining');
    expect(why('node-4', { upstream: 'node-3' })).toBeNull();
  });

  it('in a circle, or more than one level deep', () => {
    const fed = { 'node-3': { upstream: 'node-2' } };
    expect(why('node-2', { upstream: 'node-3' }, fed)).toContain(
      'quantadb node set node-3 --upstream primary',
    );
    expect(why('node-4', { upstream: 'node-3' }, fed)).toContain('Name node-2 or another standby');
    expect(why('node-2', { upstream: 'node-4' }, fed)).toContain('node-3 streams from node-2');
    expect(why('node-2', { applyDelayMs: 1000 }, fed)).toContain('node-3 streams from node-2');
    expect(why('node-3', { upstream: null }, fed)).toBeNull();
  });

  it('on the primary, from a delayed one, and both at once', () => {
    expect(why('node-1', { upstream: 'node-2' })).toContain('quantadb switchover');
    expect(why('node-1', { applyDelayMs: 1000 })).toContain('quantadb switchover');
    const delayed = { 'node-3': { applyDelayMs: 3_600_000 } };
    expect(why('node-4', { upstream: 'node-3' }, delayed)).toContain('delayed by 1 h');
    expect(why('node-3', { upstream: 'node-4' }, delayed)).toContain('--delay none');
    expect(why('node-4', { upstream: 'node-3', applyDelayMs: 1000 })).toContain('not both');
    expect(why('node-3', { upstream: 'node-4', applyDelayMs: 0 }, delayed)).toBeNull();
  });

  it('by the plan, and once more when the command is applied', () => {
    const input = { self: 'node-1', nowMs: 0, votersNow: new Set([1, 2, 3]), reports: new Map() };
    const change = { upstream: 'node-1' };
    const plan = planOf({ ...input, state: four() }, { kind: 'set-node', node: 'node-4', change });
    expect(plan.refusal).toContain('is the primary');
    const applied = apply(four(), { kind: 'set-node', node: 'node-4', change }, 1);
    expect(applied.result).toMatchObject({ ok: false, reason: expect.stringContaining('is the primary') });
  });
});

describe('a cascading node (I-CASCADE-1)', () => {
  const cascading = (more: Record<string, Partial<NodePolicy>> = {}) =>
    four({ 'node-3': { upstream: 'node-2' }, ...more });

  it('is not meant for the set, and leaves it before it streams from elsewhere', () => {
    const state = cascading();
    expect(intendedTarget(state)).toMatchObject({ standbys: ['node-2', 'node-4'], count: 1 });
    expect(cascadeUpstream(state, 'node-3')).toBeNull();
    state.syncSet = { electors: ['node-2', 'node-3'], votes: 1, standbys: ['node-2'], count: 1 };
    expect(cascadeUpstream(state, 'node-3')).toBeNull();
    state.syncSet = { electors: ['node-2'], votes: 0, standbys: ['node-2'], count: 1 };
    expect(cascadeUpstream(state, 'node-3')?.name).toBe('node-2');
    expect(cascadeUpstream(state, 'node-2')).toBeNull();
  });

  it('is never made primary', () => {
    expect(barsOf(cascading()).get('node-3')).toEqual({
      why: 'it is set to stream from node-2',
      cure: expect.stringContaining('quantadb node set node-3 --upstream primary'),
    });
  });

  it('streams from the primary when its upstream reigns, is in maintenance, or has left', () => {
    const outside = { electors: [], votes: 0, standbys: [], count: 0 };
    const state = { ...cascading(), syncSet: outside };
    expect(cascadeUpstream({ ...state, reign: { ...state.reign, primary: 'node-2' } }, 'node-3')).toBeNull();
    const removed = apply(state, { kind: 'remove-member', node: 'node-2' }, 1).state;
    expect(removed?.members['node-3']?.policy.upstream).toBeNull();
    expect(removed?.events.map(({ message }) => message).join()).toContain('its upstream node-2 has left');
    const maintenance = { reason: '', sinceMs: 0, untilMs: null, by: 'me' };
    Object.assign(state.members['node-2'] ?? {}, { maintenance });
    expect(cascadeUpstream(state, 'node-3')).toBeNull();
  });
});

describe('a delayed node (I-DELAY-1)', () => {
  it('is outside of the set before it is late, is never made primary, and takes no reads', () => {
    const state = four({ 'node-3': { applyDelayMs: 3_600_000 } });
    expect(intendedTarget(state).standbys).toEqual(['node-2', 'node-4']);
    expect(applyDelayFor(state, 'node-3')).toBe(0);
    expect(barsOf(state).get('node-3')?.why).toBe('it is delayed by 1 h on purpose');
    state.syncSet = { electors: ['node-2'], votes: 0, standbys: ['node-2'], count: 1 };
    expect(applyDelayFor(state, 'node-3')).toBe(3_600_000);
    expect(applyDelayFor({ ...state, reign: { ...state.reign, primary: 'node-3' } }, 'node-3')).toBe(0);
    const streaming = { role: 'standby' as const, state: 'streaming' as const, lagBytes: 0, lagMs: 0 };
    const nodes = new Map(['node-2', 'node-3', 'node-4'].map((name) => [name, streaming]));
    const readable = topologyOf({ state, nodes, self: 'node-1', socketDirectory: null })
      .nodes.filter(({ isReadable }) => isReadable)
      .map(({ name }) => name);
    expect(readable).toEqual(['node-2', 'node-4']);
  });

  it('is planned with what it means, and refused where writes would wait for a node that does not stream', () => {
    const input = { self: 'node-1', nowMs: 0, votersNow: new Set([1, 2, 3]), reports: new Map() };
    const request = { kind: 'set-node' as const, node: 'node-3', change: { applyDelayMs: 3_600_000 } };
    const refused = planOf({ ...input, state: four() }, request);
    expect(refused.refusal).toContain('which does not stream');
    const state = four();
    state.durability.strictness = 'available';
    const plan = planOf({ ...input, state }, request);
    expect(plan).toMatchObject({ refusal: null, summary: 'Set node-3: delayed by 1 h on purpose.' });
    expect(plan.warnings.join(' ')).toContain('It leaves the synchronous set first');
    expect(plan.warnings.join(' ')).toContain('max_slot_wal_keep_size');
    const ended = planOf(
      { ...input, state: four({ 'node-3': { applyDelayMs: 3_600_000 } }) },
      { ...request, change: { applyDelayMs: 0 } },
    );
    expect(ended.warnings.join(' ')).toContain('replayed at once');
  });
});
