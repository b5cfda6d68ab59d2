import type { AppRouter } from '@quantadb/api/client-types';
import type { Tone } from '@quantadb/ui/patterns/status';
import type { inferRouterOutputs } from '@trpc/server';
import { secondsText } from '../figures/charts.ts';

/** What the servers themselves say of replication, joined for the tables (pure). */

export type NodeReplication = inferRouterOutputs<AppRouter>['replication']['look']['nodes'][number];
type Told = NonNullable<NodeReplication['told']>;
export type Sender = Told['senders'][number];
export type SlotRow = Told['slots'][number] & {
  node: string;
  /** Of a slot on the primary, which QuantaDB moves along on standbys, so that a promotion keeps it. */
  isCopy: boolean;
};

/** What is known of a node's disk: what is free, and how fast WAL comes. */
export interface Disk {
  diskFreeBytes?: number;
  walBytesPerSecond?: number;
}

export interface Outlook {
  words: string;
  tone: Tone;
}

const soonSeconds = 24 * 3600;
const farSeconds = 30 * 24 * 3600;
const calmBytesPerSecond = 1;
const segmentBytes = 16 * 1024 * 1024;
const ownPrefix = 'quantadb_';

/** How each standby is seen by the one that feeds it; the newest word counts where two say something. */
export function sendersByName(nodes: readonly NodeReplication[]): Map<string, Sender & { from: string }> {
  const senders = nodes.flatMap(({ node, told }) =>
    (told?.senders ?? []).map((sender) => ({ ...sender, from: node })),
  );
  return new Map(senders.map((sender) => [sender.name, sender]));
}

/** Those that keep the most first; what differs by less than a segment of WAL stays where it is. */
export function slotRows(nodes: readonly NodeReplication[]): SlotRow[] {
  return nodes
    .flatMap(({ node, told }) => {
      const isCopy = (slot: Told['slots'][number]) =>
        told?.isStandby === true && !slot.isActive && slot.name.startsWith(ownPrefix);
      return (told?.slots ?? []).map((slot) => ({ ...slot, node, isCopy: isCopy(slot) }));
    })
    .sort(
      (left, right) =>
        Number(left.isCopy) - Number(right.isCopy) ||
        segmentsOf(right) - segmentsOf(left) ||
        `${left.node} ${left.name}`.localeCompare(`${right.node} ${right.name}`),
    );
}

function segmentsOf({ keptBytes }: SlotRow): number {
  return Math.floor((keptBytes ?? 0) / segmentBytes);
}

/** What becomes of a slot that stays as it is, at the rate at which WAL was written lately. */
export function outlookOf(slot: Omit<SlotRow, 'node'>, disk: Disk): Outlook {
  if (slot.walStatus === 'lost') return { words: 'has lost its WAL', tone: 'critical' };
  if (slot.isActive) return { words: 'moves on', tone: 'good' };
  if (slot.isCopy) return { words: 'is moved along', tone: 'muted' };
  if (slot.walStatus === null) return { words: 'keeps nothing', tone: 'muted' };
  const { diskFreeBytes, walBytesPerSecond } = disk;
  if (walBytesPerSecond === undefined) return { words: 'not known', tone: 'muted' };
  if (walBytesPerSecond < calmBytesPerSecond) return { words: 'no WAL is written now', tone: 'muted' };
  if (slot.safeBytes !== null) return limited(slot.safeBytes / walBytesPerSecond);
  if (diskFreeBytes === undefined) return { words: 'not known', tone: 'muted' };
  const seconds = diskFreeBytes / walBytesPerSecond;
  if (seconds > farSeconds) return { words: 'disk full in more than a month', tone: 'muted' };
  return {
    words: `disk full in ${secondsText(seconds)}`,
    tone: seconds < soonSeconds ? 'critical' : 'warning',
  };
}

function limited(seconds: number): Outlook {
  if (seconds > farSeconds) return { words: 'may lose its WAL in more than a month', tone: 'muted' };
  if (seconds <= 0) return { words: 'may lose its WAL any time', tone: 'critical' };
  return {
    words: `may lose its WAL in ${secondsText(seconds)}`,
    tone: seconds < soonSeconds ? 'critical' : 'warning',
  };
}

/** Queries that replay cancelled, all kinds together; null: not known, or no standby. */
export function conflictsOf(node: NodeReplication | undefined): { total: number; words: string } | null {
  const conflicts = node?.told?.conflicts;
  if (!conflicts) return null;
  const kinds = Object.entries(conflicts).filter(([, count]) => count > 0);
  const total = kinds.reduce((sum, [, count]) => sum + count, 0);
  return { total, words: kinds.map(([kind, count]) => `${kind}: ${count}`).join(', ') };
}
