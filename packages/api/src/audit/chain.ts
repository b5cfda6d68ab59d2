import { createHash } from 'node:crypto';

/** What of an entry is sealed: all of it but its number, which only orders the chain. */
export interface SealedEntry {
  at: Date;
  actorKind: string;
  actor: string;
  action: string;
  target: string;
  reason: string;
  before: unknown;
  after: unknown;
  outcome: string;
  detail: string;
  ip: string | null;
  /** Null also of entries from before it was written down. */
  clusterId: string | null;
}

export const chainStart = '0'.repeat(64);

/** SHA-256 over the hash before and the entry, hexadecimal (pure). The database may order the keys of JSON as it likes. */
export function sealOf(previous: string, entry: SealedEntry): string {
  const { at, actorKind, actor, action, target, reason, before, after, outcome, detail, ip, clusterId } =
    entry;
  const fields = [
    at.toISOString(),
    ...[actorKind, actor, action, target, reason],
    ...[before ?? null, after ?? null, outcome, detail, ip],
    // Only where there is one: what was sealed without it stays as it is.
    ...(clusterId === null ? [] : [clusterId]),
  ];
  return createHash('sha256')
    .update(previous)
    .update(JSON.stringify(fields.map(ordered)))
    .digest('hex');
}

/** The same value with the keys of every object in order. */
function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, ordered(inner)]));
}

export type ChainState = { previous: string; checked: number };
export type ChainBreak = { id: bigint; at: Date };

/**
 * Follows the chain over the next entries, in their order (pure). Entries from before there was a chain have no hash, and can only
 * come first.
 */
export function followChain(
  state: ChainState,
  entries: readonly (SealedEntry & { id: bigint; hash: string | null })[],
): { state: ChainState; broken: ChainBreak | null } {
  let { previous, checked } = state;
  for (const entry of entries) {
    const isOlderThanChain = entry.hash === null && previous === chainStart;
    if (isOlderThanChain) continue;
    if (entry.hash !== sealOf(previous, entry)) {
      return { state: { previous, checked }, broken: { id: entry.id, at: entry.at } };
    }
    previous = entry.hash;
    checked += 1;
  }
  return { state: { previous, checked }, broken: null };
}
