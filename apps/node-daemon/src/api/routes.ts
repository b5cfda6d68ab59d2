import type { IncomingMessage } from 'node:http';
import {
  type ClusterEvent,
  type ClusterState,
  nodeNameSchema,
  type Operation,
} from '@quantadb/engine/contract/cluster-state';
import type { DaemonFacade } from '@quantadb/engine/contract/daemon-facade';
import type { HostDiagnosis } from '@quantadb/engine/contract/diagnosis';
import { type LogAnswer, type LogQuestion, logQuestionSchema } from '@quantadb/engine/contract/logs';
import type { NodeFiguresTold } from '@quantadb/engine/contract/node-metrics';
import { operationRequestSchema, operationStartSchema } from '@quantadb/engine/contract/operations';
import {
  eventWithoutValues,
  operationWithoutValues,
  privateKinds,
} from '@quantadb/engine/contract/private-values';
import {
  restoreIntoSchema,
  restoreIntoStartSchema,
  restoreQuestionSchema,
} from '@quantadb/engine/contract/restore';
import { messageOf, QuantaError } from '@quantadb/engine/shared/errors';
import type { Logger } from '@quantadb/engine/shared/logger';
import { z } from 'zod';
import { withoutBackupSecrets } from '../diagnosis/describe-host.ts';
import { type HttpCaller, requireLocal, requireOperator, requirePeer } from './caller.ts';
import { clusterView, type HealthPath, healthPaths, isHealthy, type LagLimit, parseBytes } from './health.ts';
import { HttpProblem } from './http-errors.ts';
import { readJson } from './json-body.ts';
import { requireMetricsToken } from './metrics-door.ts';
import { RecentStatus } from './recent-status.ts';

export interface Answer {
  status: number;
  contentType: string;
  body: string;
  /** What ends the daemon waits until the one who asked for it has the answer. */
  afterwards?: () => void;
}

export interface RouteOptions {
  facade: DaemonFacade;
  logger: Logger;
  figures?(): NodeFiguresTold | null;
  /** What `/metrics` asks of whoever is nobody in particular; missing or null: nothing. */
  metricsTokenFile?: string | null;
  logs?(question: LogQuestion): Promise<LogAnswer>;
  /** Given what `/metrics` answers. */
  diagnosis?(metrics: () => Promise<string>): Promise<HostDiagnosis>;
  onShutdownRequested(postgres: 'stop' | 'leave'): void;
}

const leaveSchema = z.object({ cluster: nodeNameSchema });
const shutdownSchema = z.object({ postgres: z.enum(['stop', 'leave']) });

/** Every path of the daemon's API, with who may ask it. */
export class Routes {
  private readonly options: RouteOptions;
  private readonly recentStatus: RecentStatus;

  constructor(options: RouteOptions) {
    this.options = options;
    this.recentStatus = new RecentStatus(() => options.facade.clusterStatus());
  }

  async answer(request: IncomingMessage, caller: HttpCaller): Promise<Answer> {
    const url = urlOf(request);
    const method = request.method ?? 'GET';
    if (method === 'GET' || method === 'HEAD' || method === 'OPTIONS') return this.read(url, caller, request);
    if (method === 'POST') return this.write(url.pathname, request, caller);
    throw new HttpProblem(405, `${method} is not supported`);
  }

  private async read(url: URL, caller: HttpCaller, request: IncomingMessage): Promise<Answer> {
    const { facade } = this.options;
    const path = url.pathname;
    // An extension's setting may be a secret.
    if (path === '/api/settings') requireOperator(caller);
    if (path === '/api/diagnosis') {
      requireOperator(caller);
      return json(await this.diagnosis());
    }
    if (path === '/api/logs') {
      // So may be what a statement that failed has in it.
      requireOperator(caller);
      return json(await this.logs(url));
    }
    const healthPath = healthPaths.find((known) => known === path);
    if (healthPath) return this.health(healthPath, url);
    switch (path) {
      case '/cluster':
        return json(clusterView(await this.recentStatus.read()));
      case '/metrics':
        await requireMetricsToken(this.options.metricsTokenFile ?? null, caller, request);
        return {
          status: 200,
          contentType: 'text/plain; version=0.0.4; charset=utf-8',
          body: await this.metrics(),
        };
      case '/api/node':
        return json(facade.report());
      case '/api/host':
        return json(facade.host());
      case '/api/state':
        return json({ node: facade.report().name, state: stateFor(caller, facade.state()) });
      case '/api/status':
        return json(await facade.clusterStatus());
      case '/api/events':
        return json(eventsFor(caller, facade.events(sinceOf(url))));
      case '/api/operations':
        return json(operationsFor(caller, facade.operations()));
      case '/api/settings':
        return json(await facade.settings());
      case '/api/backups':
        return json(await facade.backups());
      default:
        throw new QuantaError('NOT_FOUND', `nothing is at ${path.slice(0, 100)}`);
    }
  }

  private async logs(url: URL): Promise<LogAnswer> {
    const { logs } = this.options;
    if (!logs) throw new QuantaError('NOT_FOUND', 'this host keeps no logs');
    const { untilMs, limit, ...words } = Object.fromEntries(url.searchParams);
    const numbers = {
      ...(untilMs === undefined ? {} : { untilMs: Number(untilMs) }),
      ...(limit === undefined ? {} : { limit: Number(limit) }),
    };
    return logs(parse(logQuestionSchema, { ...words, ...numbers }));
  }

