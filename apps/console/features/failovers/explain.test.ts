import { describe, expect, it } from 'vitest';
import {
  behindBytes,
  type FailoverView,
  markdownOf,
  phasesOf,
  summaryOf,
  withoutWritesWords,
} from './explain.ts';

const candidate = (node: string, lsn: string | null, chosen = false): FailoverView['candidates'][number] => ({
  ...{ node, chosen, verdict: chosen ? 'has the newest WAL' : 'holds less WAL', supporters: ['node-3'] },
  position: lsn === null ? null : { timeline: 2, lsn },
});

const failover: FailoverView = {
  ...{ id: 'f1', kind: 'failover', epoch: 3, fromEpoch: 2, oldPrimary: 'node-1', preferred: null },
  ...{ state: 'DONE', reason: 'node-1 is silent', startedAtMs: 1000, candidate: 'node-2', blockedBy: null },
  detection: {
    silentForMs: 1000,
    detail: 'no renewal for 1.0 s',
    witnesses: [{ node: 'node-3', hears: false, answers: false, detail: 'does not hear node-1' }],
  },
  candidates: [candidate('node-2', '1/00000100', true), candidate('node-3', '0/FFFFFF00')],
  steps: [
    { state: 'SEAL', atMs: 1000, detail: 'asked 3 voters' },
    { state: 'GRANT', atMs: 1200, detail: 'node-2' },
    { state: 'REJOIN', atMs: 1900, detail: 'open' },
    { state: 'DONE', atMs: 2500, detail: 'over' },
  ],
  dataLoss: { possible: false, detail: 'every acknowledged write was on node-2' },
};

describe('a failover in words', () => {
  it('says what became of it, and what may be lost', () => {
    expect(summaryOf(failover)).toBe('A failover from node-1 to node-2. No acknowledged write was lost.');
    const loss = { possible: true, detail: 'up to 2 MB' };
    expect(summaryOf({ ...failover, dataLoss: loss })).toContain('Data may be lost: up to 2 MB');
    expect(summaryOf({ ...failover, candidate: 'node-1' })).toContain('node-1 goes on as primary');
    expect(summaryOf({ ...failover, state: 'PROMOTE' })).toContain('under way');
    const waits: FailoverView = { ...failover, state: 'NO_SAFE_CANDIDATE', blockedBy: 'node-3 must answer' };
    expect(summaryOf(waits)).toContain('waits: node-3 must answer');
  });

  it('tells how long each step took; one that goes on has no end', () => {
    expect(phasesOf(failover).map(({ tookMs }) => tookMs)).toEqual([200, 700, 600, 0]);
    const steps = failover.steps.slice(0, 2);
    expect(phasesOf({ steps, state: 'GRANT' }).map(({ tookMs }) => tookMs)).toEqual([200, null]);
  });

  it('counts a step that another clock has dated earlier as nothing', () => {
    const steps = failover.steps.map((step, at) => ({ ...step, atMs: step.atMs - at * 1000 }));
    expect(phasesOf({ steps, state: 'DONE' }).every(({ tookMs }) => tookMs === 0)).toBe(true);
  });

  it('counts the time without writes until the primary was open', () => {
    expect(withoutWritesWords(failover)).toBe('900 ms, after 1.0 s of silence');
    expect(withoutWritesWords({ ...failover, steps: failover.steps.slice(0, 2) })).toBe('not yet');
  });

  it('compares WAL over the border of its upper half, and only on one timeline', () => {
    const { candidates } = failover;
    expect(candidates.map((each) => behindBytes(each, candidates))).toEqual([0, 0x200]);
    const other = { ...candidate('node-4', '0/100'), position: { timeline: 1, lsn: '0/100' } };
    expect(behindBytes(other, [...candidates, other])).toBe(0);
    expect(behindBytes(candidate('node-5', null), candidates)).toBeNull();
  });

  it('becomes a report with everything in it', () => {
    const text = markdownOf('shop', failover);
    expect(text).toContain('# shop: failover node-1 → node-2');
    expect(text).toContain('| node-2 (chosen) | 1/00000100 on 2 | node-3 | has the newest WAL |');
    expect(text).toContain('- node-3: does not hear node-1');
    expect(text).toContain('- +900 ms REJOIN: open');
    expect(text).toContain('Nothing: every acknowledged write was on node-2');
  });
});
