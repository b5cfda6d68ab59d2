import type { BackupRetention, GuestRestore } from '../contract/backup.ts';
import type { StoredBackup } from './engine.ts';

/** Which backups stay, which go, and why (pure). */

/** Notes of a backup that QuantaDB gives a meaning to. */
export const holdNote = 'quantadb-hold';
/** Whatever people wrote. */
export const personNote = 'quantadb-note';
/** All WAL from its start on was to be kept when what is older was let go. */
export const walFromNote = 'quantadb-wal-from';

export interface RetentionInput {
  backups: readonly StoredBackup[];
  retention: BackupRetention;
  /** Backups that cannot be restored: they keep nothing else from being counted. */
  unusable: ReadonlySet<string>;
  /** Those of them of which a verification says so: it may be wrong, and most of their files can be had. */
  damaged?: ReadonlySet<string>;
  /** Somebody restores from these now, and from all WAL since. */
  guests?: readonly GuestRestore[];
  nowMs: number;
}

export interface RetentionPlan {
  keep: { label: string; reasons: KeepReason[]; goes: Goes }[];
  expire: { label: string; why: string }[];
  /** Full backups, the newest first, whose following WAL is kept, so that every moment since then can be restored to. */
  fullsWithWal: number;
  walKeptFrom: string | null;
}

export type KeepReason =
  | { kind: 'newest' }
  | { kind: 'count'; rank: number }
  | { kind: 'days' }
  | { kind: 'tier'; tier: 'daily' | 'weekly' | 'monthly' | 'yearly'; period: string }
  | { kind: 'held'; note: string }
  | { kind: 'guest'; host: string; untilMs: number }
  /** The newest full backup that copied no page with a wrong checksum: the last one that the database was whole in. */
  | { kind: 'clean' }
  | { kind: 'needed'; by: string }
  | { kind: 'unusable' };

/** When a kept backup goes, if nothing changes: on a day, or when so many newer full ones were made. */
export type Goes =
  | { kind: 'never'; why: 'held' }
  | { kind: 'at'; atMs: number }
  | { kind: 'after-fulls'; fulls: number };

const dayMs = 86_400_000;

export function planRetention(input: RetentionInput): RetentionPlan {
  const reasons = new Map<string, KeepReason[]>();
  const add = (label: string, reason: KeepReason) => {
    const known = reasons.get(label) ?? [];
    const isKnown = known.some((each) => JSON.stringify(each) === JSON.stringify(reason));
    if (!isKnown) reasons.set(label, [...known, reason]);
  };
  const fulls = newestFirst(input.backups.filter((backup) => backup.type === 'full'));
  const good = fulls.filter((backup) => !input.unusable.has(backup.label));
  const [newest] = good.length > 0 ? good : fulls;
  if (newest) add(newest.label, { kind: 'newest' });
  const recent = recentFulls(good, input);
  for (const { backup, reason } of recent) add(backup.label, reason);
  for (const { backup, reason } of tieredFulls(good, input.retention)) add(backup.label, reason);
  const recentLabels = new Set([...recent.map(({ backup }) => backup.label), newest?.label ?? '']);
  const clean = good.find((backup) => !backup.hasPageErrors);
  if (newest?.hasPageErrors && clean && !recentLabels.has(clean.label)) {
    add(clean.label, { kind: 'clean' });
    recentLabels.add(clean.label);
  }
  const guestsUntilMs = keepGuests(input, { reasons, recentLabels, add });
  keepDependents(input.backups, recentLabels, add);
  keepUnusable({ fulls, input, recentLabels, add });
  const countable = countableFulls(fulls, input);
  const doubted = keepDamaged(countable, input, add);
  keepHeld(input.backups, add);
  const kept = input.backups.filter((backup) => reasons.has(backup.label));
  const withWal = fulls.filter(({ label }) => recentLabels.has(label) || doubted.has(label));
  const walKeptFrom = withWal.at(-1)?.label ?? null;
  return {
    keep: newestFirst(kept).map(({ label, stopMs }) => {
      const own = reasons.get(label) ?? [];
      return {
        label,
        reasons: own,
        goes: goesWhen(own, { label, stopMs, good, countable, guestsUntilMs, input }),
      };
    }),
    expire: newestFirst(input.backups.filter((backup) => !reasons.has(backup.label))).map((backup) => ({
      label: backup.label,
      why: whyGone(backup, input),
    })),
    fullsWithWal:
      fulls.filter((backup) => reasons.has(backup.label)).findIndex((each) => each.label === walKeptFrom) + 1,
    walKeptFrom,
  };
}

