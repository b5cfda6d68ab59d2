import type { Command } from 'commander';
import type { TargetOptions } from '../target.ts';
import { UsageError } from '../usage-error.ts';

/** What every command understands. */
export interface GlobalOptions extends TargetOptions {
  json?: boolean;
  yes?: boolean;
  reason?: string;
  cluster?: string;
}

/** A group of commands adds itself to the program, and asks for the options when one of them runs. */
export type AddCommands = (program: Command, options: () => GlobalOptions) => void;

export function print(options: GlobalOptions, value: unknown, text: () => string): void {
  process.stdout.write(`${options.json ? JSON.stringify(value, null, 2) : text()}\n`);
}

/** @throws UsageError */
export function wholeNumber(option: string, text: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new UsageError(`${option} takes a whole number, and ${text} is none`);
}
