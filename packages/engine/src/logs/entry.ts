import {
  type LogEntry,
  type LogQuestion,
  type LogSeverity,
  logSeverities,
  logTextMax,
} from '../contract/logs.ts';

/** Lines of a log as entries (pure). */

/** PostgreSQL's usual prefix, `%m [%p] `; whoever has changed it gets lines without moments. */
const postgresLine =
  /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?) ([A-Za-z0-9+:-]{1,8}) (?:\[(\d+)\] )?(.*)$/s;
const postgresLevel = /(?:^|\s)(DEBUG\d?|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC):\s/;
/** What belongs to the entry before it although it has a prefix of its own. */
const postgresMore = /^(?:\S+ )?(DETAIL|HINT|CONTEXT|STATEMENT|QUERY|LOCATION|BACKTRACE):\s/;

const postgresSeverities: Record<string, LogSeverity> = {
  LOG: 'info',
  INFO: 'info',
  NOTICE: 'info',
  WARNING: 'warning',
  ERROR: 'error',
  FATAL: 'fatal',
  PANIC: 'fatal',
};

interface Line {
  entry: LogEntry;
  /** Belongs to the entry before it. */
  isMore: boolean;
}

export function postgresEntry(line: string): Line {
  const match = postgresLine.exec(line);
  if (!match) return { entry: { atMs: null, severity: 'info', pid: null, text: line }, isMore: true };
  const [, day, clock, zone, pid, text = ''] = match;
  const level = postgresLevel.exec(text)?.[1] ?? '';
  const severity = level.startsWith('DEBUG') ? 'debug' : (postgresSeverities[level] ?? 'info');
  const atMs = zone === 'UTC' || zone === 'GMT' ? Date.parse(`${day}T${clock}Z`) : null;
  const entry = { atMs, severity, pid: pid === undefined ? null : Number(pid), text } as const;
  return { entry, isMore: postgresMore.test(text) };
}

/** Of pino: one JSON object a line. Anything else is what a program said on its way down. */
export function daemonEntry(line: string): Line {
  const fields = parsed(line);
  if (!fields) return { entry: { atMs: null, severity: 'error', pid: null, text: line }, isMore: false };
  const { time, level, msg, pid, hostname: _hostname, node: _node, ...rest } = fields;
  const told = Object.entries(rest).map(([name, value]) => `${name}=${wordOf(value)}`);
  const entry = {
    atMs: typeof time === 'number' ? time : null,
    severity: pinoSeverity(typeof level === 'number' ? level : 30),
    pid: typeof pid === 'number' ? pid : null,
    text: [typeof msg === 'string' ? msg : '', ...told].filter((part) => part !== '').join(' · '),
  };
  return { entry, isMore: false };
}

function parsed(line: string): Record<string, unknown> | null {
  if (!line.startsWith('{')) return null;
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return null;
  }
}

function wordOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
}

function pinoSeverity(level: number): LogSeverity {
  if (level < 30) return 'debug';
  if (level < 40) return 'info';
  if (level < 50) return 'warning';
  return level < 60 ? 'error' : 'fatal';
}

/** Whole entries from lines in their order; lines before the first entry belong to one that is not here. */
export function entriesOf(lines: readonly string[], read: (line: string) => Line): LogEntry[] {
  const entries: LogEntry[] = [];
  for (const line of lines) {
    if (line === '') continue;
    const { entry, isMore } = read(line);
    const last = entries.at(-1);
    if (!isMore) entries.push(entry);
    else if (last && last.text.length < logTextMax) last.text = `${last.text}\n${entry.text}`;
    else if (!last && entry.atMs === null) entries.push(entry);
  }
  return entries.map((entry) => ({ ...entry, text: entry.text.slice(0, logTextMax) }));
}

export function isWanted(entry: LogEntry, question: Omit<LogQuestion, 'source' | 'limit'>): boolean {
  const { search, atLeast, untilMs } = question;
  if (logSeverities.indexOf(entry.severity) < logSeverities.indexOf(atLeast)) return false;
  if (untilMs !== null && entry.atMs !== null && entry.atMs > untilMs) return false;
  return search === '' || entry.text.toLowerCase().includes(search.toLowerCase());
}
