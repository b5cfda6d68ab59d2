import { type BackupOverview, backupOverviewSchema } from '@quantadb/engine/contract/backup-view';
import {
  type ClusterEvent,
  clusterEventSchema,
  type Operation,
  operationKindSchema,
  operationStepSchema,
} from '@quantadb/engine/contract/cluster-state';
import { logEntrySchema, logSourceSchema } from '@quantadb/engine/contract/logs';
import {
  type OperationPlan,
  type OperationRequest,
  operationPlanSchema,
} from '@quantadb/engine/contract/operations';
import {
  type RestoreIntoPlan,
  type RestorePlanning,
  restoreIntoPlanSchema,
  restorePlanningSchema,
} from '@quantadb/engine/contract/restore';
import type { RestoreTarget, RestoreWay } from '@quantadb/engine/contract/restore-target';
import { type SessionEnd, sessionOutcomeSchema, sessionSchema } from '@quantadb/engine/contract/sessions';
import { type SettingsOverview, settingsOverviewSchema } from '@quantadb/engine/contract/settings-view';
import type { ClusterStatus, SystemStatus } from '@quantadb/engine/contract/status';
import { clusterStatusSchema, hostStatusSchema } from '@quantadb/engine/contract/status';
import { QuantaError } from '@quantadb/engine/shared/errors';
import { z } from 'zod';
import { type ConsoleAddress, type ConsoleCall, callConsole } from '../console-api.ts';
import type { LogFilter, ToldLogEntry } from './logs.ts';
import type { ToldSessions } from './sessions.ts';
import { UsageError } from './usage-error.ts';

const clusterSchema = z.object({
  id: z.string(),
  name: z.string(),
  status: clusterStatusSchema,
  reportedAt: z.string(),
});
export type ConsoleCluster = z.infer<typeof clusterSchema>;

const hostSchema = z.object({
  name: z.string(),
  kind: z.string(),
  state: z.string(),
  cluster: z.string().nullable(),
  version: z.string().nullable(),
  lastSeenAt: z.string().nullable(),
});
export type ConsoleHost = z.infer<typeof hostSchema>;

const operationSchema = z.object({
  id: z.string(),
  kind: operationKindSchema,
  state: z.enum(['running', 'done', 'failed', 'cancelled']),
  params: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  requestedBy: z.string(),
  reason: z.string(),
  steps: z.array(operationStepSchema),
  error: z.string().nullable(),
  startedAt: z.string(),
  endedAt: z.string().nullable(),
});

/** A moment that becomes a new cluster on a host that is in none. */
export interface RestoreWanted {
  host: string;
  cluster: string;
  target: RestoreTarget;
}

/** What a person asks for, as the console takes it: it knows the hosts' addresses itself. */
export type Intent =
  | { kind: 'add-node'; host: string }
  | { kind: 'replace-node'; node: string; host: string }
  | Exclude<
      OperationRequest,
      { kind: 'create-cluster' | 'adopt-server' | 'create-standby-cluster' | 'add-node' | 'replace-node' }
    >;

/** A cluster that begins on a host. */
export interface Founding {
  host: string;
  cluster: string;
  role: string | null;
  database: string | null;
  networks: string[];
}

const logsSchema = z.object({
  entries: z.array(
    logEntrySchema.omit({ atMs: true }).extend({
      ...{ at: z.string().nullable(), node: z.string(), source: logSourceSchema },
    }),
  ),
});

const blockingSchema = z.object({
  ...{ pid: z.number(), depth: z.number(), waiting: z.number() },
  ...{ alsoBlockedBy: z.array(z.number()), isKnot: z.boolean() },
});
const sessionsSchema = z.object({
  nodes: z.array(
    z.object({
      ...{ node: z.string(), sessions: z.array(sessionSchema), leftOut: z.number() },
      ...{ blocking: z.array(blockingSchema), problem: z.string().nullable() },
    }),
  ),
});

const hostStateSchema = hostStatusSchema.shape.state;
const eventSchema = clusterEventSchema.omit({ atMs: true }).extend({ at: z.string() });

