import { type Durability, durabilitySchema } from '@quantadb/engine/contract/cluster-state';
import { parameterChangesSchema } from '@quantadb/engine/contract/operations';
import { UsageError } from './usage-error.ts';

/** Arguments of commands that change settings, checked before anybody is asked (pure). */

const millisecondsPerSecond = 1000;

/** @throws UsageError naming the argument that is not understood */
export function parameterChanges(given: string[], reset: string[]): Record<string, string | null> {
  const changes: Record<string, string | null> = Object.fromEntries(reset.map((name) => [name, null]));
  for (const argument of given) {
    const position = argument.indexOf('=');
    if (position < 1) throw new UsageError(`${argument} is no name=value`);
    changes[argument.slice(0, position).trim()] = argument.slice(position + 1).trim();
  }
  const parsed = parameterChangesSchema.safeParse(changes);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new UsageError(`${issue?.path.join('.') || 'the parameters'}: ${issue?.message ?? 'not understood'}`);
}

/** @throws UsageError when there is no such durability */
export function durabilityOf(mode: string, strictness = 'strict', seconds = '10'): Durability {
  const syncTimeoutMs = Number(seconds) * millisecondsPerSecond;
  const parsed = durabilitySchema.safeParse({ mode, strictness, syncTimeoutMs });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new UsageError(`${issue?.path.join('.') ?? 'durability'}: ${issue?.message ?? 'not understood'}`);
}
