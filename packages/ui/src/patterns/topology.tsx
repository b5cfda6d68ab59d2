import type { ReactNode } from 'react';
import { bytesText, durationText } from '../charts/units.tsx';
import { classes } from '../primitives/classes.tsx';
import { Badge, Mark, type Tone } from './status.tsx';

export interface TopologyNode {
  name: string;
  role: 'primary' | 'standby' | 'witness' | 'router' | 'none';
  tone: Tone;
  /** The state in words. */
  state: string;
  address: string | null;
  sync: 'quorum' | 'async' | 'none';
  lagBytes: number | null;
  lagMs: number | null;
  /** Whose WAL it receives right now. */
  streamsFrom: string | null;
  isRaftLeader: boolean;
  isInMaintenance: boolean;
  /** What sets it apart, in a word or two each. */
  notes: string[];
  menu?: ReactNode;
  /** Its own page. */
  href: string;
}

/** Another cluster, whose WAL comes here: nobody here takes writes, and that is as it should be. */
export interface TopologySource {
  name: string;
  tone: Tone;
  /** The state in words. */
  state: string;
}

/** Who streams from whom: the primary on the left (above, on a phone), everybody else beside it. */
export function Topology({ nodes, source }: { nodes: TopologyNode[]; source: TopologySource | null }) {
  const primary = nodes.find((node) => node.role === 'primary');
  const others = nodes.filter((node) => node !== primary);
  return (
    <div className="grid grid-cols-1 items-center gap-x-0 gap-y-3 md:grid-cols-[minmax(0,18rem)_minmax(0,1fr)]">
      {primary ? <NodeCard node={primary} /> : source ? <SourceCard source={source} /> : <NoPrimary />}
      <ul className="flex flex-col gap-3">
        {others.map((node) => (
          <li
            key={node.name}
            className="grid grid-cols-1 items-center md:grid-cols-[minmax(7rem,11rem)_minmax(0,18rem)]"
          >
            {node.role in withoutData ? (
              <NoEdge words={withoutData[node.role] ?? ''} />
            ) : (
              <Edge node={node} upstream={node.streamsFrom === primary?.name ? null : node.streamsFrom} />
            )}
            <NodeCard node={node} />
          </li>
        ))}
      </ul>
    </div>
  );
}

function SourceCard({ source }: { source: TopologySource }) {
  return (
    <article
      aria-label={`${source.name}, followed, ${source.state}`}
      className="rounded-lg border border-line border-dashed bg-raised p-3"
    >
      <p className="flex items-center gap-2 truncate font-semibold">
        <Mark tone={source.tone} />
        {source.name}
      </p>
      <p className="text-ink-soft text-xs">cluster that is followed · {source.state}</p>
    </article>
  );
}

function NoPrimary() {
  return (
    <div className="rounded-lg border border-critical border-dashed bg-critical-soft p-4 text-critical">
      <p className="font-semibold">No primary</p>
      <p className="text-xs">Nothing takes writes now.</p>
    </div>
  );
}

/** Nothing streams to them. */
const withoutData: Partial<Record<TopologyNode['role'], string>> = {
  witness: 'votes only',
  router: 'routes only',
};

function NoEdge({ words }: { words: string }) {
  return <span className="px-2 py-1 text-ink-faint text-xs md:text-center">{words}</span>;
}

const edgeText = { quorum: 'synchronous', async: 'asynchronous', none: '' };

/** @param upstream where the line comes from, when not from the primary */
function Edge({ node, upstream }: { node: TopologyNode; upstream: string | null }) {
  const isStreaming = node.state === 'streaming';
  return (
    <div className="flex items-center gap-2 px-2 py-1 text-ink-faint text-xs md:flex-col md:gap-0.5 md:text-center">
      <span className="tabular-nums">
        {isStreaming || node.lagBytes !== null
          ? `${bytesText(node.lagBytes)} · ${durationText(node.lagMs)}`
          : 'not streaming'}
      </span>
      <svg aria-hidden className="hidden h-2 w-full md:block" preserveAspectRatio="none" viewBox="0 0 100 8">
        <line
          x1="0"
          y1="4"
          x2="100"
          y2="4"
          vectorEffect="non-scaling-stroke"
          stroke={isStreaming ? 'var(--accent)' : 'var(--line-strong)'}
          strokeWidth={node.sync === 'quorum' ? 2.5 : 1.5}
          strokeDasharray={node.sync === 'quorum' && isStreaming ? undefined : '5 4'}
        />
      </svg>
      <span>{upstream === null ? edgeText[node.sync] : `from ${upstream}`}</span>
    </div>
  );
}

function NodeCard({ node }: { node: TopologyNode }) {
  return (
    <article
      aria-label={`${node.name}, ${node.role}, ${node.state}`}
      className={classes(
        'rounded-lg border bg-raised p-3',
        node.role === 'primary' ? 'border-accent border-2' : 'border-line',
      )}
    >
      <header className="flex items-start justify-between gap-2">
        <div className="min-w-0">
          <p className="flex items-center gap-2 truncate font-semibold">
            <Mark tone={node.tone} />
            <a className="truncate hover:underline" href={node.href}>
              {node.name}
            </a>
          </p>
          <p className="text-ink-soft text-xs">
            {node.role === 'none' ? node.state : `${node.role} · ${node.state}`}
          </p>
        </div>
        {node.menu}
      </header>
      <div className="mt-2 flex flex-wrap items-center gap-1.5">
        {node.isRaftLeader ? <Badge tone="muted">decides</Badge> : null}
        {node.isInMaintenance ? <Badge tone="warning">maintenance</Badge> : null}
        {node.notes.map((note) => (
          <Badge key={note} tone="muted">
            {note}
          </Badge>
        ))}
        {node.address ? (
          <code className="font-mono text-[0.6875rem] text-ink-faint">{node.address}</code>
        ) : null}
      </div>
    </article>
  );
}
