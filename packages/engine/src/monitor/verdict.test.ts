import { describe, expect, it } from 'vitest';
import { usualPolicy } from '../contract/cluster-state.ts';
import type { NodeStatus, SourceStatus } from '../contract/status.ts';
import { demoMember, demoState } from '../testing/demo-state.ts';
import { judge, spareOf } from './verdict.ts';

function node(number: number, more: Partial<NodeStatus> = {}): NodeStatus {
  const isPrimary = number === 1;
  return {
    name: `node-${number}`,
    kind: 'data',
    role: isPrimary ? 'primary' : 'standby',
    state: isPrimary ? 'running' : 'streaming',
    detail: '',
    address: null,
    postgres: null,
    api: '',
    timeline: 2,
    lsn: null,
    lagBytes: 0,
    lagMs: 0,
    sync: isPrimary ? 'none' : 'quorum',
    raft: 'voter',
    maintenance: false,
    zone: null,
    streamsFrom: null,
    policy: usualPolicy,
    notes: [],
    postgresVersion: '15.18',
    daemonVersion: '0.1.0',
    pendingRestart: [],
    troubles: [],
    clone: null,
    ...more,
  };
}

const state = demoState();

describe('the verdict', () => {
  it('I-DELAY-3: finds nothing wrong with a standby that is late on purpose', () => {
    const agreed = demoState();
    Object.assign(agreed.members['node-3']?.policy ?? {}, { applyDelayMs: 3_600_000 });
    agreed.syncSet = { electors: ['node-2'], votes: 0, standbys: ['node-2'], count: 1 };
    const nodes = [node(1), node(2), node(3, { state: 'delayed', sync: 'async', lagMs: 3_600_000 })];
    expect(judge({ state: agreed, nodes, hasLeader: true }).health).toBe('healthy');
    nodes[2] = node(3, { state: 'catching-up', sync: 'async' });
    expect(judge({ state: agreed, nodes, hasLeader: true }).health).toBe('degraded');
  });

  it('counts what may still be lost, and promises nothing while writes wait or nobody takes them', () => {
    const spare = (nodes: NodeStatus[]) => spareOf({ state, nodes, hasLeader: true });
    expect(spare([node(1), node(2), node(3)])).toEqual({ nodes: 1, isPrimaryAlone: false });
    expect(spare([node(1), node(2), node(3, { state: 'stopped' })])).toEqual({
      nodes: 0,
      isPrimaryAlone: false,
    });
    expect(spare([node(1), node(2, { state: 'stopped' }), node(3, { state: 'stopped' })])).toBeNull();
    expect(spare([node(2), node(3)])).toBeNull();
    const alone = { ...state, syncSet: { electors: [], votes: 0, standbys: [], count: 0 } };
    expect(spareOf({ state: alone, nodes: [node(1)], hasLeader: true })).toEqual({
      nodes: 0,
      isPrimaryAlone: true,
    });
  });

  it('says how many losses a healthy cluster survives', () => {
    const verdict = judge({ state, nodes: [node(1), node(2), node(3)], hasLeader: true });
    expect(verdict).toEqual({
      health: 'healthy',
      verdict: 'Healthy. Can lose 1 more node without losing an acknowledged write or stopping.',
    });
  });

  it('names those whose commits wait for less by their own settings, unless nobody waits anyway', () => {
    const nodes = [node(1), node(2), node(3)];
    const unguarded = ['reports (synchronous_commit=off)'];
    expect(judge({ state, nodes, hasLeader: true, unguarded }).verdict).toMatch(
      /or stopping\. Outside this promise: reports \(synchronous_commit=off\)\.$/,
    );
    const async = { ...state, durability: { ...state.durability, mode: 'async' as const } };
    expect(judge({ state: async, nodes, hasLeader: true, unguarded }).verdict).not.toContain('Outside');
  });

  it('is degraded, and says what the next loss would do, when one standby is gone', () => {
    const lost = node(3, { state: 'unreachable', detail: 'its daemon does not answer' });
    const verdict = judge({ state, nodes: [node(1), node(2), lost], hasLeader: true });
    expect(verdict.health).toBe('degraded');
    expect(verdict.verdict).toContain('node-3 is unreachable');
    expect(verdict.verdict).toContain('Losing one more node stops writes');
  });

  it('says that writes are blocked when no standby can acknowledge them', () => {
    const nodes = [node(1), node(2, { state: 'catching-up' }), node(3, { state: 'catching-up' })];
    expect(judge({ state, nodes, hasLeader: true })).toMatchObject({
      health: 'down',
      verdict: expect.stringContaining('blocked'),
    });
  });

  it('does not call an unprotected cluster healthy while its sync set is still missing', () => {
    const young = { ...state, syncSet: { electors: [], votes: 0, standbys: [], count: 0 } };
    expect(judge({ state: young, nodes: [node(1), node(2), node(3)], hasLeader: true }).health).toBe(
      'degraded',
    );
  });

  it('is degraded while a standby that streams is not waited for yet', () => {
    const grown = { ...state, members: { ...state.members, 'node-4': demoMember(4) } };
    const verdict = judge({ state: grown, nodes: [node(1), node(2), node(3), node(4)], hasLeader: true });
    expect(verdict).toMatchObject({
      health: 'degraded',
      verdict: expect.stringContaining('writes do not wait for node-4 yet'),
    });
  });

  it('is degraded by a network that is only half there, although every standby streams', () => {
    const nodes = [node(1), node(2), node(3)];
    const words = 'Node-2 and node-3 do not reach each other, both reach node-1: partial.';
    const network = { kind: 'partial' as const, verdict: words, rows: [] };
    const verdict = judge({ state, nodes, hasLeader: true, network });
    expect(verdict.health).toBe('degraded');
    expect(verdict.verdict).toContain('network: Node-2 and node-3 do not reach each other');
    const whole = { kind: 'connected' as const, verdict: '', rows: [] };
    expect(judge({ state, nodes, hasLeader: true, network: whole }).health).toBe('healthy');
  });

  it('is down without a primary, and names the reason', () => {
    const nodes = [node(1, { role: 'none', state: 'unreachable' }), node(2), node(3)];
    expect(judge({ state, nodes, hasLeader: false }).verdict).toContain('No majority of the voters');
    expect(judge({ state, nodes, hasLeader: true }).verdict).toContain('node-1 should be primary');
  });
});

