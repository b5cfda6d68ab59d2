import { QuantaError } from '@quantadb/engine/shared/errors';
import { CommanderError } from 'commander';
import { buildProgram } from './program.ts';
import { UsageError } from './usage-error.ts';

/** 0 done, 1 refused or failed, 2 not understood. */
function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof UsageError) return 2;
  return 1;
}

async function main(): Promise<void> {
  try {
    await buildProgram().parseAsync();
  } catch (error) {
    process.exitCode = exitCodeOf(error);
    if (error instanceof CommanderError) return;
    const { message } = error as Error;
    const hint = error instanceof QuantaError ? error.hint : undefined;
    const code = error instanceof QuantaError ? error.code : null;
    if (process.argv.includes('--json'))
      process.stderr.write(`${JSON.stringify({ error: { code, message, hint: hint ?? null } })}\n`);
    else process.stderr.write(`${message}\n${hint ? `\n${hint}\n` : ''}`);
  }
}

await main();