/** Kept with everything built on them and all WAL since: these are what point-in-time recovery works from. */
function recentFulls(
  good: StoredBackup[],
  { retention, nowMs }: RetentionInput,
): { backup: StoredBackup; reason: KeepReason }[] {
  const byCount = good
    .slice(0, retention.fullCount)
    .map((backup, at) => ({ backup, reason: { kind: 'count', rank: at + 1 } as const }));
  if (retention.days === null) return byCount;
  // A clock that is ahead must not let everything go at once: the window ends with the newest backup at the latest.
  const endMs = Math.min(nowMs, good[0]?.stopMs ?? nowMs);
  const cutoffMs = endMs - retention.days * dayMs;
  // The first moment of the window is restored from a full backup that is older than the window.
  const before = good.findIndex((backup) => backup.stopMs <= cutoffMs);
  const within = before < 0 ? good : good.slice(0, before + 1);
  return [...byCount, ...within.map((backup) => ({ backup, reason: { kind: 'days' } as const }))];
}

const periods = {
  daily: (atMs: number) => new Date(atMs).toISOString().slice(0, 10),
  weekly: weekOf,
  monthly: (atMs: number) => new Date(atMs).toISOString().slice(0, 7),
  yearly: (atMs: number) => new Date(atMs).toISOString().slice(0, 4),
} as const;

/** Of each period the newest full backup, for the newest so many periods that have one. */
function tieredFulls(
  good: StoredBackup[],
  { tiers }: BackupRetention,
): { backup: StoredBackup; reason: KeepReason }[] {
  return (Object.keys(periods) as (keyof typeof periods)[]).flatMap((tier) => {
    const seen = new Set<string>();
    return good.flatMap((backup) => {
      const period = periods[tier](backup.stopMs);
      if (seen.has(period) || seen.size >= tiers[tier]) return [];
      seen.add(period);
      return [{ backup, reason: { kind: 'tier', tier, period } as const }];
    });
  });
}

/** `2026-W48`: weeks begin on Monday, and the week with the year's first Thursday is the first (ISO 8601). */
function weekOf(atMs: number): string {
  const date = new Date(atMs);
  const weekday = (date.getUTCDay() + 6) % 7;
  const thursday = new Date(
    Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate() - weekday + 3),
  );
  const firstMs = Date.UTC(thursday.getUTCFullYear(), 0, 1);
  const week = 1 + Math.floor((thursday.getTime() - firstMs) / (7 * dayMs));
  return `${thursday.getUTCFullYear()}-W${String(week).padStart(2, '0')}`;
}

type Add = (label: string, reason: KeepReason) => void;

function keepDependents(backups: readonly StoredBackup[], fulls: ReadonlySet<string>, add: Add): void {
  for (const backup of backups) {
    const full = fullOf(backup);
    if (backup.type !== 'full' && fulls.has(full)) add(backup.label, { kind: 'needed', by: full });
  }
}

/** A damaged backup that is not older than the good ones stays for a look; it never counts as one of them. */
function keepUnusable(known: {
  fulls: StoredBackup[];
  input: RetentionInput;
  recentLabels: ReadonlySet<string>;
  add: Add;
}): void {
  const oldest = known.fulls.findLast((backup) => known.recentLabels.has(backup.label));
  for (const backup of known.fulls) {
    const isNewer = oldest === undefined || backup.stopMs >= oldest.stopMs;
    if (known.input.unusable.has(backup.label) && isNewer) known.add(backup.label, { kind: 'unusable' });
  }
}

/** Without what a verification has found they would be counted; what is unusable for another reason would not. */
function countableFulls(fulls: StoredBackup[], { damaged, unusable }: RetentionInput): StoredBackup[] {
  return fulls.filter(({ label }) => damaged?.has(label) || !unusable.has(label));
}

/**
 * What a verification says may be mistaken: it never makes a backup, nor the WAL behind it, go earlier than it would have gone.
 *
 * @returns those that WAL is kept from as if they were whole
 */
function keepDamaged(countable: StoredBackup[], input: RetentionInput, add: Add): ReadonlySet<string> {
  const { damaged } = input;
  if (!damaged || damaged.size === 0) return new Set();
  const among = (found: { backup: StoredBackup }[]) =>
    new Set(found.map(({ backup }) => backup.label).filter((label) => damaged.has(label)));
  const recent = among(recentFulls(countable, input));
  const stay = new Set([...recent, ...among(tieredFulls(countable, input.retention))]);
  for (const label of stay) add(label, { kind: 'unusable' });
  keepDependents(input.backups, stay, add);
  return recent;
}

/**
 * Since which backup all WAL is kept (pure): as the cluster was told, or as it stands in the repository, where it is noted before
 * any goes. Work that ends in between, or that nobody hears of any more, must not make what was let go look lost.
 */
export function walKeptSince(told: string | null, backups: readonly StoredBackup[]): string | null {
  const said = backups.filter(({ label, notes }) => label === told || notes[walFromNote]);
  return newestFirst(said)[0]?.label ?? told;
}

/**
 * A restore reads its backup, what that is built on, and all WAL from there on: its full backup counts as a recent one.
 *
 * @returns until when each full one stays that nothing else keeps
 */
