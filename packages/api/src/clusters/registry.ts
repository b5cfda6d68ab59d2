import type { HostReport, ReportAnswer } from '@quantadb/engine/contract/link';
import type { NodeReport } from '@quantadb/engine/contract/node-report';
import { endedFailoverStates, type NodeStatus } from '@quantadb/engine/contract/status';
import { parseLsn } from '@quantadb/engine/postgres/lsn';
import { QuantaError } from '@quantadb/engine/shared/errors';
import type { PrismaClient } from '@quantadb/prisma/client';
import type { FiguresStore } from '../history/figures.ts';
import type { MetricSample, SampleStore } from '../history/samples.ts';
import type { StatementStore } from '../history/statements.ts';
import type { HostPresence } from '../hosts/host-presence.ts';
import { storable } from '../storable.ts';
import type { LiveStatus } from './live-status.ts';
import { deciderSilenceMs } from './status-board.ts';
import type { StatusKeeper } from './status-keeper.ts';

type Picture = NonNullable<HostReport['picture']>;

export type HistoryKind = 'events' | 'operations' | 'failovers' | 'alerts';

export interface RegistryOptions {
  prisma: PrismaClient;
  keeper: StatusKeeper;
  presence: HostPresence;
  samples: SampleStore;
  figures: FiguresStore;
  statements: StatementStore;
  /** Something that browsers watch has changed. */
  onStatus(live: LiveStatus): void;
  onHistory(what: { clusterId: string; kind: HistoryKind }): void;
}

/** So long who its members are is believed as a cluster last said. */
const believedMs = 10_000;
/** A cluster that nobody has spoken for in this time does not hold its name. */
const livingMs = 60_000;
const ago = (ms: number) => new Date(Date.now() - ms);

/** Keeps the control plane's picture of all clusters from what their hosts report. */
export class ClusterRegistry {
  private readonly options: RegistryOptions;
  private readonly statementsSeenMs = new Map<string, number>();
  private readonly eventsUpTo = new Map<string, number>();
  private readonly deciderSeenMs = new Map<string, number>();
  private readonly operationsKey = new Map<string, string>();
  private readonly failoversKey = new Map<string, string>();

  constructor(options: RegistryOptions) {
    this.options = options;
  }

  async receive(host: string, report: HostReport): Promise<ReportAnswer> {
    const claimed = [report.node.cluster?.id, report.picture?.clusterId];
    if (claimed.some((clusterId) => clusterId !== undefined && this.isStranger(host, clusterId))) {
      // It is there, and that is all that is believed.
      this.options.presence.note(host, { ...report.node, cluster: null }, Date.now());
      return { eventsUpTo: 0 };
    }
    this.options.presence.note(host, report.node, Date.now());
    this.noteFigures(report);
    this.noteStatements(report);
    const { picture } = report;
    if (!picture) return { eventsUpTo: 0 };
    if (!this.eventsUpTo.has(picture.clusterId)) await this.meet(picture);
    if (this.mayReport(picture) && this.tell(picture))
      this.options.samples.add(samplesOf(picture, report.node));
    await this.storeEvents(picture);
    await this.storeOperations(picture);
    await this.storeFailovers(picture);
    return { eventsUpTo: this.eventsUpTo.get(picture.clusterId) ?? 0 };
  }

  /** A cluster that no host belongs to any more is over: its history stays, and nobody looks at its last status. */
  list(): Promise<LiveStatus[]> {
    return this.options.keeper.list();
  }

  /** Without those that another release has stored, in a form that this one does not know. */
  async listUnderstood(): Promise<LiveStatus[]> {
    const all = await this.list();
    return all.filter(({ clusterId }) => this.options.keeper.board.isUnderstood(clusterId));
  }

  find(clusterId: string): Promise<LiveStatus | null> {
    return this.options.keeper.find(clusterId.toLowerCase());
  }

  /** @throws QuantaError NOT_FOUND */
  async get(clusterId: string): Promise<LiveStatus> {
    const found = await this.find(clusterId);
    if (found) return found;
    throw new QuantaError('NOT_FOUND', 'no such cluster');
  }

