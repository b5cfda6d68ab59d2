import type { ClusterStatus } from '@quantadb/engine/contract/status';
import { ageMsOf, type LiveStatus } from './live-status.ts';

/** A cluster as the metadata names it: without its status, which is much longer. */
export interface DirectoryRow {
  clusterId: string;
  name: string;
  revision: number;
  /** When the stored status was reported, by the clock of the console that heard it; null: there is none. */
  reportedAtMs: number | null;
}

export interface StoredStatus extends DirectoryRow {
  status: ClusterStatus;
  /** Whether this release understands it: another one may have stored it. */
  isUnderstood: boolean;
}

/** What is to be stored, and under which revision. */
export interface UnstoredStatus {
  clusterId: string;
  revision: number;
  reportedAtMs: number;
  text: string;
  /** Of the report: two may come in one millisecond, and say the same. */
  serial: number;
}

/** A status as two of them are compared. */
type Told = Pick<StoredStatus, 'status' | 'isUnderstood'> & { reportedAtMs: number };

interface Card {
  serial: number;
  live: LiveStatus;
  revision: number;
  isUnderstood: boolean;
  isStored: boolean;
  /** When a host of this console told it last; null: it came from the metadata. */
  heardAtMs: number | null;
  /** When that was reported which this console knows to be in the metadata; null: it knows of none. */
  storedAtMs: number | null;
  /** The status as JSON, made once. */
  text: string | null;
  /** What the API answers about this cluster but for its age, made once. */
  answer: Buffer | null;
}

/** For so long after its last report through this console a cluster counts as one of this console's. */
const ownForMs = 3000;
/** A status of a node that knows no decider only counts when no decider has reported for this long. */
export const deciderSilenceMs = 3000;

/**
 * The newest status of every cluster, in memory: from reports to this console at once, from those to others as the metadata has
 * it. Of two the one with the higher revision counts, of the same revision the later one; but one that knows no decider does not
 * take the place of one that does and is new.
 */
export class StatusBoard {
  private readonly cards = new Map<string, Card>();
  private serial = 0;
  /** Those that are there, in the order of their names. */
  private order = new Set<string>();

  /** A report to this console. @returns what it has become; null: a newer one is known */
  hear(clusterId: string, status: ClusterStatus, nowMs: number): LiveStatus | null {
    const last = this.cards.get(clusterId);
    if (last && last.revision > status.revision) return null;
    const live = { clusterId, name: last?.live.name ?? status.name, status, reportedAtMs: nowMs };
    if (last && knowsMore(toldOf(last), { ...live, isUnderstood: true }, nowMs)) return null;
    // Written out now: when all are asked for, or stored, it would be done for hundreds in one go.
    const text = JSON.stringify(status);
    this.serial += 1;
    this.cards.set(clusterId, {
      ...{ live, revision: status.revision, isUnderstood: true, isStored: false, heardAtMs: nowMs },
      ...{ text, answer: null, serial: this.serial },
      storedAtMs: (last?.isStored ? last.live.reportedAtMs : last?.storedAtMs) ?? null,
    });
    return live;
  }

  /** The ids of those that wait to be stored; as many as there are clusters at most. */
  waiting(): string[] {
    return [...this.cards].filter(([, { isStored }]) => !isStored).map(([clusterId]) => clusterId);
  }

  /** Of these clusters those that wait to be stored, each in its newest state. */
  unstored(clusterIds = this.waiting()): UnstoredStatus[] {
    return clusterIds.flatMap((clusterId) => {
      const card = this.cards.get(clusterId);
      if (!card || card.isStored) return [];
      const { revision, live } = card;
      return {
        clusterId,
        revision,
        reportedAtMs: live.reportedAtMs,
        text: textOf(card),
        serial: card.serial,
      };
    });
  }

  /** What was reported meanwhile still waits. */
  noteStored(stored: UnstoredStatus[]): void {
    for (const { clusterId, serial, reportedAtMs } of stored) {
      const card = this.cards.get(clusterId);
      if (!card) continue;
      card.storedAtMs = reportedAtMs;
      if (card.serial === serial) card.isStored = true;
    }
  }

  /**
   * Takes over which clusters there are, in this order, and their names.
   *
   * @returns whose status is to be loaded: another console has stored a newer one, or one that may know more
   */
  learn(rows: DirectoryRow[], nowMs: number): string[] {
    this.order = new Set(rows.map(({ clusterId }) => clusterId));
    // One that is over is forgotten, unless it was heard just now and its row is only about to come.
    for (const [clusterId, { heardAtMs }] of this.cards)
      if (!this.order.has(clusterId) && nowMs - (heardAtMs ?? 0) > ownForMs) this.cards.delete(clusterId);
    for (const { clusterId, name } of rows) {
      const card = this.cards.get(clusterId);
      if (!card || card.live.name === name) continue;
      card.live = { ...card.live, name };
      card.answer = null;
    }
    return rows
      .filter((row) => this.isNews(row, nowMs) || this.mayKnowDecider(row))
      .map(({ clusterId }) => clusterId);
  }

