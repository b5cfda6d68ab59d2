import createClient from 'openapi-fetch';
import type { paths } from './generated/api.ts';
import { type PagedPath, type PageQuery, pageFields, pagesOf } from './pages.ts';
import { ProblemError, problemOf, UnreachableError } from './problem.ts';
import type {
  AnswerOf,
  Api,
  Args,
  ChangeOptions,
  Cluster,
  ElementOf,
  Intent,
  Method,
  Operation,
  PathOf,
  Plan,
  RequestOptions,
} from './types.ts';

export interface ConnectOptions {
  /** Where people reach the console, as `https://quantadb.example.com`. */
  url: string;
  /** Made on the console's page "Tokens" or by `quantadb token create`. */
  token: string;
  /** How long one answer may take; 30 seconds when it is not said. */
  deadlineMs?: number;
  /** For proxies and tests. */
  fetch?: (request: Request) => Promise<Response>;
}

export interface WaitOptions {
  /** How long to wait for the end of the operation; an hour when it is not said. */
  timeoutMs?: number;
  /** Called with every look at the operation. */
  onProgress?(operation: Operation): void;
  signal?: AbortSignal;
}

const deadlineMsDefault = 30_000;
const attemptsMax = 4;
const firstPauseMs = 200;
const pageSize = 200;
const waitMsDefault = 3_600_000;
const lookEveryMs = 500;
/** The console hears of an operation from its cluster's next report. */
const unheardOfMsMax = 15_000;

interface AnyInit extends ChangeOptions {
  params?: { header?: Record<string, unknown>; query?: Record<string, unknown> };
}

/** A console's REST API. Every method throws `ProblemError` or `UnreachableError`. */
export class QuantaClient {
  private readonly options: ConnectOptions;
  private readonly api: Api;

  constructor(options: ConnectOptions) {
    this.options = options;
    this.api = createClient<paths, 'application/json'>({
      baseUrl: new URL('/api/v1', options.url).href,
      headers: { authorization: `Bearer ${options.token}` },
      ...(options.fetch ? { fetch: options.fetch } : {}),
    });
  }

  /** @example await quanta.get('/clusters/{clusterId}', { params: { path: { clusterId } } }) */
  get<P extends PathOf<'get'>>(
    path: P,
    ...[init]: Args<'get', P, RequestOptions>
  ): Promise<AnswerOf<'get', P>> {
    return this.send('get', path, init as AnyInit) as Promise<AnswerOf<'get', P>>;
  }

  post<P extends PathOf<'post'>>(
    path: P,
    ...[init]: Args<'post', P, ChangeOptions>
  ): Promise<AnswerOf<'post', P>> {
    return this.send('post', path, init as AnyInit) as Promise<AnswerOf<'post', P>>;
  }

  delete<P extends PathOf<'delete'>>(
    path: P,
    ...[init]: Args<'delete', P, RequestOptions>
  ): Promise<AnswerOf<'delete', P>> {
    return this.send('delete', path, init as AnyInit) as Promise<AnswerOf<'delete', P>>;
  }

  /**
   * Every element of a list that grows, the newest first; pages are read as they are needed.
   *
   * @example for await (const event of quanta.pages('/clusters/{clusterId}/events', { params: { path: { clusterId } } })) …
   */
  pages<P extends PagedPath>(
    path: P,
    ...[init]: Args<'get', P, RequestOptions>
  ): AsyncGenerator<ElementOf<P>> {
    const given = (init ?? {}) as AnyInit;
    const limit = Number(given.params?.query?.limit ?? pageSize);
    const read = (page: PageQuery) => {
      const query = { ...given.params?.query, limit, ...page };
      return this.send('get', path, { ...given, params: { ...given.params, query } });
    };
    return pagesOf({
      field: pageFields[path],
      limit,
      read: read as (page: PageQuery) => Promise<ElementOf<P>[]>,
    });
  }