  /** A host of the cluster that a request can be sent to; any of them forwards it to the decider. */
  async hostsOf(clusterId: string): Promise<string[]> {
    const hosts = await this.options.prisma.host.findMany({
      where: { clusterId, revokedAt: null },
      orderBy: { lastSeenAt: { sort: 'desc', nulls: 'last' } },
      select: { name: true },
    });
    return hosts.map((host) => host.name);
  }

  /**
   * A host is a member when the cluster says so: one of another cluster that was broken into could speak for this one, and would be
   * asked what only its members are. One that has just joined is named by the decider's next report, within a second.
   */
  private isStranger(host: string, clusterId: string): boolean {
    const { board } = this.options.keeper;
    const live = board.find(clusterId.toLowerCase());
    if (!live || !board.isUnderstood(live.clusterId) || Date.now() - live.reportedAtMs > believedMs)
      return false;
    const { nodes } = live.status;
    return nodes.length > 0 && nodes.every(({ name }) => name !== host);
  }

  private noteFigures({ node, figures }: HostReport): void {
    if (!figures || !node.cluster) return;
    // By the console's clock, as everything that is drawn.
    const row = { clusterId: node.cluster.id, node: node.name, atMs: Date.now() };
    this.options.figures.add({ ...row, figures: figures.figures });
  }

  /** A look that comes twice, because its answer was lost, counts once. */
  private noteStatements({ node, statements }: HostReport): void {
    if (!statements || !node.cluster || this.statementsSeenMs.get(node.name) === statements.atMs) return;
    this.statementsSeenMs.set(node.name, statements.atMs);
    const { top, rest, problem } = statements;
    const where = { clusterId: node.cluster.id, node: node.name, atMs: Date.now() };
    this.options.statements.add({ ...where, top, rest, problem });
  }

  private mayReport(picture: Picture): boolean {
    const nowMs = Date.now();
    if (picture.isDecider) {
      this.deciderSeenMs.set(picture.clusterId, nowMs);
      return true;
    }
    return nowMs - (this.deciderSeenMs.get(picture.clusterId) ?? 0) > deciderSilenceMs;
  }

  /** The first report of a cluster to this console: there is a row for it afterwards, and what is stored of it is known. */
  private async meet({ clusterId: id, status }: Picture): Promise<void> {
    // A cluster whose last host has come to this one holds its name no more.
    await this.options.presence.settled();
    const name = await this.freeName(id, status.name);
    await this.options.prisma.cluster.upsert({ where: { id }, create: { id, name }, update: { name } });
    const newest = await this.options.prisma.clusterEvent.aggregate({
      where: { clusterId: id },
      _max: { id: true },
    });
    this.options.keeper.expectChange();
    await this.options.keeper.refresh();
    this.eventsUpTo.set(id, newest._max.id ?? 0);
  }

  /**
   * A cluster that is restored, or made anew, has the name of one that is lost, and takes it over. Of two that live the
   * later one shows part of its id.
   */
  private async freeName(id: string, wanted: string): Promise<string> {
    const { cluster } = this.options.prisma;
    const holder = await cluster.findUnique({
      where: { name: wanted },
      include: { hosts: { where: { revokedAt: null }, take: 1 } },
    });
    if (!holder || holder.id === id) return wanted;
    const withId = (each: string) => `${wanted}~${each.slice(0, 8)}`;
    if (holder.hosts.length > 0 && (holder.reportedAt ?? 0) >= ago(livingMs)) return withId(id);
    await cluster.update({ where: { id: holder.id }, data: { name: withId(holder.id) } });
    return wanted;
  }

  /**
   * A report that was overtaken by a newer one, through another console instance, must not win.
   *
   * @returns whether it counts
   */
  private tell({ clusterId, status }: Picture): boolean {
    const live = this.options.keeper.hear(clusterId, status);
    if (live) this.options.onStatus(live);
    return live !== null;
  }

  private async storeEvents(picture: Picture): Promise<void> {
    const known = this.eventsUpTo.get(picture.clusterId) ?? 0;
    const fresh = picture.events.filter((event) => event.id > known);
    if (fresh.length === 0) return;
    const data = fresh.map(({ id, atMs, severity, kind, node, message }) => {
      const words = storable({ kind, node, message });
      return { clusterId: picture.clusterId, id, at: new Date(atMs), severity, ...words };
    });
    await this.options.prisma.clusterEvent.createMany({ data, skipDuplicates: true });
    this.eventsUpTo.set(picture.clusterId, Math.max(known, ...fresh.map((event) => event.id)));
    this.options.onHistory({ clusterId: picture.clusterId, kind: 'events' });
  }

