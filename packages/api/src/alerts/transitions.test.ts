import { expect, it } from 'vitest';
import type { Condition } from './judge.ts';
import { type Change, type LiveAlert, nextAlerts, restMs } from './transitions.ts';

const condition: Condition = {
  ...{ rule: 'replication-lag', clusterId: null, subject: 'node-2', sentence: 'behind', severity: 'warning' },
  forSeconds: 30,
};

/** A world whose clock goes by five seconds per look. */
class Looks {
  live: LiveAlert[] = [];
  nowMs = 1_000_000;
  private ids = 0;

  look(isTrue: boolean, { unknown = false, afterMs = 5000 } = {}): Change['kind'][] {
    this.nowMs += afterMs;
    const judgement = { conditions: isTrue ? [condition] : [], isUnknown: () => unknown };
    const newId = () => {
      this.ids += 1;
      return `alert-${this.ids}`;
    };
    const changes = nextAlerts(this.live, judgement, { nowMs: this.nowMs, newId });
    for (const { kind, alert } of changes) {
      this.live = this.live.filter(({ id }) => id !== alert.id);
      if (kind !== 'dropped' && kind !== 'resolved') this.live.push(alert);
    }
    return changes.map(({ kind }) => kind);
  }

  looks(count: number, isTrue: boolean): Change['kind'][] {
    return Array.from({ length: count }, () => this.look(isTrue)).flat();
  }
}

it('I-ALERT-4: fires once it has been so for long enough, and not before', () => {
  const looks = new Looks();
  expect(looks.look(true)).toEqual(['began']);
  expect(looks.looks(5, true)).toEqual(['seen', 'seen', 'seen', 'seen', 'seen']);
  expect(looks.look(true)).toEqual(['fired']);
  expect(looks.live[0]).toMatchObject({
    state: 'firing',
    firingMs: looks.nowMs,
    sinceMs: looks.nowMs - 30_000,
  });
});

it('forgets what was so for a moment only', () => {
  const looks = new Looks();
  looks.looks(4, true);
  expect(looks.look(false)).toEqual(['dropped']);
  expect(looks.look(true)).toEqual(['began']);
});

it('I-ALERT-5: one that comes and goes is one alert, and it ends after a minute of quiet', () => {
  const looks = new Looks();
  looks.looks(7, true);
  for (let round = 0; round < 10; round += 1) {
    expect(looks.looks(5, false)).toEqual([]);
    expect(looks.look(true)).toEqual(['seen']);
  }
  expect(looks.looks(restMs / 5000 - 1, false)).toEqual([]);
  expect(looks.look(false)).toEqual(['resolved']);
  expect(looks.live).toEqual([]);
});

it('does not end while nothing is known of its subject', () => {
  const looks = new Looks();
  looks.looks(7, true);
  for (let round = 0; round < 50; round += 1) expect(looks.look(false, { unknown: true })).toEqual(['seen']);
  expect(looks.looks(restMs / 5000, false)).toEqual(['resolved']);
});

it('counts anew for an alert that nobody looked at for a while', () => {
  const looks = new Looks();
  looks.look(true);
  expect(looks.look(true, { afterMs: 3_600_000 })).toEqual(['seen']);
  expect(looks.live[0]).toMatchObject({ state: 'pending', sinceMs: looks.nowMs });
});

it('fires at once when nothing is waited for, and goes on with a worse severity under the same id', () => {
  const looks = new Looks();
  const judgement = (severity: Condition['severity']) => {
    return { conditions: [{ ...condition, forSeconds: 0, severity }], isUnknown: () => false };
  };
  const [first] = nextAlerts([], judgement('warning'), { nowMs: looks.nowMs, newId: () => 'one' });
  expect(first?.kind).toBe('fired');
  const [second] = nextAlerts(first ? [first.alert] : [], judgement('critical'), {
    nowMs: looks.nowMs + 1,
    newId: () => 'two',
  });
  expect(second).toMatchObject({ kind: 'seen', alert: { id: 'one', severity: 'critical', state: 'firing' } });
});
