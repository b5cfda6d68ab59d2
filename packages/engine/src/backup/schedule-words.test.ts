import { expect, test } from 'vitest';
import { scheduleWords } from './schedule-words.ts';

test.each([
  ['30 1 * * *', 'every day at 01:30'],
  ['30 1 * * 0', 'every Sunday at 01:30'],
  ['30 1 * * 7', 'every Sunday at 01:30'],
  ['30 1 * * 1-6', 'on Monday to Saturday at 01:30'],
  ['0 1,13 * * mon,Fri', 'on Monday and Friday at 01:00 and 13:00'],
  ['15 * * * *', 'every hour at minute 15'],
  ['*/15 * * * *', 'every 15 minutes'],
  ['5 */6 * * *', 'every 6 hours at minute 5'],
  ['0 4 1 * *', 'on day 1 of the month at 04:00'],
  ['0 4 1,15 1,7 *', 'on day 1 and 15 of the month at 04:00 in January and July'],
  ['0 4 1 * 6', 'on day 1 of the month, and every Saturday, at 04:00'],
  ['0 4 L * *', 'by the pattern 0 4 L * *'],
  ['0 0-12 * * *', 'by the pattern 0 0-12 * * *'],
  ['0 4 * * 9', 'by the pattern 0 4 * * 9'],
])('%s is said as "%s"', (cron, words) => {
  expect(scheduleWords(cron)).toBe(words);
});