  /** @returns those that are news, also after what has been heard while they were loaded */
  take(rows: StoredStatus[], nowMs: number): LiveStatus[] {
    return rows.flatMap((row) => {
      const { clusterId, name, revision, reportedAtMs, status, isUnderstood } = row;
      if (reportedAtMs === null || !this.isTaken({ ...row, reportedAtMs }, nowMs)) return [];
      const live = { clusterId, name, status, reportedAtMs };
      const known = { isStored: true, storedAtMs: reportedAtMs };
      const rest = { ...known, heardAtMs: null, text: null, answer: null, serial: 0 };
      this.cards.set(clusterId, { live, revision, isUnderstood, ...rest });
      return live;
    });
  }

  /** As the directory has them: in the order of their names. */
  list(): LiveStatus[] {
    return [...this.order].flatMap((clusterId) => this.cards.get(clusterId)?.live ?? []);
  }

  find(clusterId: string): LiveStatus | null {
    return this.order.has(clusterId) ? (this.cards.get(clusterId)?.live ?? null) : null;
  }

  isUnderstood(clusterId: string): boolean {
    return this.cards.get(clusterId)?.isUnderstood ?? false;
  }

  /** The API's answer about one cluster in bytes, with its age at that moment; null: it is not known, or not understood. */
  answerOf(clusterId: string, nowMs: number): { told: Buffer; age: Buffer } | null {
    const card = this.cards.get(clusterId);
    if (!card?.isUnderstood) return null;
    card.answer ??= Buffer.from(viewText(card.live, textOf(card)));
    return { told: card.answer, age: Buffer.from(`,"ageMs":${ageMsOf(card.live, nowMs)}}`) };
  }

  private isTaken(row: StoredStatus & Told, nowMs: number): boolean {
    const card = this.cards.get(row.clusterId);
    if (card && knowsMore(toldOf(card), row, nowMs)) return false;
    if (this.isNews(row, nowMs)) return true;
    return card?.revision === row.revision && knowsMore(row, toldOf(card), nowMs);
  }

  /** Of a cluster whose nodes here hear no decider, another console has stored something. */
  private mayKnowDecider({ clusterId, revision, reportedAtMs }: DirectoryRow): boolean {
    const card = this.cards.get(clusterId);
    if (!card || revision !== card.revision || reportedAtMs === null || !isDeaf(toldOf(card))) return false;
    return reportedAtMs !== card.live.reportedAtMs && reportedAtMs !== card.storedAtMs;
  }

  private isNews({ clusterId, revision, reportedAtMs }: DirectoryRow, nowMs: number): boolean {
    if (reportedAtMs === null) return false;
    const card = this.cards.get(clusterId);
    if (!card || revision > card.revision) return true;
    const { live, heardAtMs } = card;
    if (revision < card.revision || reportedAtMs === live.reportedAtMs) return false;
    // Clocks of two consoles differ: who has heard nothing himself for a while believes whatever is stored.
    const isOwn = heardAtMs !== null && nowMs - heardAtMs <= ownForMs;
    return reportedAtMs > live.reportedAtMs || !isOwn;
  }
}

function toldOf({ live, isUnderstood }: Card): Told {
  return { status: live.status, reportedAtMs: live.reportedAtMs, isUnderstood };
}

function isDeaf({ status, isUnderstood }: Told): boolean {
  return isUnderstood && status.raft.leader === null;
}

/**
 * A node that is cut off knows less than one that hears the decider, though it may tell later. Clocks of two consoles differ: by
 * one that is far ahead nothing is new for ever.
 */
function knowsMore(one: Told, other: Told, nowMs: number): boolean {
  if (!one.isUnderstood || isDeaf(one) || !isDeaf(other)) return false;
  return Math.abs(nowMs - one.reportedAtMs) <= deciderSilenceMs;
}

function textOf(card: Card): string {
  card.text ??= JSON.stringify(card.live.status);
  return card.text;
}

/** `clusterView` as JSON, around a status that is JSON already, up to where its age follows. */
function viewText({ clusterId, name, reportedAtMs }: LiveStatus, status: string): string {
  const [id, named] = [clusterId, name].map((each) => JSON.stringify(each));
  return `{"id":${id},"name":${named},"status":${status},"reportedAt":"${new Date(reportedAtMs).toISOString()}"`;
}

/** A cluster as the API answers. */
export function clusterView(live: LiveStatus) {
  const { clusterId, name, status, reportedAtMs } = live;
  return {
    id: clusterId,
    name,
    status,
    reportedAt: new Date(reportedAtMs).toISOString(),
    ageMs: ageMsOf(live),
  };
}
