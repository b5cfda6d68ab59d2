import type { ClusterStatus, NodeStatus } from '@quantadb/api/client-types';
import type { Tone } from '@quantadb/ui/patterns/status';
import { nodeTone, nodeWords } from '../cluster/words.ts';

/** Who sends WAL to whom, and where each stands in the picture (pure). */

export interface Place {
  name: string;
  kind: 'node' | 'cluster';
  role: string;
  tone: Tone;
  words: string;
  notes: string[];
  /** From the left, by how many it is from the first; from the top, where fractions stand between their standbys. */
  column: number;
  row: number;
}

export interface Flow {
  from: string;
  to: string;
  mode: 'synchronous' | 'asynchronous' | 'other cluster';
  lagBytes: number | null;
  lagMs: number | null;
  /** How much later it shows every commit, on purpose. */
  delayMs: number;
  /** Why nothing flows; null: it does. */
  broken: string | null;
}

export interface Graph {
  places: Place[];
  flows: Flow[];
  columns: number;
  rows: number;
}

type Status = Pick<ClusterStatus, 'nodes' | 'primary' | 'source' | 'followers'>;

const flowing: ReadonlySet<NodeStatus['state']> = new Set(['streaming', 'delayed']);

export function graphOf(status: Status): Graph {
  const data = status.nodes.filter((node) => node.kind === 'data');
  const { source } = status;
  const head = source?.leader ?? status.primary;
  const clusters: Omit<Place, 'column' | 'row'>[] = status.followers.map(({ cluster, state }) => {
    const tone = state === 'streaming' ? 'good' : 'critical';
    return {
      name: clusterKey(cluster),
      kind: 'cluster',
      role: 'standby cluster',
      tone,
      words: state,
      notes: [],
    };
  });
  if (source) clusters.unshift(sourcePlace(source));
  const flows = [
    ...(source ? [sourceFlow(source)] : []),
    ...data
      .filter(({ name }) => name !== head)
      .map((node) => flowTo(node, { head, names: data.map(({ name }) => name) })),
    ...status.followers.flatMap((follower) => (head ? [followerFlow(follower, head)] : [])),
  ];
  const unplaced = [...data.map(placeOf), ...clusters];
  const root = source ? clusterKey(source.name) : head;
  return laidOut(unplaced, flows, root);
}

/** A cluster may have the name of a node. */
function clusterKey(name: string): string {
  return `cluster ${name}`;
}

function placeOf(node: NodeStatus): Omit<Place, 'column' | 'row'> {
  const { name, role, notes } = node;
  return {
    name,
    kind: 'node',
    role: role === 'none' ? '' : role,
    tone: nodeTone(node),
    words: nodeWords(node),
    notes,
  };
}

function sourcePlace({ name, state }: NonNullable<Status['source']>): Omit<Place, 'column' | 'row'> {
  const words = { open: 'takes writes', 'no-primary': 'no primary', silent: 'does not answer' }[state];
  const tone = state === 'open' ? 'good' : 'critical';
  return { name: clusterKey(name), kind: 'cluster', role: 'source', tone, words, notes: [] };
}

function sourceFlow({ name, leader, isStreaming, lagBytes, lagMs }: NonNullable<Status['source']>): Flow {
  const broken = isStreaming ? null : 'nothing arrives from it';
  return { from: clusterKey(name), to: leader, mode: 'other cluster', lagBytes, lagMs, delayMs: 0, broken };
}

function followerFlow({ cluster, state, lagBytes, lagMs }: Status['followers'][number], from: string): Flow {
  const broken = state === 'disconnected' ? 'it has gone away' : null;
  return { from, to: clusterKey(cluster), mode: 'other cluster', lagBytes, lagMs, delayMs: 0, broken };
}

/** From whom it streams, or else from whom it should. */
function flowTo(node: NodeStatus, { head, names }: { head: string | null; names: string[] }): Flow {
  const wanted = node.policy.upstream ?? null;
  const from = node.streamsFrom ?? (wanted !== null && names.includes(wanted) ? wanted : head) ?? 'nobody';
  const isFlowing = flowing.has(node.state);
  return {
    ...{ from, to: node.name, lagBytes: node.lagBytes, lagMs: node.lagMs },
    mode: node.sync === 'quorum' ? 'synchronous' : 'asynchronous',
    delayMs: node.policy.applyDelayMs ?? 0,
    broken: isFlowing ? null : reasonOf(node, head),
  };
}

function reasonOf(node: NodeStatus, head: string | null): string {
  if (node.detail !== '') return node.detail;
  if (head === null) return 'there is no primary';
  return nodeWords(node);
}

/** A tree from the left; whoever hangs on nobody that is known stands in the first columns too. */
function laidOut(unplaced: Omit<Place, 'column' | 'row'>[], flows: Flow[], root: string | null): Graph {
  const byName = new Map(unplaced.map((place) => [place.name, place]));
  const places: Place[] = [];
  const seen = new Set<string>();
  let nextRow = 0;
  const walk = (name: string, column: number): number | null => {
    const place = byName.get(name);
    // Two that say they stream from each other would be walked for ever.
    if (!place || seen.has(name)) return null;
    seen.add(name);
    const below = flows.filter(({ from }) => from === name);
    const rows = below.map(({ to }) => walk(to, column + 1)).filter((row) => row !== null);
    const [first] = rows;
    const last = rows.at(-1);
    const row = first === undefined || last === undefined ? nextRow++ : (first + last) / 2;
    places.push({ ...place, column, row });
    return row;
  };
  if (root !== null) walk(root, 0);
  const isFed = (name: string) => flows.some(({ from, to }) => to === name && byName.has(from));
  const rest = unplaced.filter(({ name }) => !seen.has(name));
  for (const { name } of [...rest.filter(({ name }) => !isFed(name)), ...rest])
    walk(name, root === null ? 0 : 1);
  return {
    places,
    flows: flows.filter(({ from, to }) => seen.has(from) && seen.has(to)),
    columns: Math.max(0, ...places.map(({ column }) => column)) + 1,
    rows: Math.max(1, nextRow),
  };
}

/** The name as people know it; no node's name has a space. */
export function nameText(name: string): string {
  return name.replace(/^cluster /, '');
}