  private async storeOperations(picture: Picture): Promise<void> {
    for (const operation of picture.operations) {
      const { id, kind, state, params, requestedBy, reason, steps, error } = operation;
      const key = JSON.stringify([state, steps, error]);
      if (this.operationsKey.get(id) === key) continue;
      const row = {
        ...{ clusterId: picture.clusterId, kind, state },
        ...storable({ params, requestedBy, reason, steps, error }),
        startedAt: new Date(operation.startedAtMs),
        endedAt: operation.endedAtMs === null ? null : new Date(operation.endedAtMs),
      };
      const { operation: kept } = this.options.prisma;
      const isNews = await storeUnlessOver(row.endedAt !== null, {
        end: () => kept.upsert({ where: { id }, create: { id, ...row }, update: row }),
        goOn: () => kept.updateMany({ where: { id, endedAt: null }, data: row }),
        begin: () => kept.createMany({ data: { id, ...row }, skipDuplicates: true }),
      });
      this.operationsKey.set(id, key);
      if (isNews) this.options.onHistory({ clusterId: picture.clusterId, kind: 'operations' });
    }
  }

  private async storeFailovers({ clusterId, failovers }: Picture): Promise<void> {
    for (const view of failovers) {
      const { id, kind, state, oldPrimary, candidate, startedAtMs, steps } = view;
      const mapKey = `${clusterId}/${id}`;
      const key = JSON.stringify([state, steps.length, view.blockedBy, view.dataLoss]);
      if (this.failoversKey.get(mapKey) === key) continue;
      const endedAtMs = endedFailoverStates.has(state) ? (steps.at(-1)?.atMs ?? startedAtMs) : null;
      const row = {
        ...{ kind, state, oldPrimary, newPrimary: candidate, view: storable(view) },
        startedAt: new Date(startedAtMs),
        endedAt: endedAtMs === null ? null : new Date(endedAtMs),
      };
      const { failover: kept } = this.options.prisma;
      const create = { clusterId, id, ...row };
      const isNews = await storeUnlessOver(endedAtMs !== null, {
        end: () => kept.upsert({ where: { clusterId_id: { clusterId, id } }, create, update: row }),
        goOn: () => kept.updateMany({ where: { clusterId, id, endedAt: null }, data: row }),
        begin: () => kept.createMany({ data: create, skipDuplicates: true }),
      });
      this.failoversKey.set(mapKey, key);
      if (isNews) this.options.onHistory({ clusterId, kind: 'failovers' });
    }
  }
}

/**
 * A node that has not heard the end yet does not open again what is over, also when another console stores that end at this
 * moment: each of these is one statement.
 *
 * @returns whether anything was stored
 */
async function storeUnlessOver(
  isOver: boolean,
  by: {
    end(): Promise<unknown>;
    goOn(): Promise<{ count: number }>;
    begin(): Promise<{ count: number }>;
  },
): Promise<boolean> {
  if (isOver) await by.end();
  return isOver || (await by.goOn()).count > 0 || (await by.begin()).count > 0;
}

function samplesOf(picture: Picture, reporter: NodeReport): MetricSample[] {
  const atMs = Math.floor(Date.now() / 1000) * 1000;
  return picture.status.nodes.map((node) => ({
    clusterId: picture.clusterId,
    node: node.name,
    atMs,
    role: node.role,
    state: node.state,
    timeline: node.timeline,
    walPosition: node.lsn === null ? null : parseLsn(node.lsn),
    lagBytes: node.lagBytes,
    lagMs: node.lagMs,
    sync: node.sync,
    ...raftOf(node, reporter),
  }));
}

/** Only the reporting node's own Raft figures are known here. */
function raftOf(node: NodeStatus, reporter: NodeReport) {
  const raft = node.name === reporter.name ? reporter.raft : null;
  return {
    raftTerm: raft?.term ?? null,
    raftFsyncMsMax: raft?.fsyncMsMax ?? null,
    raftLoopDelayMsMax: raft?.loopDelayMsMax ?? null,
  };
}
