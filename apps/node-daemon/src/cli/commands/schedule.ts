import type { Schedulable } from '@quantadb/engine/contract/schedule';
import type { Command } from 'commander';
import type { Intent } from '../console-client.ts';
import { scheduledText } from '../format.ts';
import { clusterStatusNow } from '../target.ts';
import { UsageError } from '../usage-error.ts';
import { type GlobalOptions, print, wholeNumber } from './options.ts';

export interface Timing {
  at?: string;
  within: string;
}

/** For commands whose work may wait for its time. */
export function withTiming(command: Command): Command {
  return command
    .option('--at <time>', 'begin then, as 2026-12-24T03:00 (your time zone) or 2026-12-24T03:00Z')
    .option('--within <minutes>', 'give up when it could not begin until so long after --at', '30');
}

/** The work itself, or to write it down for later. @throws UsageError */
export function timed(request: Schedulable, { at, within }: Timing): Intent {
  if (at === undefined) return request;
  const withinMinutes = wholeNumber('--within', within);
  return { kind: 'schedule-operation', atMs: momentOf(at), withinMinutes, request };
}

/** @throws UsageError: a date alone, or words, would be taken for whatever JavaScript makes of them */
export function momentOf(text: string): number {
  const isMoment = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?$/.test(text);
  const atMs = isMoment ? Date.parse(text.replace(' ', 'T')) : Number.NaN;
  if (!Number.isNaN(atMs)) return atMs;
  throw new UsageError(`--at takes a time like 2026-12-24T03:00 or 2026-12-24T03:00Z, and ${text} is none`);
}

export function addScheduled(
  program: Command,
  options: () => GlobalOptions,
  perform: (intent: Intent) => Promise<void>,
): void {
  const scheduled = program
    .command('scheduled')
    .description('what waits for its time')
    .action(() => showScheduled(options()));
  scheduled
    .command('cancel <id>')
    .description('take it back')
    .action((id: string) => perform({ kind: 'unschedule-operation', id }));
}

async function showScheduled(options: GlobalOptions): Promise<void> {
  const status = await clusterStatusNow(options);
  const entries = status?.scheduled ?? [];
  print(options, entries, () => scheduledText(entries));
}