const auditPlaceSchema = z.object({ id: z.string(), at: z.string() });
const auditVerdictSchema = z.object({
  ...{ ok: z.boolean(), checked: z.number(), lastHash: z.string(), brokenAt: auditPlaceSchema.nullable() },
  sealedFrom: auditPlaceSchema.nullable().default(null),
  unsealed: z.object({ count: z.number(), first: auditPlaceSchema }).nullable().default(null),
  keptAt: auditPlaceSchema.nullable().default(null),
});
export type AuditVerdict = z.infer<typeof auditVerdictSchema>;

const isUpDeadlineMs = 2000;
const refusals = new Set(['UNAUTHORIZED', 'FORBIDDEN', 'RATE_LIMITED']);
const operationsShown = 50;
const eventsShown = 200;
/** Of those after one that is known. */
const eventPagesMax = 50;

/** The console's REST API, as the command line uses it. */
export class ConsoleClient {
  private readonly address: ConsoleAddress;

  constructor(address: ConsoleAddress) {
    this.address = address;
  }

  /** Whether it answers, and takes our token. A refused token is told, not taken for a console that is down. */
  async isUp(): Promise<boolean> {
    try {
      await this.call({ method: 'GET', path: '/api/v1/me', deadlineMs: isUpDeadlineMs });
      return true;
    } catch (error) {
      // It is there, then.
      const isAnswer = error instanceof QuantaError && refusals.has(error.code);
      if (isAnswer) throw error;
      return false;
    }
  }

  /** @param onClock told what time it is there */
  async clusters(onClock?: (atMs: number) => void): Promise<ConsoleCluster[]> {
    const call = { method: 'GET' as const, path: '/api/v1/clusters', ...(onClock ? { onClock } : {}) };
    return z.array(clusterSchema).parse(await this.call(call));
  }

  /** @throws UsageError when there are several and none was named, QuantaError NOT_FOUND */
  async cluster(name: string | undefined): Promise<ConsoleCluster> {
    const clusters = await this.clusters();
    const [only] = clusters;
    if (name === undefined && clusters.length > 1) {
      throw new UsageError(
        `which cluster? --cluster ${clusters.map((cluster) => cluster.name).join(' or ')}`,
      );
    }
    const found = name === undefined ? only : clusters.find((cluster) => cluster.name === name);
    if (found) return found;
    throw new QuantaError(
      'NOT_FOUND',
      name ? `the console knows no cluster ${name}` : 'the console knows no cluster',
    );
  }

  /** @param kept the last hash of an earlier verdict */
  async verifyAudit(kept?: string): Promise<AuditVerdict> {
    const asked = kept === undefined ? '' : `?kept=${encodeURIComponent(kept)}`;
    return auditVerdictSchema.parse(await this.call({ method: 'GET', path: `/api/v1/audit/verify${asked}` }));
  }

  /** What every cluster has last said of itself, in the shape of `status --json`. */
  async status(): Promise<SystemStatus> {
    let nowMs = Date.now();
    const heardAt = (atMs: number) => {
      nowMs = atMs;
    };
    const [clusters, hosts] = await Promise.all([this.clusters(heardAt), this.hosts()]);
    const nodes = clusters.flatMap(({ status }) => status.nodes);
    return {
      console: this.address.url,
      hosts: hosts.map(({ name, state, cluster }) => {
        const api = nodes.find((node) => node.name === name)?.api ?? '';
        return { name, state: hostStateSchema.catch('unreachable').parse(state), cluster, api };
      }),
      clusters: clusters.map((cluster) => asHeard(cluster, nowMs)),
    };
  }

