/** Five fields of a schedule as people say them (pure). What has no short way to say it stays as it was written. */

const weekdays = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const months = [
  ...['January', 'February', 'March', 'April', 'May', 'June', 'July'],
  ...['August', 'September', 'October', 'November', 'December'],
];
const timesMax = 4;

/** `30 1 * * 0` → "every Sunday at 01:30" */
export function scheduleWords(cron: string): string {
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = cron.trim().split(/\s+/);
  const times = timeWords(minute, hour);
  const days = dayWords(day, weekday);
  const inMonths = month === '*' ? '' : namesOf(month, { first: 1, names: months });
  if (times === null || days === null || inMonths === null) return `by the pattern ${cron}`;
  const when = days === 'every day' && times.startsWith('every') ? times : `${days} ${times}`;
  return `${when}${inMonths === '' ? '' : ` in ${inMonths}`}`;
}

function timeWords(minute: string, hour: string): string | null {
  const step = /^\*\/(\d{1,2})$/;
  if (hour === '*') {
    if (minute === '*') return 'every minute';
    const every = step.exec(minute)?.[1];
    if (every !== undefined) return `every ${every} minutes`;
    return isNumber(minute) ? `every hour at minute ${Number(minute)}` : null;
  }
  const everyHours = step.exec(hour)?.[1];
  if (everyHours !== undefined)
    return isNumber(minute) ? `every ${everyHours} hours at minute ${Number(minute)}` : null;
  const minutes = minute.split(',');
  const hours = hour.split(',');
  if (![...minutes, ...hours].every(isNumber) || minutes.length * hours.length > timesMax) return null;
  const two = (text: string) => text.padStart(2, '0');
  return `at ${listed(hours.flatMap((each) => minutes.map((part) => `${two(each)}:${two(part)}`)))}`;
}

/** Where both are given, a day that is either one counts. */
function dayWords(day: string, weekday: string): string | null {
  const onWeekdays = weekday === '*' ? null : namesOf(weekday, { first: 0, names: [...weekdays, 'Sunday'] });
  if (weekday !== '*' && onWeekdays === null) return null;
  const isOne = onWeekdays !== null && !/ and | to /.test(onWeekdays);
  const weekdayWords = onWeekdays === null ? null : `${isOne ? 'every' : 'on'} ${onWeekdays}`;
  if (day === '*') return weekdayWords ?? 'every day';
  if (!/^\d{1,2}([,-]\d{1,2})*$/.test(day)) return null;
  const days = day.split(',').map((part) => part.replace('-', ' to '));
  const ofMonth = `on day ${listed(days)} of the month`;
  return weekdayWords === null ? ofMonth : `${ofMonth}, and ${weekdayWords},`;
}

function namesOf(field: string, { first, names }: { first: number; names: string[] }): string | null {
  const nameOf = (text: string): string | null => {
    const byName = names.findIndex((name) => name.slice(0, 3).toLowerCase() === text.toLowerCase());
    return names[byName >= 0 ? byName : isNumber(text) ? Number(text) - first : -1] ?? null;
  };
  const parts = field.split(',').map((part) => {
    const ends = part.split('-').map(nameOf);
    return ends.length > 2 || ends.includes(null) ? null : ends.join(' to ');
  });
  return parts.includes(null) ? null : listed(parts as string[]);
}

function isNumber(text: string): boolean {
  return /^\d{1,2}$/.test(text);
}

function listed(parts: string[]): string {
  if (parts.length < 2) return parts.join('');
  return `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
}
