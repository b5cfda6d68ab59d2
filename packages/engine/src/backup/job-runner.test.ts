import { describe, expect, it } from 'vitest';
import type { JobResult } from '../contract/backup.ts';
import type { Clock } from '../shared/clock.ts';
import { silentLogger } from '../shared/logger.ts';
import type { JobOrder } from './job-order.ts';
import { type JobReport, JobRunner, unaskedMsMax } from './job-runner.ts';

describe('work on a node', () => {
  const order: JobOrder = {
    ...{ id: 'j1', attempt: 1, work: { kind: 'expire' }, primary: null, requestedBy: 'x', scheduleId: null },
  };
  const result: JobResult = { kind: 'expire', expired: [], walKeptFrom: null };

  /** Time that a test moves on. */
  class TestClock implements Clock {
    nowMs = 0;
    private readonly rounds = new Set<() => void>();
    monotonicMs = () => this.nowMs;
    wallMs = () => this.nowMs;
    after = () => () => undefined;
    every = (_periodMs: number, work: () => void) => {
      this.rounds.add(work);
      return () => this.rounds.delete(work);
    };
    advance(ms: number): void {
      this.nowMs += ms;
      for (const round of this.rounds) round();
    }
  }

  const aborted = (signal: AbortSignal) =>
    new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

  it('is done once for an attempt, and kept until it is asked about', async () => {
    let begun = 0;
    const runner = new JobRunner({
      logger: silentLogger,
      work: async (_: JobOrder, report: JobReport) => {
        begun += 1;
        report.warn('one thing');
        return result;
      },
    });
    expect(runner.start(order)).toEqual({ ok: true });
    expect(runner.start(order)).toEqual({ ok: true });
    await new Promise((resolve) => setImmediate(resolve));
    expect(begun).toBe(1);
    expect(runner.look('j1')).toMatchObject({ state: 'done', result, warnings: ['one thing'] });
    expect(runner.look('another')).toMatchObject({ state: 'unknown' });
  });

  it('is told of at its end to whoever waits, and how it goes to whoever has waited long enough', async () => {
    let finish: (result: JobResult) => void = () => undefined;
    const work = () => new Promise<JobResult>((resolve) => (finish = resolve));
    const runner = new JobRunner({ logger: silentLogger, work });
    runner.start(order);
    expect(await runner.lookWhenOver('j1', 20)).toMatchObject({ state: 'running' });
    expect(await runner.lookWhenOver('another', 60_000)).toMatchObject({ state: 'unknown' });
    const waiting = runner.lookWhenOver('j1', 60_000);
    finish(result);
    expect(await waiting).toMatchObject({ state: 'done', result });
    expect(await runner.lookWhenOver('j1', 60_000)).toMatchObject({ state: 'done' });
  });

  it('ends when nobody asks about it any more, and goes on as long as somebody does', async () => {
    const clock = new TestClock();
    const runner = new JobRunner({ logger: silentLogger, clock, work: (_, __, signal) => aborted(signal) });
    runner.start(order);
    clock.advance(unaskedMsMax);
    expect(runner.look('j1').state).toBe('running');
    clock.advance(unaskedMsMax);
    expect(runner.look('j1').state).toBe('running');
    expect(runner.start({ ...order, id: 'j2' })).toMatchObject({ ok: false });
    clock.advance(unaskedMsMax + 1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(runner.look('j1')).toMatchObject({ state: 'failed', retry: true });
    expect(runner.start({ ...order, id: 'j2' })).toEqual({ ok: true });
  });
});
