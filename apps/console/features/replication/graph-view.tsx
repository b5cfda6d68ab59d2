import { bytesText, durationText } from '@quantadb/ui/charts/units';
import { Mark, type Tone } from '@quantadb/ui/patterns/status';
import { classes } from '@quantadb/ui/primitives/classes';
import { type Flow, type Graph, nameText, type Place } from './graph.ts';

const box = { width: 184, height: 56 };
const gap = { column: 204, row: 26 };
const margin = 4;
const reasonMax = 23;

const inks: Record<Tone, string> = {
  good: 'var(--good)',
  warning: 'var(--warning)',
  critical: 'var(--critical)',
  working: 'var(--accent)',
  muted: 'var(--ink-faint)',
};

/**
 * The picture of who streams from whom. Everything in it stands in the table below too, which is what screen readers and
 * keyboards are given; a phone gets the flows as a list.
 */
export function GraphView({ clusterId, graph }: { clusterId: string; graph: Graph }) {
  return (
    <>
      <div className="hidden overflow-x-auto sm:block">
        <Drawing clusterId={clusterId} graph={graph} />
      </div>
      <ul className="flex flex-col gap-2 sm:hidden">
        {graph.flows.map((flow) => (
          <li key={`${flow.from} ${flow.to}`} className="flex items-start gap-2">
            <span className="mt-1.5">
              <Mark tone={flow.broken === null ? 'good' : 'critical'} />
            </span>
            <span>
              {nameText(flow.from)} → <b className="font-medium">{nameText(flow.to)}</b>
              <span className="block text-ink-soft text-xs">
                {flow.broken ?? `${flow.mode}, ${lagText(flow)}`}
              </span>
            </span>
          </li>
        ))}
      </ul>
    </>
  );
}

function Drawing({ clusterId, graph }: { clusterId: string; graph: Graph }) {
  const width = graph.columns * box.width + (graph.columns - 1) * gap.column + 2 * margin;
  const height = graph.rows * box.height + (graph.rows - 1) * gap.row + 2 * margin;
  const byName = new Map(graph.places.map((place) => [place.name, place]));
  return (
    <svg aria-hidden width={width} height={height} viewBox={`0 0 ${width} ${height}`} className="max-w-none">
      {graph.flows.map((flow) => {
        const from = byName.get(flow.from);
        const to = byName.get(flow.to);
        return from && to ? <Line key={`${flow.from} ${flow.to}`} flow={flow} from={from} to={to} /> : null;
      })}
      {graph.places.map((place) => (
        <Box key={place.name} clusterId={clusterId} place={place} />
      ))}
    </svg>
  );
}

function cornerOf({ column, row }: Place): { x: number; y: number } {
  return { x: margin + column * (box.width + gap.column), y: margin + row * (box.height + gap.row) };
}

function Line({ flow, from, to }: { flow: Flow; from: Place; to: Place }) {
  const start = cornerOf(from);
  const end = cornerOf(to);
  const x1 = start.x + box.width;
  const y1 = start.y + box.height / 2;
  const y2 = end.y + box.height / 2;
  const bend = (end.x - x1) * 0.3;
  // Past the bend every line is level, and has its words above and below it.
  const turn = x1 + bend;
  const path = `M${x1} ${y1} C${x1 + bend * 0.6} ${y1} ${turn - bend * 0.6} ${y2} ${turn} ${y2} L${end.x} ${y2}`;
  const isBroken = flow.broken !== null;
  const isSynchronous = flow.mode === 'synchronous';
  const middle = (turn + end.x) / 2;
  return (
    <g>
      <path
        d={path}
        fill="none"
        stroke={isBroken ? inks.critical : isSynchronous ? inks.working : 'var(--line-strong)'}
        strokeWidth={isSynchronous ? 2.5 : 1.5}
        strokeDasharray={isBroken ? '3 4' : isSynchronous ? undefined : '7 4'}
      />
      {isBroken ? (
        <path d={`M${turn - 5} ${y2 - 5} l10 10 m0 -10 l-10 10`} stroke={inks.critical} strokeWidth="2" />
      ) : (
        <path
          d={`M${end.x - 7} ${y2 - 4} L${end.x} ${y2} L${end.x - 7} ${y2 + 4}`}
          fill="none"
          stroke="var(--ink-faint)"
        />
      )}
      <text x={middle} y={y2 - 7} textAnchor="middle" fontSize="11" fill="var(--ink-soft)">
        {flow.mode}
      </text>
      <text
        x={middle}
        y={y2 + 15}
        textAnchor="middle"
        fontSize="11"
        fill={isBroken ? inks.critical : 'var(--ink-soft)'}
      >
        <title>{flow.broken ?? lagText(flow)}</title>
        {isBroken ? shortened(flow.broken ?? '') : lagText(flow)}
      </text>
    </g>
  );
}

function Box({ clusterId, place }: { clusterId: string; place: Place }) {
  const { x, y } = cornerOf(place);
  const isPrimary = place.role === 'primary';
  const card = (
    <>
      <rect
        width={box.width}
        height={box.height}
        rx="8"
        fill="var(--raised)"
        stroke={isPrimary ? 'var(--accent)' : 'var(--line)'}
        strokeWidth={isPrimary ? 2 : 1}
        strokeDasharray={place.kind === 'cluster' ? '4 3' : undefined}
      />
      <Sign tone={place.tone} />
      <text x="30" y="23" fontSize="13" fontWeight="600" fill="var(--ink)">
        {nameText(place.name)}
      </text>
      <text x="14" y="42" fontSize="11" fill="var(--ink-soft)">
        {[place.role, place.words].filter((each) => each !== '').join(' · ')}
      </text>
      <title>{[nameText(place.name), place.words, ...place.notes].join(', ')}</title>
    </>
  );
  return (
    <g transform={`translate(${x} ${y})`}>
      {place.kind === 'node' ? (
        <a href={`/c/${clusterId}/nodes/${place.name}`} tabIndex={-1}>
          {card}
        </a>
      ) : (
        card
      )}
    </g>
  );
}

/** The shapes of `Mark`. */
function Sign({ tone }: { tone: Tone }) {
  const shapes: Record<Tone, string> = {
    good: 'M14 19a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z',
    working: 'M14 19a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z',
    muted: 'M14 19a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z',
    warning: 'M18.5 14l5 9.5h-10z',
    critical: 'M18.5 13.5l5.5 5.5l-5.5 5.5l-5.5 -5.5z',
  };
  const isHollow = tone === 'working' || tone === 'muted';
  return (
    <path
      d={shapes[tone]}
      fill={isHollow ? 'none' : inks[tone]}
      stroke={inks[tone]}
      className={classes(isHollow && 'opacity-80')}
    />
  );
}

function lagText({ lagBytes, lagMs, delayMs }: Flow): string {
  const lag =
    lagBytes === null && lagMs === null ? 'lag not known' : `${bytesText(lagBytes)} · ${durationText(lagMs)}`;
  return delayMs > 0 ? `${lag} (delayed ${durationText(delayMs)})` : lag;
}

function shortened(text: string): string {
  return text.length <= reasonMax ? text : `${text.slice(0, reasonMax - 1)}…`;
}