  /** Those after `sinceId`, the newest last; of all of them (0) the newest two hundred. */
  async events(clusterId: string, sinceId: number): Promise<ClusterEvent[]> {
    const found: z.infer<typeof eventSchema>[] = [];
    for (let page = 0; page < (sinceId === 0 ? 1 : eventPagesMax); page += 1) {
      const before = found.at(-1)?.id;
      const query = `limit=${eventsShown}${before === undefined ? '' : `&before=${before}`}`;
      const path = `/api/v1/clusters/${clusterId}/events?${query}`;
      const events = z.array(eventSchema).parse(await this.call({ method: 'GET', path }));
      found.push(...events.filter((event) => event.id > sinceId));
      if (events.length < eventsShown || (events.at(-1)?.id ?? 0) <= sinceId) break;
    }
    return found.reverse().map(({ at, ...event }) => ({ ...event, atMs: Date.parse(at) }));
  }

  /** The newest first. */
  async logs(clusterId: string, filter: LogFilter): Promise<ToldLogEntry[]> {
    const { node, source, search, atLeast, untilMs, limit } = filter;
    const query = new URLSearchParams({
      ...{ search, atLeast, limit: String(limit) },
      ...(node === null ? {} : { node }),
      ...(source === undefined ? {} : { source }),
      ...(untilMs === null ? {} : { until: new Date(untilMs).toISOString() }),
    });
    const path = `/api/v1/clusters/${clusterId}/logs?${query}`;
    const { entries } = logsSchema.parse(await this.call({ method: 'GET', path }));
    return entries.map(({ at, ...entry }) => ({ ...entry, atMs: at === null ? null : Date.parse(at) }));
  }

  /** Of every node, or of one. */
  async sessions(clusterId: string, node: string | null): Promise<ToldSessions[]> {
    const query = node === null ? '' : `?${new URLSearchParams({ node })}`;
    const path = `/api/v1/clusters/${clusterId}/sessions${query}`;
    return sessionsSchema.parse(await this.call({ method: 'GET', path })).nodes;
  }

  async endSession(
    clusterId: string,
    ending: { node: string; pid: number; how: SessionEnd; startedAt: string; reason: string },
  ) {
    const { node, pid, ...body } = ending;
    const path = `/api/v1/clusters/${clusterId}/nodes/${encodeURIComponent(node)}/sessions/${pid}/end`;
    const answer = await this.call({ method: 'POST', path, body });
    return z.object({ outcome: sessionOutcomeSchema, words: z.string() }).parse(answer);
  }

  async hosts(): Promise<ConsoleHost[]> {
    return z.array(hostSchema).parse(await this.call({ method: 'GET', path: '/api/v1/hosts' }));
  }

  async operations(clusterId: string): Promise<Operation[]> {
    const path = `/api/v1/clusters/${clusterId}/operations?limit=${operationsShown}`;
    const operations = z.array(operationSchema).parse(await this.call({ method: 'GET', path }));
    return operations.reverse().map(({ startedAt, endedAt, ...operation }) => ({
      ...operation,
      startedAtMs: Date.parse(startedAt),
      endedAtMs: endedAt === null ? null : Date.parse(endedAt),
    }));
  }

  async backups(clusterId: string): Promise<BackupOverview> {
    const path = `/api/v1/clusters/${clusterId}/backups`;
    return backupOverviewSchema.parse(await this.call({ method: 'GET', path }));
  }

  async settings(clusterId: string): Promise<SettingsOverview> {
    const path = `/api/v1/clusters/${clusterId}/settings`;
    return settingsOverviewSchema.parse(await this.call({ method: 'GET', path }));
  }

  async plan(clusterId: string, intent: Intent): Promise<OperationPlan> {
    const call = {
      method: 'POST' as const,
      path: `/api/v1/clusters/${clusterId}/operations/plan`,
      body: { intent },
    };
    return operationPlanSchema.parse(await this.call(call));
  }

  async start(
    clusterId: string,
    start: { intent: Intent; planHash: string; way?: RestoreWay; reason: string },
  ): Promise<string> {
    const call = { method: 'POST' as const, path: `/api/v1/clusters/${clusterId}/operations`, body: start };
    return z.object({ operationId: z.string() }).parse(await this.call(call)).operationId;
  }

