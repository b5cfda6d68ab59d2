import type { IncomingMessage } from 'node:http';
import type { DaemonFacade } from '@quantadb/engine/contract/daemon-facade';
import { operationRequestSchema, operationStartSchema } from '@quantadb/engine/contract/operations';
import type { ClusterStatus } from '@quantadb/engine/contract/status';
import { QuantaError } from '@quantadb/engine/shared/errors';
import { z } from 'zod';
import { type HttpCaller, requireOperator, requirePeer } from './caller.ts';
import { clusterView, type HealthPath, healthPaths, isHealthy, parseBytes } from './health.ts';
import { HttpProblem } from './http-errors.ts';

export interface Answer {
  status: number;
  contentType: string;
  body: string;
}

export interface RouteOptions {
  facade: DaemonFacade;
  onShutdownRequested(postgres: 'stop' | 'leave'): void;
}

const bodyBytesMax = 1024 * 1024;
const statusFreshForMs = 1000;
const shutdownSchema = z.object({ postgres: z.enum(['stop', 'leave']) });

/** Every path of the daemon's API, with who may ask it. */
export class Routes {
  private readonly options: RouteOptions;
  private cached: { atMs: number; status: Promise<ClusterStatus | null> } | null = null;

  constructor(options: RouteOptions) {
    this.options = options;
  }

  async answer(request: IncomingMessage, caller: HttpCaller): Promise<Answer> {
    const url = new URL(request.url ?? '/', 'http://daemon');
    const method = request.method ?? 'GET';
    if (method === 'GET' || method === 'HEAD' || method === 'OPTIONS') return this.read(url);
    if (method === 'POST') return this.write(url.pathname, request, caller);
    throw new HttpProblem(405, `${method} is not supported`);
  }

  private async read(url: URL): Promise<Answer> {
    const { facade } = this.options;
    const path = url.pathname;
    const healthPath = healthPaths.find((known) => known === path);
    if (healthPath) return this.health(healthPath, url);
    switch (path) {
      case '/cluster':
        return json(clusterView(await this.recentStatus()));
      case '/metrics':
        return {
          status: 200,
          contentType: 'text/plain; version=0.0.4; charset=utf-8',
          body: await facade.metrics(),
        };
      case '/api/node':
        return json(facade.report());
      case '/api/host':
        return json(facade.host());
      case '/api/state':
        return json({ node: facade.report().name, state: facade.state() });
      case '/api/status':
        return json(await facade.clusterStatus());
      case '/api/events':
        return json(facade.events(sinceOf(url)));
      case '/api/operations':
        return json(facade.operations());
      default:
        throw new QuantaError('NOT_FOUND', `nothing is at ${path.slice(0, 100)}`);
    }
  }

  private async health(path: HealthPath, url: URL): Promise<Answer> {
    const report = this.options.facade.report();
    const lagText = url.searchParams.get('lag');
    const lagBytesMax = lagText === null ? null : parseBytes(lagText);
    if (lagText !== null && lagBytesMax === null)
      throw new HttpProblem(400, 'lag must look like 10MB, 512kB or 4096');
    const needsStatus = path === '/sync' || path === '/replica';
    const status = needsStatus ? await this.recentStatus() : null;
    const isWell = isHealthy(path, { report, status }, lagBytesMax);
    const { name, role, state, detail, timeline, epoch } = report;
    return json({ name, role, state, detail, timeline, epoch }, isWell ? 200 : 503);
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
      case '/api/shutdown': {
        requireOperator(caller);
        const { postgres } = parse(shutdownSchema, await readJson(request));
        this.options.onShutdownRequested(postgres);
        return json({ ok: true }, 202);
      }
      default:
        throw new QuantaError('NOT_FOUND', `nothing can be posted to ${path.slice(0, 100)}`);
    }
  }

  /** Load balancers ask often; the whole cluster is asked at most once a second for all of them. */
  private recentStatus(): Promise<ClusterStatus | null> {
    const nowMs = performance.now();
    if (!this.cached || nowMs - this.cached.atMs > statusFreshForMs) {
      this.cached = { atMs: nowMs, status: this.options.facade.clusterStatus() };
    }
    return this.cached.status;
  }
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

async function readJson(request: IncomingMessage): Promise<unknown> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > bodyBytesMax) throw new HttpProblem(413, `a body of more than ${bodyBytesMax} bytes`);
    pieces.push(piece);
  }
  try {
    return JSON.parse(Buffer.concat(pieces).toString('utf8'));
  } catch {
    throw new HttpProblem(400, 'the body is no JSON');
  }
}
