import { describe, expect, it } from 'vitest';
import { type Member, usualPolicy } from '../contract/cluster-state.ts';
import { demoState } from '../testing/demo-state.ts';
import { targetVoters, voteAdvice, zoneAdvice } from './membership.ts';

function members(count: number, more: Partial<Member> = {}): Member[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `node-${index + 1}`,
    raftId: index + 1,
    kind: 'data' as const,
    addresses: { raft: { host: 'a', port: 1 }, api: { host: 'a', port: 2 }, postgres: null },
    zone: null,
    phase: 'active' as const,
    maintenance: null,
    policy: usualPolicy,
    ...more,
  }));
}

describe('who votes in Raft', () => {
  it('is always an odd number of at most seven', () => {
    const sizes = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((count) => targetVoters(members(count), new Set([1])).size);
    expect(sizes).toEqual([1, 1, 3, 3, 5, 5, 7, 7, 7]);
  });

  it('never takes a vote away from a member that has one', () => {
    expect(targetVoters(members(5), new Set([3, 4, 5])).has(3)).toBe(true);
    expect([...targetVoters(members(4), new Set([2, 3, 4]))].sort()).toEqual([2, 3, 4]);
  });

  it('waits until a joining member has its data, and drops a leaving one', () => {
    const joining = [...members(2), ...members(3, { phase: 'joining' }).slice(2)];
    expect(targetVoters(joining, new Set([1])).size).toBe(1);
    const leaving = [...members(2), ...members(3, { phase: 'leaving' }).slice(2)];
    expect(targetVoters(leaving, new Set([1, 2, 3])).has(3)).toBe(false);
  });
});

describe('routers', () => {
  it('never vote, and no witness is advised for their sake', () => {
    const withRouters = members(5).map((member, index) =>
      index < 2 ? { ...member, kind: 'router' as const } : member,
    );
    expect([...targetVoters(withRouters, new Set([3]))].sort()).toEqual([3, 4, 5]);
    const state = demoState();
    Object.assign(state.members, { 'edge-1': { ...members(4)[3], name: 'edge-1', kind: 'router' } });
    expect(voteAdvice(state, new Set([1, 2, 3]))).toBeNull();
  });
});

describe('advice about zones', () => {
  const votersNow = new Set([1, 2, 3]);
  const inZones = (...zones: (string | null)[]) => {
    const state = demoState();
    for (const [index, zone] of zones.entries())
      Object.assign(state.members[`node-${index + 1}`] ?? {}, { zone });
    return zoneAdvice(state, votersNow);
  };

  it('names the zone whose loss takes the majority with it', () => {
    expect(inZones('a', 'a', 'b')).toMatch(/^Zone a holds 2 of 3 votes: .* A witness in a third zone/);
    expect(inZones('a', 'a', 'a')).toMatch(/^Zone a holds 3 of 3 votes/);
    expect(inZones('a', 'b', 'c')).toBeNull();
    expect(inZones('a', 'a', null)).toBeNull();
  });
});
