// What simulated hosts report: a recorded report of a real local system (fixtures/host-report.json) under other names.

import { readFileSync } from 'node:fs';

const recorded = JSON.parse(readFileSync(new URL('../fixtures/host-report.json', import.meta.url), 'utf8'));
const figuresEveryMs = 5000;
const statementsEveryMs = 60_000;
const statementsAtOnce = 20;
const revisionEveryMs = 10_000;
/** Takes turns, so that N hosts make clusters of three and of five. */
const sizes = [3, 5];

/** @returns {{ id: string, name: string, nodes: string[] }[]} clusters that have so many nodes together */
export function clustersOf(nodes) {
  const clusters = [];
  for (let left = nodes; left > 0; ) {
    const size = Math.min(left, sizes[clusters.length % sizes.length]);
    const number = String(clusters.length + 1).padStart(4, '0');
    const names = Array.from({ length: size }, (_, at) => `c${number}-n${at + 1}`);
    clusters.push({ id: `0195a5a4-0000-7000-8000-00000000${number}`, name: `shop-${number}`, nodes: names });
    left -= size;
  }
  return clusters;
}

/** One host and the reports it makes. The first node of a cluster is its decider, the second its primary. */
export class ToldHost {
  /** @param {{ host: object, cluster: object, at: number, beganMs: number }} place */
  constructor({ host, cluster, at, beganMs }) {
    this.isDecider = at === 0;
    this.beganMs = beganMs;
    this.told = renamed(this.isDecider ? recorded.decider : recorded.node, cluster);
    const { node } = this.told;
    Object.assign(this.told.host, { name: host.name, cluster: cluster.name });
    const role = at === 1 ? {} : { role: 'standby', state: 'streaming' };
    Object.assign(node, { name: host.name, addresses: host.addresses, ...role });
    node.cluster = { id: cluster.id, name: cluster.name };
    this.told.picture &&= { ...this.told.picture, clusterId: cluster.id, isDecider: true, events: [] };
    this.figuresMs = beganMs + Math.random() * figuresEveryMs;
    this.statementsMs = beganMs + Math.random() * statementsEveryMs;
    this.eventsUpTo = null;
  }

  /** @param {number} eventsUpTo as the console answered: operations that have ended are not told again */
  confirmed(eventsUpTo) {
    this.eventsUpTo = eventsUpTo;
    if (this.told.picture) this.told.picture.operations = [];
  }

  /** @param {number} nowMs what is measured: it is told as the lag of every standby, in ms since the beginning */
  report(nowMs) {
    const { told } = this;
    told.node.atMs = nowMs;
    told.figures = this.isDue('figuresMs', nowMs, figuresEveryMs)
      ? { ...recorded.figures, atMs: nowMs }
      : null;
    told.statements = this.isDue('statementsMs', nowMs, statementsEveryMs) ? statements(nowMs) : null;
    if (told.picture) this.paint(told.picture, nowMs);
    return told;
  }

  paint(picture, nowMs) {
    const { status } = picture;
    status.revision = 100 + Math.floor((nowMs - this.beganMs) / revisionEveryMs);
    for (const node of status.nodes) if (node.role === 'standby') node.lagMs = nowMs - this.beganMs;
    const id = (this.eventsUpTo ?? 0) + 1;
    const isEventDue = this.eventsUpTo !== null && id <= 1 + (nowMs - this.beganMs) / statementsEveryMs;
    const event = {
      id,
      atMs: nowMs,
      severity: 'info',
      kind: 'config-changed',
      node: null,
      message: 'As told.',
    };
    picture.events = isEventDue ? [event] : [];
  }

  isDue(what, nowMs, everyMs) {
    if (nowMs < this[what]) return false;
    this[what] += everyMs;
    return true;
  }
}

/** With the cluster's own names in the place of the recorded ones; of more nodes than three the others are standbys. */
function renamed(report, cluster) {
  let text = JSON.stringify(report).replaceAll('"demo"', JSON.stringify(cluster.name));
  for (const [at, name] of cluster.nodes.entries())
    text = text.replaceAll(`"node-${at + 1}"`, JSON.stringify(name));
  const told = JSON.parse(text);
  if (told.picture) {
    // Operations and failovers have ids that are one in the whole installation.
    for (const each of told.picture.operations) each.id = `${each.id.slice(0, -8)}${cluster.id.slice(-8)}`;
    const { nodes } = told.picture.status;
    for (const name of cluster.nodes.slice(nodes.length)) nodes.push({ ...nodes.at(-1), name });
  }
  return told;
}

function statements(atMs) {
  const spent = {
    calls: 120,
    totalMs: 84.5,
    rows: 120,
    blocksHit: 960,
    blocksRead: 4,
    tempBlocks: 0,
    walBytes: 8192,
  };
  const top = Array.from({ length: statementsAtOnce }, (_, at) => ({
    ...{ ...spent, queryId: String(7_000_000_000 + at), user: 'app', database: 'app' },
    text: `SELECT * FROM orders WHERE customer = $1 AND shipped_at < $2 ORDER BY id LIMIT $3 /* ${at} */`,
  }));
  return { atMs, top, rest: spent, problem: null };
}
