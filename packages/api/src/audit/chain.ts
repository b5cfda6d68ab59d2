import { createHash, createHmac } from 'node:crypto';

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

/**
 * HMAC-SHA256 of an entry's hash, hexadecimal (pure). Anybody can compute hashes anew; this takes a key, and covers every entry before
 * it as the hash does.
 */
export function keyedSealOf(hash: string, key: Buffer): string {
  return createHmac('sha256', key).update(hash).digest('hex');
}

export type ChainPlace = { id: bigint; at: Date };

export interface ChainState {
  previous: string;
  checked: number;
  /** The first entry with a keyed seal; null: none so far. */
  sealedFrom: ChainPlace | null;
  /** Entries after it that have none. */
  unsealed: { count: number; first: ChainPlace } | null;
  /** The entry with the hash that was asked for. */
  kept: ChainPlace | null;
}

export const emptyChain: ChainState = {
  ...{ previous: chainStart, checked: 0 },
  ...{ sealedFrom: null, unsealed: null, kept: null },
};

export type ChainEntry = SealedEntry & { id: bigint; hash: string | null; seal: string | null };

/**
 * Follows the chain over the next entries, in their order (pure). Entries from before there was a chain have no hash, and can only
 * come first.
 *
 * @param asked.kept a hash that somebody has kept
 */
export function followChain(
  state: ChainState,
  entries: readonly ChainEntry[],
  asked: { key: Buffer; kept?: string | undefined },
): { state: ChainState; broken: ChainPlace | null } {
  let now = state;
  for (const entry of entries) {
    const { id, at, hash, seal } = entry;
    const isOlderThanChain = hash === null && now.previous === chainStart;
    if (isOlderThanChain) continue;
    const isAsWritten = hash === sealOf(now.previous, entry);
    const isSealed = seal === null || seal === keyedSealOf(hash ?? '', asked.key);
    if (!isAsWritten || !isSealed) return { state: now, broken: { id, at } };
    now = { ...now, previous: hash, checked: now.checked + 1 };
    if (hash === asked.kept) now.kept = { id, at };
    if (seal !== null) now.sealedFrom ??= { id, at };
    else if (now.sealedFrom) {
      const { count, first } = now.unsealed ?? { count: 0, first: { id, at } };
      now.unsealed = { count: count + 1, first };
    }
  }
  return { state: now, broken: null };
}
