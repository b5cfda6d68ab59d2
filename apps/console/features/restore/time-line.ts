import type { Overview, Target } from '../backups/prepare.ts';

/** The line of time that a restore chooses from (pure). */

export interface Stretch {
  key: string;
  kind: 'restorable' | 'gap' | 'not-archived';
  fromMs: number;
  toMs: number;
  words: string;
}

export interface Mark {
  key: string;
  kind: 'failover' | 'point' | 'backup';
  atMs: number;
  label: string;
  /** What choosing the mark means; null: just its moment. */
  target: Target | null;
}

export interface TimeLine {
  fromMs: number;
  toMs: number;
  stretches: Stretch[];
  marks: Mark[];
}

interface PastEvent {
  id: number;
  at: string;
  kind: string;
  message: string;
}

type Interval = NonNullable<Overview['repository']>['intervals'][number];

/** From the first moment that can be restored to until now; null while there is none. */
export function timeLineOf(overview: Overview, events: readonly PastEvent[], nowMs: number): TimeLine | null {
  const own = (overview.repository?.intervals ?? []).filter(
    (each): each is Interval & { toMs: number } => !each.isAbandoned && each.toMs !== null,
  );
  const [first] = own;
  const last = own.at(-1);
  if (!first || !last) return null;
  const toMs = Math.max(nowMs, last.toMs + 1000);
  const stretches = own.flatMap((interval, at): Stretch[] => {
    const next = own[at + 1];
    const good = stretchOf(interval);
    if (next === undefined) return [good];
    return [good, gapBetween(overview, interval, next.fromMs)];
  });
  const isCut = overview.repository?.gaps.some(
    ({ kind, afterLsn }) => kind === 'missing' && afterLsn === last.toLsn,
  );
  if (last.toMs < toMs && isCut) stretches.push(gapBetween(overview, last, toMs));
  else if (last.toMs < toMs) {
    const words = 'Nothing that was committed in this time is in the repository yet';
    stretches.push({ key: 'ahead', kind: 'not-archived', fromMs: last.toMs, toMs, words });
  }
  const marks = marksOf(overview, events).filter(({ atMs }) => atMs >= first.fromMs && atMs <= toMs);
  return { fromMs: first.fromMs, toMs, stretches, marks };
}

function stretchOf(interval: Interval & { toMs: number }): Stretch {
  const { fromMs, toMs, timeline, labels, fromLsn } = interval;
  const words = `Timeline ${timeline}, from ${labels.length === 1 ? labels[0] : `${labels.length} backups`}`;
  return { key: `${timeline}-${fromLsn}`, kind: 'restorable', fromMs, toMs, words };
}

function gapBetween({ repository }: Overview, before: Interval & { toMs: number }, toMs: number): Stretch {
  const gap = repository?.gaps.find((each) => each.afterLsn === before.toLsn);
  const range = gap && (gap.segments === 1 ? gap.fromWal : `${gap.fromWal} to ${gap.toWal}`);
  const isDamaged = gap !== undefined && gap.damaged.length === gap.segments;
  const why = gap?.kind === 'expired' ? 'let go by retention' : isDamaged ? 'damaged' : 'missing';
  const count = gap?.segments === 1 ? '1 segment of WAL is' : `${gap?.segments} segments of WAL are`;
  const words = gap ? `${count} ${why}: ${range}` : 'WAL of this time is missing';
  return { key: `gap-${before.toLsn}`, kind: 'gap', fromMs: before.toMs, toMs, words };
}

function marksOf({ points, repository }: Overview, events: readonly PastEvent[]): Mark[] {
  const failovers = events
    .filter(({ kind }) => kind === 'primary-open')
    .map(({ id, at, message }): Mark => {
      return { key: `failover-${id}`, kind: 'failover', atMs: Date.parse(at), label: message, target: null };
    });
  const named = points.map(
    ({ name, lsn, atMs, isLost }): Mark => ({
      ...{ key: `point-${lsn}-${name}`, kind: 'point', atMs },
      label: isLost ? `${name}: no restore leads there` : name,
      target: isLost ? null : { kind: 'name', name },
    }),
  );
  const backups = (repository?.backups ?? [])
    .filter(({ unusable }) => unusable === null)
    .map(
      ({ label, stopMs }): Mark => ({
        // Its end is known to the second; from the next one on it counts.
        ...{ key: `backup-${label}`, kind: 'backup', atMs: stopMs + 1000, label },
        target: { kind: 'backup', label },
      }),
    );
  return [...failovers, ...named, ...backups].sort((left, right) => left.atMs - right.atMs);
}

export function stretchAt(line: TimeLine, atMs: number): Stretch | null {
  return (
    line.stretches.find(({ kind, fromMs, toMs }) => kind === 'restorable' && fromMs <= atMs && atMs < toMs) ??
    line.stretches.find(
      ({ kind, fromMs, toMs }) => kind !== 'restorable' && fromMs <= atMs && atMs <= toMs,
    ) ??
    null
  );
}

/** The part of the line that is shown, around a moment; all of it when that is shorter. */
export function windowOf(line: TimeLine, spanMs: number | null, aroundMs: number) {
  const wholeMs = line.toMs - line.fromMs;
  if (spanMs === null || spanMs >= wholeMs) return { fromMs: line.fromMs, toMs: line.toMs };
  const fromMs = Math.min(Math.max(line.fromMs, aroundMs - spanMs / 2), line.toMs - spanMs);
  return { fromMs, toMs: fromMs + spanMs };
}

/** The next thing of note in a direction: a mark, or where a stretch begins or ends. */
export function noteworthy(line: TimeLine, fromMs: number, direction: 1 | -1): number | null {
  const edges = line.stretches
    .filter(({ kind }) => kind === 'restorable')
    .flatMap((each) => [each.fromMs, each.toMs - 1]);
  const all = [...edges, ...line.marks.map(({ atMs }) => atMs)].sort((left, right) => left - right);
  const found = direction > 0 ? all.find((each) => each > fromMs) : all.findLast((each) => each < fromMs);
  return found ?? null;
}
