import { request as httpRequest, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { backupOverviewSchema } from '@quantadb/engine/contract/backup-view';
import { clusterEventSchema, operationSchema } from '@quantadb/engine/contract/cluster-state';
import { hostDiagnosisSchema } from '@quantadb/engine/contract/diagnosis';
import { type LogQuestion, logAnswerSchema } from '@quantadb/engine/contract/logs';
import { nodeReportSchema, stateAnswerSchema } from '@quantadb/engine/contract/node-report';
import {
  type OperationRequest,
  type OperationStart,
  operationPlanSchema,
} from '@quantadb/engine/contract/operations';
import {
  type RestoreInto,
  type RestoreIntoStart,
  type RestoreQuestion,
  restoreIntoPlanSchema,
  restorePlanningSchema,
} from '@quantadb/engine/contract/restore';
import { settingsOverviewSchema } from '@quantadb/engine/contract/settings-view';
import { clusterStatusSchema, hostStatusSchema } from '@quantadb/engine/contract/status';
import { messageOf, QuantaError } from '@quantadb/engine/shared/errors';
import { z } from 'zod';
import { type HttpAnswer, readAnswer, resultOf } from './http-answer.ts';

const readDeadlineMs = 3000;
const repositoryDeadlineMs = 90_000;
const changeDeadlineMs = 15_000;
const leaveDeadlineMs = 60_000;

interface Call<T> {
  path: string;
  schema: z.ZodType<T>;
  body?: unknown;
  deadlineMs?: number;
}

/** Talks to one daemon: over its unix socket, with the operator's certificate, or in the clear (reading only). */
export class DaemonClient {
  private readonly target: RequestOptions & { tls?: { ca: string; cert: string; key: string } };
  private readonly name: string;

  private constructor(name: string, target: DaemonClient['target']) {
    this.name = name;
    this.target = target;
  }

  static overSocket(path: string): DaemonClient {
    return new DaemonClient(path, { socketPath: path });
  }

  static overTls(address: {
    host: string;
    port: number;
    tls: { ca: string; cert: string; key: string };
  }): DaemonClient {
    return new DaemonClient(`${address.host}:${address.port}`, address);
  }

  static plain(address: { host: string; port: number }): DaemonClient {
    return new DaemonClient(`${address.host}:${address.port}`, address);
  }

  node() {
    return this.call({ path: '/api/node', schema: nodeReportSchema });
  }

  host() {
    return this.call({ path: '/api/host', schema: hostStatusSchema });
  }

  state() {
    return this.call({ path: '/api/state', schema: stateAnswerSchema });
  }

  status() {
    return this.call({ path: '/api/status', schema: clusterStatusSchema.nullable() });
  }

  events(since = 0) {
    return this.call({ path: `/api/events?since=${since}`, schema: z.array(clusterEventSchema) });
  }

  /** With the operator's certificate only. */
  settings() {
    const schema = settingsOverviewSchema.nullable();
    return this.call({ path: '/api/settings', schema, deadlineMs: changeDeadlineMs });
  }

  /** With the operator's certificate only. */
  logs(question: LogQuestion) {
    const { untilMs, limit, ...words } = question;
    const query = new URLSearchParams({ ...words, limit: String(limit) });
    if (untilMs !== null) query.set('untilMs', String(untilMs));
    return this.call({ path: `/api/logs?${query}`, schema: logAnswerSchema, deadlineMs: changeDeadlineMs });
  }

  /** With the operator's certificate only. */
  diagnosis() {
    const schema = hostDiagnosisSchema;
    return this.call({ path: '/api/diagnosis', schema, deadlineMs: changeDeadlineMs });
  }

  operations() {
    return this.call({ path: '/api/operations', schema: z.array(operationSchema) });
  }

  /** Reads the repository, which may be far away. */
  backups() {
    const schema = backupOverviewSchema.nullable();
    return this.call({ path: '/api/backups', schema, deadlineMs: repositoryDeadlineMs });
  }

  planRestore(question: RestoreQuestion) {
    const schema = restorePlanningSchema;
    return this.call({ path: '/api/restore/plan', schema, body: question, deadlineMs: repositoryDeadlineMs });
  }

  /** A moment of this daemon's cluster as a new cluster on another host. */
  planRestoreInto(request: RestoreInto) {
    return this.call({
      ...{ path: '/api/restore/into/plan', schema: restoreIntoPlanSchema, body: request },
      deadlineMs: repositoryDeadlineMs,
    });
  }

  startRestoreInto(start: RestoreIntoStart) {
    const schema = z.object({ operationId: z.string() });
    return this.call({
      ...{ path: '/api/restore/into', schema, body: start, deadlineMs: repositoryDeadlineMs },
    });
  }

  plan(request: OperationRequest) {
    return this.call({
      path: '/api/operations/plan',
      schema: operationPlanSchema,
      body: request,
      deadlineMs: changeDeadlineMs,
    });
  }

  start(start: OperationStart) {
    const schema = z.object({ operationId: z.string() });
    return this.call({ path: '/api/operations', schema, body: start, deadlineMs: changeDeadlineMs });
  }

  /** PostgreSQL stops first, and its data is set aside. */
  leaveAlone(cluster: string) {
    const schema = z.object({ ok: z.literal(true) });
    return this.call({ path: '/api/leave', schema, body: { cluster }, deadlineMs: leaveDeadlineMs });
  }

  shutdown(postgres: 'stop' | 'leave') {
    return this.call({
      path: '/api/shutdown',
      schema: z.object({ ok: z.literal(true) }),
      body: { postgres },
    });
  }

  /** @throws QuantaError PEER_UNREACHABLE, DEADLINE_EXCEEDED, PROTOCOL_VIOLATION, or what the daemon refused with */
  private async call<T>(call: Call<T>): Promise<T> {
    const deadlineMs = call.deadlineMs ?? readDeadlineMs;
    const signal = AbortSignal.timeout(deadlineMs);
    let answer: HttpAnswer;
    try {
      answer = await this.send(call, signal);
    } catch (error) {
      if (error instanceof QuantaError) throw error;
      if (signal.aborted) {
        throw new QuantaError(
          'DEADLINE_EXCEEDED',
          `the daemon at ${this.name} did not answer within ${deadlineMs} ms`,
        );
      }
      throw new QuantaError(
        'PEER_UNREACHABLE',
        `the daemon at ${this.name} cannot be reached: ${messageOf(error)}`,
        {
          cause: error,
          hint: 'Is it running? `quantadb up` starts the local system.',
        },
      );
    }
    const parsed = call.schema.safeParse(resultOf(answer, this.name));
    if (parsed.success) return parsed.data;
    throw new QuantaError(
      'PROTOCOL_VIOLATION',
      `the daemon at ${this.name} answered in an unknown way: ${parsed.error.message}`,
    );
  }

  private send(call: Call<unknown>, signal: AbortSignal): Promise<HttpAnswer> {
    const { tls, ...target } = this.target;
    const text = call.body === undefined ? null : JSON.stringify(call.body);
    const options = {
      ...target,
      ...(tls ? { ...tls, minVersion: 'TLSv1.3' as const, checkServerIdentity: () => undefined } : {}),
      path: call.path,
      method: text === null ? 'GET' : 'POST',
      headers:
        text === null
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) },
      agent: false,
      signal,
    };
    return new Promise((resolve, reject) => {
      const request = tls ? httpsRequest(options) : httpRequest(options);
      request.on('error', reject);
      request.once('response', (response) => readAnswer(response).then(resolve, reject));
      request.end(text ?? undefined);
    });
  }
}