describe('the verdict on a cluster that follows another one', () => {
  const source: SourceStatus = {
    ...{ name: 'prod', leader: 'node-2', isStreaming: true, state: 'open', lagBytes: 16_384, lagMs: 3 },
  };
  const following = (more: Partial<SourceStatus>, nodes = [node(2), node(3)], hasLeader = true) =>
    judge({ state, nodes, hasLeader, source: { ...source, ...more } });

  it('is healthy while every node streams, and says how far it is behind', () => {
    expect(following({})).toEqual({
      health: 'healthy',
      verdict: 'Healthy. Follows prod, 16 kB / 3 ms behind.',
    });
  });

  it('says what the source is like, which is no fault of its own', () => {
    const { health, verdict } = following({ state: 'no-primary', lagBytes: null, lagMs: null });
    expect(health).toBe('healthy');
    expect(verdict).toBe('Healthy. Follows prod; prod has no primary that takes writes.');
  });

  it('is degraded when nothing arrives, a node is down or nobody could take over following', () => {
    expect(following({ isStreaming: false, state: 'silent', lagBytes: null }).verdict).toBe(
      'Degraded: nothing arrives from prod. Follows prod; none of the daemons of prod answers.',
    );
    expect(following({}, [node(2), node(3, { state: 'stopped' })]).health).toBe('degraded');
    expect(following({}, [node(2)], false).verdict).toContain('no other node can take over');
  });
});
