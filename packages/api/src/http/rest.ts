import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { QuantaError } from '@quantadb/engine/shared/errors';
import { TRPCError } from '@trpc/server';
import { createOpenApiNodeHttpHandler } from 'trpc-to-openapi';
import type { Context } from '../trpc/init.ts';
import { trpcCodes } from '../trpc/init.ts';
import { appRouter } from '../trpc/router.ts';
import { readBody } from './body.ts';
import { etagOf } from './etag.ts';
import { callerOf, type Gate, headerOf } from './gate.ts';
import type { Idempotency, KeyedRequest } from './idempotency.ts';
import { problemOf } from './problem.ts';
import type { StatusAnswer, StatusAnswers } from './status-answers.ts';

export interface RestOptions {
  gate: Gate;
  idempotency: Idempotency;
  publicUrl: string;
  answers: StatusAnswers;
  createContext(request: IncomingMessage): Context;
  onError(failure: { error: TRPCError; path: string | undefined }): void;
}

interface Answer {
  status: number;
  body: string;
  /** In the place of `body`, when the answer was there already. */
  made?: StatusAnswer;
  error: TRPCError | null;
  headers?: Record<string, string>;
}

const prefix = '/api/v1';
const bodyBytesMax = 1024 * 1024;
const withBody = new Set(['POST', 'PUT', 'PATCH']);

/** The REST API: the adapter answers from the procedures, and here is what HTTP adds. */
export class Rest {
  private readonly options: RestOptions;
  private readonly errors = new WeakMap<object, TRPCError>();
  private readonly adapter: ReturnType<typeof createOpenApiNodeHttpHandler>;

  constructor(options: RestOptions) {
    this.options = options;
    this.adapter = createOpenApiNodeHttpHandler({
      router: appRouter,
      maxBodySize: bodyBytesMax,
      createContext: ({ req }: { req: IncomingMessage }) => options.createContext(req),
      onError: ({ error, path, req }: { error: TRPCError; path?: string | undefined; req: object }) => {
        this.errors.set(req, error);
        options.onError({ error, path });
      },
    });
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '/';
    send(request, response, this.finished(await this.answerOf(request, response), path));
  }

  private async answerOf(request: IncomingMessage, response: ServerResponse): Promise<Answer> {
    try {
      const admission = await this.options.gate.admit(request, response);
      if (!admission.ok) {
        const { error, retryAfterSeconds } = admission;
        const headers = { 'retry-after': String(retryAfterSeconds) };
        return { status: 0, body: '', error, ...(retryAfterSeconds === null ? {} : { headers }) };
      }
      const made = await this.options.answers.rest(request, admission.principal);
      if (made) return { status: 200, body: '', made, error: null };
      const key = headerOf(request, 'idempotency-key');
      const body = withBody.has(request.method ?? '') ? await readBody(request, bodyBytesMax) : null;
      if (body) Object.assign(request, { body: parsed(body) });
      if (key === undefined || body === null || !admission.principal) return this.run(request, response);
      const caller = callerOf(admission.principal);
      const keyed = { caller, key, body, method: request.method ?? '', path: request.url ?? '' };
      return await this.runOnce(keyed, () => this.run(request, response));
    } catch (error) {
      return { status: 0, body: '', error: asTrpcError(error) };
    }
  }

  private async runOnce(keyed: KeyedRequest, run: () => Promise<Answer>): Promise<Answer> {
    const { idempotency } = this.options;
    const first = await idempotency.begin(keyed);
    if (first) return { ...first, error: null, headers: { 'idempotent-replayed': 'true' } };
    const answer = this.finished(await run(), keyed.path);
    await idempotency.finish(keyed, answer);
    return answer;
  }

  private async run(request: IncomingMessage, response: ServerResponse): Promise<Answer> {
    const collected = new Collected(response);
    const url = request.url ?? '/';
    request.url = url.slice(prefix.length);
    await this.adapter(request, collected as unknown as ServerResponse);
    request.url = url;
    const { statusCode: status, body } = collected;
    return { status, body, error: this.errors.get(request) ?? null };
  }

  /** An error becomes a problem. */
  private finished(answer: Answer, url: string): Answer {
    if (!answer.error) return answer;
    const path = url.split('?')[0] ?? url;
    const problem = problemOf(answer.error, { origin: new URL(this.options.publicUrl).origin, path });
    return { ...answer, status: problem.status, body: JSON.stringify(problem), error: null };
  }
}

/** What the adapter would have sent. */
class Collected extends EventEmitter {
  statusCode = 200;
  body = '';
  readonly writableEnded = false;

  constructor(response: ServerResponse) {
    super();
    // A client that goes away ends what is done for it, as it would without us between.
    response.once('close', () => this.emit('close'));
  }

  setHeader(): void {
    // Ours are set when the answer is sent.
  }

  end(body?: string): void {
    this.body = body ?? '';
    Object.assign(this, { writableEnded: true });
  }
}

function send(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
  const { status, headers = {} } = answer;
  const body = answer.made?.bytes ?? answer.body;
  const type = status >= 400 ? 'application/problem+json' : 'application/json';
  const common = { 'content-type': `${type}; charset=utf-8`, 'cache-control': 'private, no-cache' };
  if (request.method !== 'GET' || status !== 200) {
    response.writeHead(status, { ...common, ...headers }).end(status === 204 ? undefined : body);
    return;
  }
  const etag = answer.made?.etag() ?? etagOf(answer.body);
  const opaque = (tag: string) => tag.trim().replace(/^W\//, '');
  const known = headerOf(request, 'if-none-match')?.split(',').map(opaque);
  if (known?.includes(opaque(etag))) response.writeHead(304, { ...common, etag }).end();
  else response.writeHead(200, { ...common, ...headers, etag }).end(body);
}

function parsed(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw new TRPCError({ code: 'PARSE_ERROR', message: 'the body is not JSON', cause });
  }
}

function asTrpcError(error: unknown): TRPCError {
  if (error instanceof TRPCError) return error;
  if (error instanceof QuantaError) {
    return new TRPCError({ code: trpcCodes[error.code], message: error.message, cause: error });
  }
  return new TRPCError({ code: 'INTERNAL_SERVER_ERROR', cause: error });
}
