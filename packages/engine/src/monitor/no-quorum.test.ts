import { describe, expect, it } from 'vitest';
import type { NodeReport } from '../contract/node-report.ts';
import { demoState } from '../testing/demo-state.ts';
import { noQuorumOf, noQuorumWords } from './no-quorum.ts';
import { judge } from './verdict.ts';

const atMs = Date.UTC(2026, 0, 2, 12, 3, 4);
const voters = new Set([1, 2, 3]);
const state = demoState();

function report(name: string, more: Partial<NodeReport> = {}): [string, NodeReport] {
  const raft = { role: 'follower', leader: null } as NodeReport['raft'];
  return [name, { name, raft, degraded: null, ...more } as NodeReport];
}

const reads = { hasQuorum: false, reads: true, sinceMs: atMs + 1000, asOfMs: atMs, reason: 'no primary' };

describe('I-DEGRADE-2: without a quorum the cluster says', () => {
  it('who serves reads, as of when, and whom to bring back', () => {
    const found = noQuorumOf({ state, voters, reports: new Map([report('node-1', { degraded: reads })]) });
    expect(found).toMatchObject({ missing: ['node-2', 'node-3'], needed: 1, sinceMs: atMs + 1000 });
    const words = 'No quorum: node-1 serves reads only, as of 12:03:04 UTC; bring back node-2 or node-3.';
    expect(found && noQuorumWords(found)).toBe(words);
    expect(judge({ state, nodes: [], hasLeader: false, noQuorum: found })).toEqual({
      health: 'down',
      verdict: words,
    });
  });

  it('who serves nobody, and why', () => {
    const degraded = {
      ...reads,
      reads: false,
      reason: 'clients are shut out: a commit may not be acknowledged',
    };
    const found = noQuorumOf({ state, voters, reports: new Map([report('node-1', { degraded })]) });
    expect(found && noQuorumWords(found)).toContain('node-1 serves nobody (clients are shut out: a commit');
  });
});

it('says nothing of a quorum while a node that answers knows a leader, or before anybody misses it', () => {
  const raft = { role: 'follower', leader: 'node-2' } as NodeReport['raft'];
  const reports = new Map([report('node-1', { degraded: reads }), report('node-3', { raft })]);
  expect(noQuorumOf({ state, voters, reports })).toBeNull();
  expect(noQuorumOf({ state, voters, reports: new Map([report('node-1')]) })).toBeNull();
});
