import { Button } from '@quantadb/ui/primitives/button';
import { classes } from '@quantadb/ui/primitives/classes';
import { useState } from 'react';
import { useTimes } from '../../lib/time.ts';
import { type Mark, noteworthy, type Stretch, stretchAt, type TimeLine, windowOf } from './time-line.ts';

const stepMs = 1000;
const largeStepMs = 60_000;

export const spans = { all: null, day: 86_400_000, hour: 3_600_000, minutes: 600_000 } as const;
export type Span = keyof typeof spans;
export const spanNames = Object.keys(spans) as Span[];
const spanWords: Record<Span, string> = { all: 'All', day: '1 day', hour: '1 hour', minutes: '10 minutes' };

const bands: Record<Stretch['kind'], string> = {
  restorable: 'bg-good-soft border-good border-y-2',
  gap: 'bg-critical-soft border-critical border-y-2 border-dashed',
  'not-archived': 'bg-muted-soft border-line-strong border-y-2 border-dotted',
};
const markInks: Record<Mark['kind'], string> = {
  failover: 'border-warning border-dashed',
  point: 'border-accent',
  backup: 'border-line-strong',
};
const markWords: Record<Mark['kind'], string> = {
  failover: 'another primary',
  point: 'named point',
  backup: 'end of a backup',
};

interface TimeSliderProps {
  line: TimeLine;
  atMs: number;
  span: Span;
  onMove(atMs: number): void;
  onSpan(span: Span): void;
}

/**
 * Every moment that can be restored to, as one line. The arrow keys move by a second, with Shift by a minute, Page Up and
 * Page Down by a tenth of what is shown.
 */
export function TimeSlider({ line, atMs, span, onMove, onSpan }: TimeSliderProps) {
  const times = useTimes();
  // The window stays where it is while the moment moves in it: a pointer would chase it else.
  const [centreMs, setCentreMs] = useState(atMs);
  const standingWindow = windowOf(line, spans[span], centreMs);
  const isOutside = atMs < standingWindow.fromMs - stepMs || atMs > standingWindow.toMs + stepMs;
  if (isOutside && centreMs !== atMs) setCentreMs(atMs);
  const shown = isOutside ? windowOf(line, spans[span], atMs) : standingWindow;
  const place = (moment: number) => (100 * (moment - shown.fromMs)) / (shown.toMs - shown.fromMs);
  const before = noteworthy(line, atMs, -1);
  const after = noteworthy(line, atMs, 1);
  const standing = stretchAt(line, atMs);
  const words =
    standing?.kind === 'restorable' ? 'can be restored' : (standing?.words ?? 'before any backup');
  return (
    <div className="flex flex-col gap-2">
      <SpanPicker
        span={span}
        onPick={(next) => {
          setCentreMs(atMs);
          onSpan(next);
        }}
      />
      <Track line={line} shown={shown} place={place} atMs={atMs} />
      <input
        type="range"
        aria-label="Moment to restore to"
        className="w-full accent-accent"
        min={Math.floor(shown.fromMs / stepMs) * stepMs}
        max={Math.ceil(shown.toMs / stepMs) * stepMs}
        step={stepMs}
        value={atMs}
        aria-valuetext={`${times.moment(atMs)}, ${words}`}
        onChange={(event) => onMove(Number(event.target.value))}
        onKeyDown={(event) => {
          if (!event.shiftKey) return;
          const direction = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
          if (direction === undefined) return;
          event.preventDefault();
          onMove(Math.min(line.toMs, Math.max(line.fromMs, atMs + direction * largeStepMs)));
        }}
      />
      <div className="flex flex-wrap items-center justify-between gap-2 text-ink-faint text-xs">
        <span>{times.moment(shown.fromMs)}</span>
        <span className="flex gap-1">
          <Button tone="quiet" disabled={before === null} onClick={() => before !== null && onMove(before)}>
            ‹ Mark before
          </Button>
          <Button tone="quiet" disabled={after === null} onClick={() => after !== null && onMove(after)}>
            Mark after ›
          </Button>
        </span>
        <span>{times.moment(shown.toMs)}</span>
      </div>
      <Legend line={line} />
    </div>
  );
}

function SpanPicker({ span, onPick }: { span: Span; onPick(span: Span): void }) {
  return (
    <fieldset aria-label="How much time is shown" className="flex w-fit rounded-md border border-line-strong">
      {spanNames.map((name) => (
        <button
          key={name}
          type="button"
          aria-pressed={name === span}
          onClick={() => onPick(name)}
          className={classes(
            'px-2.5 py-1 text-xs first:rounded-l-md last:rounded-r-md',
            name === span ? 'bg-accent-soft font-medium text-accent' : 'text-ink-soft hover:bg-muted-soft',
          )}
        >
          {spanWords[name]}
        </button>
      ))}
    </fieldset>
  );
}

interface TrackProps {
  line: TimeLine;
  shown: { fromMs: number; toMs: number };
  place(atMs: number): number;
  atMs: number;
}

function Track({ line, shown, place, atMs }: TrackProps) {
  const stretches = line.stretches.filter((each) => each.toMs >= shown.fromMs && each.fromMs <= shown.toMs);
  const marks = line.marks.filter((mark) => mark.atMs >= shown.fromMs && mark.atMs <= shown.toMs);
  const gaps = stretches.filter(({ kind }) => kind === 'gap').length;
  const label = `${stretches.length - gaps} stretches, ${gaps} gaps and ${marks.length} marks are shown`;
  return (
    <div role="img" aria-label={label} className="relative h-12 overflow-hidden rounded-md bg-muted-soft">
      {stretches.map(({ key, kind, fromMs, toMs, words }) => {
        const left = Math.max(0, place(fromMs));
        const width = Math.max(0.4, Math.min(100, place(toMs)) - left);
        return (
          <span
            key={key}
            title={words}
            className={classes('absolute inset-y-0', bands[kind])}
            style={{ left: `${left}%`, width: `${width}%` }}
          />
        );
      })}
      {marks.map((mark) => (
        <span
          key={mark.key}
          title={`${markWords[mark.kind]}: ${mark.label}`}
          className={classes('absolute inset-y-1 border-l-2', markInks[mark.kind])}
          style={{ left: `${place(mark.atMs)}%` }}
        />
      ))}
      <span
        className="absolute inset-y-0 w-1 -translate-x-1/2 rounded bg-ink"
        style={{ left: `${Math.min(100, Math.max(0, place(atMs)))}%` }}
      />
    </div>
  );
}

const swatches: [Stretch['kind'], string][] = [
  ['restorable', 'can be restored'],
  ['gap', 'gap: WAL is missing or damaged'],
  ['not-archived', 'not in the repository yet'],
];

function Legend({ line }: { line: TimeLine }) {
  const kinds = new Set(line.marks.map(({ kind }) => kind));
  const there = new Set(line.stretches.map(({ kind }) => kind));
  return (
    <p className="flex flex-wrap gap-x-4 gap-y-1 text-ink-soft text-xs">
      {swatches
        .filter(([kind]) => there.has(kind))
        .map(([kind, words]) => (
          <span key={kind} className="inline-flex items-center gap-1.5">
            <span aria-hidden className={classes('inline-block h-3 w-5', bands[kind])} />
            {words}
          </span>
        ))}
      {(Object.keys(markWords) as Mark['kind'][])
        .filter((kind) => kinds.has(kind))
        .map((kind) => (
          <span key={kind} className="inline-flex items-center gap-1.5">
            <span aria-hidden className={classes('inline-block h-3 border-l-2', markInks[kind])} />
            {markWords[kind]}
          </span>
        ))}
    </p>
  );
}