function keepGuests(
  { backups, guests = [] }: RetentionInput,
  known: { reasons: ReadonlyMap<string, KeepReason[]>; recentLabels: Set<string>; add: Add },
): ReadonlyMap<string, number> {
  const all = new Map(backups.map((backup) => [backup.label, backup]));
  const there = guests.flatMap((guest) => {
    const backup = all.get(guest.label);
    return backup ? [{ ...guest, backup, full: fullOf(backup) }] : [];
  });
  const alone = there.filter(({ full }) => !known.reasons.has(full));
  const untilMs = new Map<string, number>();
  for (const guest of alone)
    untilMs.set(guest.full, Math.max(guest.untilMs, untilMs.get(guest.full) ?? guest.untilMs));
  for (const { backup, full, host, untilMs } of there) {
    known.recentLabels.add(full);
    for (const label of readFor(backup, all)) known.add(label, { kind: 'guest', host, untilMs });
  }
  return untilMs;
}

/** What stays for the sake of the notes that people have set, whatever the rules say. */
export function heldLabels(backups: readonly StoredBackup[]): ReadonlySet<string> {
  const held = new Set<string>();
  keepHeld(backups, (label) => held.add(label));
  return held;
}

/** pgBackRest removes with a backup whatever was made upon it, also what needs no file of it: the line back to the full one stays. */
function keepHeld(backups: readonly StoredBackup[], add: Add): void {
  const known = new Map(backups.map((backup) => [backup.label, backup]));
  for (const backup of backups) {
    const note = backup.notes[holdNote];
    if (!note) continue;
    add(backup.label, { kind: 'held', note });
    for (const label of new Set([...backup.references, ...ancestorsOf(backup, known)]))
      add(label, { kind: 'needed', by: backup.label });
  }
}

/** Whatever a restore of it reads. */
export function readFor(backup: StoredBackup, known: ReadonlyMap<string, StoredBackup>): ReadonlySet<string> {
  return new Set([backup.label, fullOf(backup), ...backup.references, ...ancestorsOf(backup, known)]);
}

function ancestorsOf(backup: StoredBackup, known: ReadonlyMap<string, StoredBackup>): string[] {
  const line: string[] = [];
  let { prior } = backup;
  while (prior !== null && !line.includes(prior)) {
    line.push(prior);
    prior = known.get(prior)?.prior ?? null;
  }
  return line;
}

function goesWhen(
  reasons: readonly KeepReason[],
  known: {
    label: string;
    stopMs: number;
    good: StoredBackup[];
    countable: StoredBackup[];
    guestsUntilMs: ReadonlyMap<string, number>;
    input: RetentionInput;
  },
): Goes {
  const { retention } = known.input;
  const held = reasons.some(({ kind }) => kind === 'held');
  if (held) return { kind: 'never', why: 'held' };
  const guestsUntilMs = known.guestsUntilMs.get(fullOf(known));
  if (guestsUntilMs !== undefined) return { kind: 'at', atMs: guestsUntilMs };
  const needed = reasons.find((reason) => reason.kind === 'needed');
  const owner = needed?.kind === 'needed' ? needed.by : known.label;
  // What was found to be damaged stays as long as it would have.
  const counted = known.input.damaged?.has(owner) ? known.countable : known.good;
  const rank = counted.findIndex((backup) => backup.label === owner);
  const next = rank > 0 ? counted[rank - 1] : undefined;
  // By days alone it goes when the next full backup is as old as the window.
  const agesAtMs = retention.days === null || !next ? null : next.stopMs + retention.days * dayMs;
  const fullsLeft = rank < 0 ? 1 : Math.max(1, retention.fullCount - rank);
  const keepsByCount = rank >= 0 && rank < retention.fullCount;
  if (rank === 0 && retention.fullCount === 1 && retention.days === null)
    return { kind: 'after-fulls', fulls: 1 };
  if (agesAtMs !== null && !keepsByCount) return { kind: 'at', atMs: agesAtMs };
  return { kind: 'after-fulls', fulls: fullsLeft };
}

function whyGone(backup: StoredBackup, { retention, unusable }: RetentionInput): string {
  if (unusable.has(backup.label)) return 'it cannot be restored, and newer ones can';
  const days = retention.days === null ? '' : `, and it is not needed for the last ${retention.days} days`;
  const what = backup.type === 'full' ? 'it is' : 'its full backup is';
  return `${what} not among the newest ${retention.fullCount}${days}`;
}

/** `20261127-223129F_20261127-223134I` is built on `20261127-223129F`. */
export function fullOf(backup: Pick<StoredBackup, 'label'>): string {
  return backup.label.split('_')[0] ?? backup.label;
}

function newestFirst(backups: readonly StoredBackup[]): StoredBackup[] {
  return [...backups].sort(
    (left, right) => right.stopMs - left.stopMs || (left.label < right.label ? 1 : -1),
  );
}
