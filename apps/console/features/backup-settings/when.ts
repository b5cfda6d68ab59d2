/** When something comes again, as people set it, and as the five fields that the cluster keeps (pure). */

export interface When {
  every: 'hour' | 'day' | 'week' | 'month' | 'cron';
  /** 01:30; of an hour only its minutes count. */
  time: string;
  /** 0 is Sunday. */
  weekdays: number[];
  dayOfMonth: number;
  cron: string;
  timeZone: string;
}

export const everyWords: Record<When['every'], string> = {
  hour: 'Every hour',
  day: 'Every day',
  week: 'On days of the week',
  month: 'Once a month',
  cron: 'As a cron pattern',
};

export function cronOf({ every, time, weekdays, dayOfMonth, cron }: When): string {
  const [hour = '0', minute = '0'] = time.split(':').map((part) => String(Number(part)));
  switch (every) {
    case 'hour':
      return `${minute} * * * *`;
    case 'day':
      return `${minute} ${hour} * * *`;
    case 'week':
      return `${minute} ${hour} * * ${[...weekdays].sort().join(',') || '0'}`;
    case 'month':
      return `${minute} ${hour} ${dayOfMonth} * *`;
    case 'cron':
      return cron.trim();
  }
}

/** What has no simpler form stays a pattern. */
export function whenOf(cron: string, timeZone: string): When {
  const base = { time: '01:30', weekdays: [0], dayOfMonth: 1, cron, timeZone };
  const fields = /^(\d{1,2}) (\d{1,2}|\*) (\d{1,2}|\*) \* (\*|[0-7](?:[,-][0-7])*)$/.exec(cron.trim());
  if (!fields) return { ...base, every: 'cron' };
  const [, minute = '', hour = '', day = '', weekday = ''] = fields;
  const two = (text: string) => text.padStart(2, '0');
  if (hour === '*')
    return day === '*' && weekday === '*'
      ? { ...base, every: 'hour', time: `00:${two(minute)}` }
      : { ...base, every: 'cron' };
  const time = `${two(hour)}:${two(minute)}`;
  if (day !== '*')
    return weekday === '*'
      ? { ...base, every: 'month', time, dayOfMonth: Number(day) }
      : { ...base, every: 'cron' };
  return weekday === '*'
    ? { ...base, every: 'day', time }
    : { ...base, every: 'week', time, weekdays: daysIn(weekday) };
}

/** `1-3,5` → 1, 2, 3, 5; 7 is Sunday too. */
function daysIn(field: string): number[] {
  const days = field.split(',').flatMap((part) => {
    const [from = 0, to = from] = part.split('-').map(Number);
    return Array.from({ length: Math.max(0, to - from) + 1 }, (_, at) => (from + at) % 7);
  });
  return [...new Set(days)].sort();
}
