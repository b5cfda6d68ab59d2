import { type Durability, durabilitySchema } from '@quantadb/engine/contract/cluster-state';
import {
  type NodeChange,
  nodeChangeSchema,
  parameterChangesSchema,
} from '@quantadb/engine/contract/operations';
import {
  commitModeSchema,
  type OwnDurabilityChange,
  ownDurabilityChangeSchema,
} from '@quantadb/engine/contract/own-durability';
import { type RouterChanges, routerChangesSchema } from '@quantadb/engine/contract/router-settings';
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

/** @throws UsageError naming the setting that is not understood */
export function routerChanges(given: string[], reset: string[]): RouterChanges {
  const changes: Record<string, string | number | boolean | null> = {};
  for (const name of reset) changes[name] = null;
  for (const argument of given) {
    const position = argument.indexOf('=');
    if (position < 1) throw new UsageError(`${argument} is no name=value`);
    changes[argument.slice(0, position).trim()] = plainValue(argument.slice(position + 1).trim());
  }
  const parsed = routerChangesSchema.safeParse(changes);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new UsageError(issue?.message ?? 'the settings are not understood');
}

function plainValue(text: string): string | number | boolean {
  if (text === 'on' || text === 'true') return true;
  if (text === 'off' || text === 'false') return false;
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

export interface DurabilitySettings {
  syncTimeout: string;
  acrossZones?: boolean;
}

/** @throws UsageError when there is no such durability */
export function durabilityOf(
  mode: string,
  strictness = 'strict',
  { syncTimeout, acrossZones }: DurabilitySettings = { syncTimeout: '10' },
): Durability {
  const syncTimeoutMs = Number(syncTimeout) * millisecondsPerSecond;
  const across = acrossZones ? { acrossZones } : {};
  const parsed = durabilitySchema.safeParse({ mode, strictness, syncTimeoutMs, ...across });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new UsageError(`${issue?.path.join('.') ?? 'durability'}: ${issue?.message ?? 'not understood'}`);
}

/** @throws UsageError when there is no such durability of a role or database */
export function ownDurabilityOf(
  mode: string,
  {
    role,
    database,
    strictness,
  }: { role: string | null; database: string | null; strictness?: string | undefined },
): OwnDurabilityChange {
  if (strictness !== undefined)
    throw new UsageError(`${strictness} is the whole cluster's: a role or a database has only a mode`);
  const parsed = ownDurabilityChangeSchema.safeParse({
    role,
    database,
    mode: mode === 'usual' ? null : mode,
  });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (issue?.path[0] === 'mode')
    throw new UsageError(
      `of a role or a database: ${commitModeSchema.options.join(', ')} or usual, and not ${mode}`,
    );
  throw new UsageError(`${issue?.path.join('.') || 'the durability'}: ${issue?.message ?? 'not understood'}`);
}

export interface NodeSettings {
  priority?: string;
  failover?: string;
  reads?: string;
  weight?: string;
  upstream?: string;
  delay?: string;
  zone?: string;
}

/** @throws UsageError naming the option that is not understood */
export function nodeChangeOf(settings: NodeSettings): NodeChange {
  const { priority, failover, reads, weight, upstream, delay, zone } = settings;
  const change = {
    ...(priority === undefined ? {} : { priority: Number(priority) }),
    ...(failover === undefined ? {} : { noFailover: !isYes('--failover', failover) }),
    ...(reads === undefined ? {} : { noLoadBalance: !isYes('--reads', reads) }),
    ...(weight === undefined ? {} : { weight: Number(weight) }),
    ...(upstream === undefined ? {} : { upstream: upstream === 'primary' ? null : upstream }),
    ...(delay === undefined ? {} : { applyDelayMs: delayOf(delay) }),
    ...(zone === undefined ? {} : { zone: zone === 'none' ? null : zone }),
  };
  const parsed = nodeChangeSchema.safeParse(change);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new UsageError(`${issue?.path.join('.') || 'the node'}: ${issue?.message ?? 'not understood'}`);
}

const delayUnits: Record<string, number> = { s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 };

function delayOf(text: string): number {
  if (text === 'none') return 0;
  const [, digits, unit = ''] = /^(\d{1,6})(s|min|h|d)$/.exec(text) ?? [];
  const size = delayUnits[unit];
  if (size !== undefined) return Number(digits) * size;
  throw new UsageError(
    `--delay takes a time like 90s, 30min, 4h or 2d, or none, and ${text} is none of them`,
  );
}

function isYes(option: string, text: string): boolean {
  if (text === 'yes' || text === 'no') return text === 'yes';
  throw new UsageError(`${option} takes yes or no, and ${text} is neither`);
}
