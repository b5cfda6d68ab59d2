import { describe, expect, it } from 'vitest';
import type { NodeReport } from '../contract/node-report.ts';
import { CascadeWatch, type Trouble, troubleWith } from './cascade-watch.ts';

const report = (more: Partial<NodeReport> = {}) =>
  ({ role: 'standby', state: 'streaming', epoch: 3, timeline: 2, lsn: '1/0', ...more }) as NodeReport;
const seen = {
  ...{ epoch: 3, timeline: 2, own: { isStreaming: true } },
  ...{ upstream: report(), primary: report({ role: 'primary', lsn: '1/0' }) },
};

describe('what speaks against an upstream (I-CASCADE-2)', () => {
  it('is nothing while it streams on the timeline of the reign, and is near', () => {
    expect(troubleWith(seen)).toBeNull();
    expect(troubleWith({ ...seen, primary: null })).toBeNull();
  });

  it('is that it does not feed, does not stream itself, has lost the timeline or lags', () => {
    const why = (more: Partial<Parameters<typeof troubleWith>[0]>) => troubleWith({ ...seen, ...more })?.why;
    expect(why({ own: { isStreaming: false } })).toContain('does not stream from it');
    expect(why({ upstream: null })).toContain('does not answer');
    expect(why({ upstream: report({ state: 'rewinding' }) })).toBe('it is rewinding itself');
    expect(why({ upstream: report({ role: 'primary', state: 'running' }) })).toBe('it is running itself');
    expect(why({ upstream: report({ timeline: 1 }) })).toContain('not on timeline 2');
    expect(why({ upstream: report({ epoch: 2 }) })).toContain('not on timeline 2');
    expect(why({ primary: report({ role: 'primary', lsn: '1/20000000' }) })).toBe(
      'it is 512 MB behind the primary',
    );
  });

  it('is more to begin with than to go on', () => {
    const primary = report({ role: 'primary', lsn: '1/C000000' });
    expect(troubleWith({ ...seen, primary })).toBeNull();
    expect(troubleWith({ ...seen, primary, own: null })?.why).toContain('behind');
  });

  it('puts up with a silent daemon for longer while its PostgreSQL feeds', () => {
    const upstream = null;
    const fed = troubleWith({ ...seen, upstream })?.patienceMs ?? 0;
    expect(fed).toBeGreaterThan(troubleWith({ ...seen, upstream, own: null })?.patienceMs ?? 0);
  });
});

describe('the source of a cascading standby (I-CASCADE-2)', () => {
  const ill: Trouble = { why: 'ill', patienceMs: 5000 };
  /** One look a second; answers at which seconds the source changed, and to what. */
  const play = (watch: CascadeWatch, from: number, troubles: (Trouble | null)[]) =>
    troubles.flatMap((trouble, index) => {
      const second = from + index;
      return watch.observe(trouble, second * 1000) ? [`${second} ${watch.source}`] : [];
    });
  const times = (count: number, trouble: Trouble | null) => Array.from({ length: count }, () => trouble);

  it('is the upstream once that has been well for a while, and the primary once it has not been', () => {
    const watch = new CascadeWatch('primary', 0);
    expect(play(watch, 0, [...times(3, null), ill, ...times(6, null)])).toEqual(['9 upstream']);
    expect(play(watch, 10, [...times(4, ill), null, ...times(6, ill)])).toEqual(['20 primary']);
  });

  it('is trusted again after twice as long each time, so that it does not flap', () => {
    const watch = new CascadeWatch('upstream', 0);
    const waits: number[] = [];
    let second = 0;
    for (let fall = 0; fall < 9; fall += 1) {
      while (!watch.observe(ill, second * 1000)) second += 1;
      const fellAt = second;
      second += 1;
      while (!watch.observe(null, second * 1000)) second += 1;
      waits.push(second - fellAt - 1);
      second += 1;
    }
    expect(waits).toEqual([10, 20, 40, 80, 160, 300, 300, 300, 300]);
    play(watch, second, times(601, null));
    expect(play(watch, second + 601, times(6, ill))).toHaveLength(1);
    expect(play(watch, second + 700, times(11, null))).toHaveLength(1);
  });
});
