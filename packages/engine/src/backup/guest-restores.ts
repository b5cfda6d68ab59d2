import type { BackupState, GuestRestore } from '../contract/backup.ts';
import type { StoredBackup } from './engine.ts';
import { readFor } from './retention.ts';

/**
 * Restores of this cluster's moments into new clusters (pure). They run for hours on hosts that the cluster does not ask, so
 * each of them is noted for a day, as long as a host is let in (`Guests`), and retention leaves what it reads.
 */
export const guestRestoreMs = 24 * 3_600_000;

/** Those that may still run. One that ends later than it could was noted by a clock far ahead, and nothing else would end it. */
export function guestsOf(
  backup: Pick<BackupState, 'guestRestores'> | null | undefined,
  { repository, nowMs }: { repository: number; nowMs: number },
): GuestRestore[] {
  return (backup?.guestRestores ?? []).filter(
    (guest) =>
      guest.repository === repository && guest.untilMs > nowMs && guest.untilMs <= nowMs + 2 * guestRestoreMs,
  );
}

/** What they read, of what is there. */
export function readByGuests(
  guests: readonly GuestRestore[],
  backups: readonly StoredBackup[],
): ReadonlySet<string> {
  const known = new Map(backups.map((backup) => [backup.label, backup]));
  const read = guests.flatMap(({ label }) => known.get(label) ?? []);
  return new Set(read.flatMap((backup) => [...readFor(backup, known)]));
}