  /** @throws ProblemError NOT_FOUND */
  async cluster(name: string): Promise<Cluster> {
    const clusters = await this.get('/clusters');
    const found = clusters.find((cluster) => cluster.name === name);
    if (found) return found;
    throw problemOf({
      status: 404,
      body: { code: 'NOT_FOUND', detail: `the console knows no cluster ${name}` },
      retryAfter: null,
    });
  }

  /**
   * Plans an operation, lets `confirm` look at the plan, and starts it once. Without `confirm` it starts at once.
   *
   * @returns the operation's id, or null when `confirm` said no
   */
  async run(
    clusterId: string,
    intent: Intent,
    options: { reason?: string; confirm?(plan: Plan): boolean | Promise<boolean> } = {},
  ): Promise<string | null> {
    const params = { path: { clusterId } };
    const plan = await this.post('/clusters/{clusterId}/operations/plan', { params, body: { intent } });
    if (options.confirm && !(await options.confirm(plan))) return null;
    const body = { intent, planHash: plan.hash, reason: options.reason ?? '' };
    const started = await this.post('/clusters/{clusterId}/operations', { params, body, once: true });
    return started.operationId;
  }

  /**
   * Waits for the end of an operation; consoles and connections may come and go meanwhile.
   *
   * @returns the operation with its last state: `done`, `failed` or `cancelled`
   * @throws UnreachableError when its end was not seen in time
   */
  async waitForOperation(id: string, options: WaitOptions = {}): Promise<Operation> {
    const { timeoutMs = waitMsDefault, onProgress, signal } = options;
    const beganMs = performance.now();
    const elapsedMs = () => performance.now() - beganMs;
    let last: unknown = new Error('it has not ended');
    while (elapsedMs() < timeoutMs) {
      signal?.throwIfAborted();
      try {
        const init = { params: { path: { id } }, ...(signal ? { signal } : {}) };
        const operation = await this.get('/operations/{id}', init);
        onProgress?.(operation);
        if (operation.state !== 'running') return operation;
      } catch (error) {
        if (!mayPass(error, elapsedMs())) throw error;
        last = error;
      }
      await pause(lookEveryMs, signal);
    }
    throw new UnreachableError(this.options.url, last);
  }

  private async send(method: Method, path: string, init: AnyInit | undefined): Promise<unknown> {
    const { once, signal, deadlineMs = this.options.deadlineMs ?? deadlineMsDefault, ...rest } = init ?? {};
    const key = once === true ? crypto.randomUUID() : once || undefined;
    const headers = key === undefined ? {} : { 'idempotency-key': key };
    const call = this.api[method.toUpperCase() as 'GET'] as unknown as Call;
    const attempts = method === 'get' || key !== undefined ? attemptsMax : 1;
    for (let attempt = 1; ; attempt += 1) {
      const timeout = AbortSignal.timeout(deadlineMs);
      try {
        const both = signal ? AbortSignal.any([signal, timeout]) : timeout;
        const { data, error, response } = await call(path, { ...rest, headers, signal: both });
        if (response.ok) return data;
        throw problemOf({
          status: response.status,
          body: error,
          retryAfter: response.headers.get('retry-after'),
        });
      } catch (error) {
        if (error instanceof ProblemError) throw error;
        signal?.throwIfAborted();
        if (attempt >= attempts) throw new UnreachableError(this.options.url, error);
      }
      await pause(firstPauseMs * 2 ** (attempt - 1), signal);
    }
  }
}

type Call = (path: string, init: object) => Promise<{ data?: unknown; error?: unknown; response: Response }>;

/** Whether a failed look at an operation says nothing about the operation itself. */
function mayPass(error: unknown, elapsedMs: number): boolean {
  if (error instanceof UnreachableError) return true;
  if (!(error instanceof ProblemError)) return false;
  if (error.code === 'NOT_FOUND') return elapsedMs < unheardOfMsMax;
  return error.status === 429 || error.status >= 500;
}

function pause(ms: number, signal: AbortSignal | null | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', end);
      resolve();
    }, ms);
    if (signal?.aborted) end();
    else signal?.addEventListener('abort', end, { once: true });
  });
}
