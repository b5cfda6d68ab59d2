import { alertsShownMax as answeredMax } from '@quantadb/api/alerts/alert-store';
import { expect, test } from 'vitest';
import { alertsShownMax, countWords, needingSomebody } from './words.ts';

const open = { acknowledged: null, silencedBy: null };

test('what is silenced is counted apart', () => {
  const firing = { state: 'firing', severity: 'warning', silencedBy: null } as const;
  const silenced = { ...firing, silencedBy: {} as never };
  expect(countWords([firing, silenced, silenced, { ...firing, severity: 'critical' }])).toBe(
    '1 critical, 1 warning, 2 silenced',
  );
  expect(countWords([silenced])).toBe('1 silenced');
});

test('alerts that somebody is at, or that are silenced, are left out, and no rule hides another one', () => {
  const full = ['a', 'b'].map((subject) => ({ ...open, rule: 'disk-nearly-full', subject }));
  const lag = { ...open, rule: 'replication-lag', subject: 'a' };
  const known = { ...lag, acknowledged: { at: '', by: 'kim', note: '' } };
  expect(needingSomebody([...full, known, { ...lag, silencedBy: 'kim' } as never, lag])).toEqual([
    full[0],
    lag,
    full[1],
  ]);
});

test('a list is taken for whole only when the answer could have held more', () => {
  expect(alertsShownMax).toBe(answeredMax);
});
