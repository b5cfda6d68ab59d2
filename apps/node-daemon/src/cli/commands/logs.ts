import { setTimeout as delay } from 'node:timers/promises';
import { type LogSource, logQuestionSchema, logSources } from '@quantadb/engine/contract/logs';
import type { Command } from 'commander';
import { type LogFilter, logLines, type ToldLogEntry, unseen } from '../logs.ts';
import { findConsole, Target } from '../target.ts';
import { UsageError } from '../usage-error.ts';
import { type GlobalOptions, print, wholeNumber } from './options.ts';

const followEveryMs = 1000;

interface LogOptions {
  of?: string;
  source?: string;
  atLeast: string;
  search: string;
  until?: string;
  limit: string;
  follow?: boolean;
}

type Read = () => Promise<ToldLogEntry[]>;

export function addLogs(program: Command, options: () => GlobalOptions): void {
  program
    .command('logs')
    .description('what PostgreSQL and QuantaDB have written, on every node together')
    .option('--of <node>', 'only of this node')
    .option('--source <source>', `only of one: ${logSources.join(' or ')}`)
    .option('--at-least <severity>', 'debug, info, warning, error or fatal', 'info')
    .option('--search <text>', 'only entries that hold this', '')
    .option('--until <moment>', 'only entries of this moment or before it, as 2026-11-28T13:00:00Z')
    .option('--limit <entries>', 'the newest so many', '100')
    .option('--follow', 'go on as they come')
    .action((own: LogOptions) => showLogs(options(), own));
}

async function showLogs(options: GlobalOptions, own: LogOptions): Promise<void> {
  const read = await reader(options, own);
  let shown = await read();
  print(options, shown, () => logLines(shown));
  while (own.follow) {
    await delay(followEveryMs);
    // Whoever was asked may be restarting.
    const now = await read().catch(() => null);
    if (!now) continue;
    const fresh = unseen(shown, now);
    if (fresh.length > 0) print(options, fresh, () => logLines(fresh));
    shown = now;
  }
}

/** @throws UsageError */
function filterOf(own: LogOptions): LogFilter {
  if (own.follow && own.until !== undefined) throw new UsageError('--follow has no --until');
  const untilMs = own.until === undefined ? null : Date.parse(own.until);
  if (untilMs !== null && Number.isNaN(untilMs)) throw new UsageError(`--until is no moment: ${own.until}`);
  const words = { search: own.search, atLeast: own.atLeast, untilMs };
  const limit = wholeNumber('--limit', own.limit);
  const parsed = logQuestionSchema
    .partial({ source: true })
    .safeParse({ ...words, limit, ...(own.source === undefined ? {} : { source: own.source }) });
  if (parsed.success) return { ...parsed.data, node: own.of ?? null };
  const [issue] = parsed.error.issues;
  const option = issue?.path[0] === 'atLeast' ? 'at-least' : String(issue?.path[0]);
  throw new UsageError(`--${option}: ${issue?.message}`);
}

/** The oldest first, as logs are read. */
async function reader(options: GlobalOptions, own: LogOptions): Promise<Read> {
  const filter = filterOf(own);
  const console = await findConsole(options);
  if (console) {
    const { id } = await console.cluster(options.cluster);
    return async () => (await console.logs(id, filter)).reverse();
  }
  // Without a console each daemon tells its own.
  const target = await Target.find(options);
  const client = filter.node === null ? await target.writer() : target.clientOf(filter.node);
  const { name } = await client.host();
  if (filter.node === null && !options.json)
    process.stderr.write(`Without a console: only what ${name} has written. --of names another host.\n`);
  const wanted: readonly LogSource[] = filter.source ? [filter.source] : logSources;
  const { node: _node, ...question } = filter;
  return async () => {
    const answers = await Promise.all(
      wanted.map(async (source) => {
        const { entries } = await client.logs({ ...question, source });
        return entries.map((entry) => ({ ...entry, node: name, source }));
      }),
    );
    const all = answers.flat().sort((left, right) => (left.atMs ?? 0) - (right.atMs ?? 0));
    return all.slice(-filter.limit);
  };
}