  async planRestore(clusterId: string, target: RestoreTarget): Promise<RestorePlanning> {
    const path = `/api/v1/clusters/${clusterId}/backups/restore-plan`;
    return restorePlanningSchema.parse(await this.call({ method: 'POST', path, body: { target } }));
  }

  async planRestoreInto(clusterId: string, wanted: RestoreWanted): Promise<RestoreIntoPlan> {
    const path = `/api/v1/clusters/${clusterId}/restores/plan`;
    return restoreIntoPlanSchema.parse(await this.call({ method: 'POST', path, body: wanted }));
  }

  async startRestoreInto(
    clusterId: string,
    start: RestoreWanted & { planHash: string; way?: RestoreWay; reason: string },
  ): Promise<string> {
    const call = { method: 'POST' as const, path: `/api/v1/clusters/${clusterId}/restores`, body: start };
    return z.object({ operationId: z.string() }).parse(await this.call(call)).operationId;
  }

  async planFounding(founding: Founding): Promise<OperationPlan> {
    const path = `/api/v1/hosts/${founding.host}/cluster/plan`;
    return operationPlanSchema.parse(await this.call({ method: 'POST', path, body: founding }));
  }

  /** @returns the application's password, which is told this once */
  async found(founding: Founding, given: { planHash: string; reason: string }) {
    const path = `/api/v1/hosts/${founding.host}/cluster`;
    const answer = await this.call({ method: 'POST', path, body: { ...founding, ...given } });
    return z.object({ operationId: z.string(), password: z.string().nullable() }).parse(answer);
  }

  async createToken(options: { name: string; role: string; lifetimeDays: number | null }) {
    const answer = await this.call({ method: 'POST', path: '/api/v1/tokens', body: options });
    return z.object({ id: z.string(), token: z.string() }).parse(answer);
  }

  async createEnrolmentToken(host: string | null) {
    const call = { method: 'POST' as const, path: '/api/v1/hosts/enrolment-tokens', body: { host } };
    const shape = z.object({ token: z.string(), expiresAt: z.string(), authorityFingerprint: z.string() });
    return shape.parse(await this.call(call));
  }

  /** Whatever a path below /api/v1 answers, for bundles that nobody reads field by field. */
  read(path: string): Promise<unknown> {
    return this.call({ method: 'GET', path: `/api/v1${path}` });
  }

  async metrics(): Promise<string> {
    return String(await this.call({ method: 'GET', path: '/metrics' }));
  }

  /** What `follow` asks while an operation runs. */
  witness(clusterId: string): {
    operations(): Promise<Operation[]>;
    status(): Promise<ClusterStatus | null>;
  } {
    return {
      operations: () => this.operations(clusterId),
      status: async () => (await this.clusters()).find((cluster) => cluster.id === clusterId)?.status ?? null,
    };
  }

  /** Of a cluster that the console hears of only once it is there. */
  foundingWitness(name: string): ReturnType<ConsoleClient['witness']> {
    const find = async () => (await this.clusters()).find((cluster) => cluster.name === name);
    return {
      operations: async () => {
        const cluster = await find();
        return cluster ? this.operations(cluster.id) : [];
      },
      status: async () => (await find())?.status ?? null,
    };
  }

  private call(call: ConsoleCall): Promise<unknown> {
    return callConsole(this.address, call);
  }
}

const staleAfterMs = 10_000;

/** What was said long ago is told as such (pure): a cluster of which nothing is heard is not healthy because it was. */
export function asHeard({ status, reportedAt }: ConsoleCluster, nowMs: number): ClusterStatus {
  const ageMs = nowMs - Date.parse(reportedAt);
  if (ageMs < staleAfterMs) return status;
  const since = `Nothing has been heard of it since ${reportedAt} (${Math.round(ageMs / 1000)} s).`;
  const advice =
    'What follows is what it last said. Ask a daemon of it directly: quantadb --node <host:port> status.';
  return { ...status, health: 'down', verdict: `${since} Then it was: ${status.verdict}`, advice };
}