  private async diagnosis(): Promise<HostDiagnosis> {
    const { diagnosis } = this.options;
    if (!diagnosis) throw new QuantaError('NOT_FOUND', 'this host tells nothing more of itself');
    return diagnosis(() => this.metrics());
  }

  private async metrics(): Promise<string> {
    const { facade, figures } = this.options;
    const known = figures?.() ?? null;
    if (!known) return facade.metrics();
    const { renderFigures } = await import('@quantadb/engine/monitor/figures/prometheus');
    const { name, cluster } = facade.report();
    const labels = { cluster: cluster?.name ?? '', node: name };
    return `${await facade.metrics()}\n${await renderFigures(known, labels)}`;
  }

  private async health(path: HealthPath, url: URL): Promise<Answer> {
    const { facade } = this.options;
    const report = facade.report();
    const lagText = path === '/replica' ? url.searchParams.get('lag') : null;
    const lag = lagText === null ? null : await this.lagLimit(lagText, report.name);
    const isWell = isHealthy(path, { report, state: facade.state() }, lag);
    const { name, role, state, detail, timeline, epoch, degraded } = report;
    return json({ name, role, state, detail, timeline, epoch, degraded }, isWell ? 200 : 503);
  }

  /** Only the primary knows how far behind a standby is: without the cluster's status the lag is unknown. */
  private async lagLimit(text: string, self: string): Promise<LagLimit> {
    const bytesMax = parseBytes(text);
    if (bytesMax === null) throw new HttpProblem(400, 'lag must look like 10MB, 512kB or 4096');
    try {
      const status = await this.recentStatus.read();
      const own = status?.nodes.find((node) => node.name === self);
      return { bytesMax, lagBytes: own?.lagBytes ?? null };
    } catch (error) {
      this.options.logger.debug({ error: messageOf(error) }, 'the lag of this standby is unknown');
      return { bytesMax, lagBytes: null };
    }
  }

  private async write(path: string, request: IncomingMessage, caller: HttpCaller): Promise<Answer> {
    const { facade } = this.options;
    const peerMethod = /^\/peer\/([a-z-]{1,40})$/.exec(path)?.[1];
    if (peerMethod)
      return json(await facade.peerCall(requirePeer(caller), peerMethod, await readJson(request)));
    switch (path) {
      case '/api/operations/plan':
        requireOperator(caller);
        return json(await facade.plan(parse(operationRequestSchema, await readJson(request))));
      case '/api/operations':
        requireOperator(caller);
        return json(await facade.start(parse(operationStartSchema, await readJson(request))), 202);
      case '/api/restore/plan':
        requireOperator(caller);
        return json(await facade.restores.plan(parse(restoreQuestionSchema, await readJson(request))));
      case '/api/restore/into/plan':
        requireOperator(caller);
        return json(await facade.restores.planInto(parse(restoreIntoSchema, await readJson(request))));
      case '/api/restore/into':
        requireOperator(caller);
        return json(
          await facade.restores.startInto(parse(restoreIntoStartSchema, await readJson(request))),
          202,
        );
      case '/api/leave':
        requireLocal(caller);
        return json(await facade.leaveAlone(parse(leaveSchema, await readJson(request)).cluster));
      case '/api/shutdown': {
        requireOperator(caller);
        const { postgres } = parse(shutdownSchema, await readJson(request));
        return { ...json({ ok: true }, 202), afterwards: () => this.options.onShutdownRequested(postgres) };
      }
      default:
        throw new QuantaError('NOT_FOUND', `nothing can be posted to ${path.slice(0, 100)}`);
    }
  }
}

function urlOf(request: IncomingMessage): URL {
  try {
    return new URL(request.url ?? '/', 'http://daemon');
  } catch {
    throw new HttpProblem(400, 'the path cannot be read');
  }
}

/**
 * Access rules and parameters may name servers and passwords of others: they are not for everybody. The secrets of the
 * backup repository are for nobody.
 */
function stateFor(caller: HttpCaller, state: ClusterState | null): ClusterState | null {
  if (state === null) return null;
  const shown = withoutBackupSecrets(state);
  if (caller.kind !== 'anybody') return shown;
  const { operation, pastOperations, events } = shown;
  return {
    ...{ ...shown, hba: [], parameters: {} },
    operation: operationsFor(caller, operation ? [operation] : [])[0] ?? null,
    pastOperations: operationsFor(caller, pastOperations),
    events: eventsFor(caller, events),
  };
}

/** The same values stand in what changed them. */
function operationsFor<Each extends Operation>(caller: HttpCaller, operations: readonly Each[]): Each[] {
  return operations.map((each) =>
    caller.kind === 'anybody' ? operationWithoutValues(each, privateKinds) : each,
  );
}

function eventsFor(caller: HttpCaller, events: readonly ClusterEvent[]): ClusterEvent[] {
  return events.map((each) => (caller.kind === 'anybody' ? eventWithoutValues(each, privateKinds) : each));
}

function json(value: unknown, status = 200): Answer {
  return { status, contentType: 'application/json', body: JSON.stringify(value) };
}

function sinceOf(url: URL): number {
  const text = url.searchParams.get('since') ?? '0';
  if (!/^\d{1,15}$/.test(text)) throw new HttpProblem(400, 'since must be the id of an event');
  return Number(text);
}

function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new HttpProblem(400, `${issue?.path.join('.') || 'the body'}: ${issue?.message ?? 'not understood'}`);
}
