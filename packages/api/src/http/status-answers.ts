import type { IncomingMessage } from 'node:http';
import type { StatusKeeper } from '../clusters/status-keeper.ts';
import { mayOn, permits, type Roles } from '../people/roles.ts';
import { weakEtagOf } from './etag.ts';

/** An answer's bytes, and the ETag of what they tell, made when it is asked for: only the age differs from answer to answer. */
export interface StatusAnswer {
  bytes: Buffer;
  etag(): string;
}

/** How all clusters are, or one of them. */
type Question = { of: 'all' } | { of: 'one'; clusterId: string };

/** An answer about many clusters is the same for so long. */
const sameForMs = 200;
const manyBytes = 100_000;
const uuid = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const restOne = new RegExp(`^/api/v1/clusters/(${uuid})$`);
const inputOne = new RegExp(`^\\{"clusterId":"(${uuid})"\\}$`);
const [comma, open, close] = [',', '[', ']'].map((text) => Buffer.from(text)) as [Buffer, Buffer, Buffer];
const [resultBegin, resultEnd] = [Buffer.from('{"result":{"data":'), Buffer.from('}}')];

/**
 * The two questions that everybody asks again and again, answered from bytes that are written once for each report: through a
 * procedure the status of every node would be checked and written out anew for each request. Only what is a plain yes is answered
 * here; refusals, unknown clusters and anything unusual are the procedure's, so that nothing is decided twice.
 */
export class StatusAnswers {
  private readonly keeper: StatusKeeper;
  /** Answers about many clusters, by the roles of who gets them; none is older than a moment. */
  private readonly made = new Map<string, { answer: StatusAnswer; untilMs: number; of: number }>();

  constructor(keeper: StatusKeeper) {
    this.keeper = keeper;
  }

  /** @returns null: let the procedure answer */
  async rest(request: IncomingMessage, principal: Roles | null): Promise<StatusAnswer | null> {
    const question = request.method === 'GET' ? askedByRest(request.url ?? '') : null;
    return question && principal ? this.answer(question, principal) : null;
  }

  /** tRPC's answer to a query that comes alone. @returns null: let the procedure answer */
  async procedure(request: IncomingMessage, principal: Roles | null): Promise<Buffer[] | null> {
    const asked = request.method === 'GET' ? askedByProcedure(request) : null;
    const data = asked && principal ? await this.answer(asked.question, principal) : null;
    if (!asked || !data) return null;
    const result = [resultBegin, data.bytes, resultEnd];
    return asked.isBatch ? [open, ...result, close] : result;
  }

  private async answer(question: Question, roles: Roles): Promise<StatusAnswer | null> {
    switch (question.of) {
      case 'all':
        return this.all(roles);
      case 'one':
        return this.one(question.clusterId, roles);
    }
  }

  /** Those with the same roles get the same bytes for a moment: of many clusters they are megabytes. */
  private async all(roles: Roles): Promise<StatusAnswer | null> {
    if (!permits(roles, { permission: 'read', scope: 'anywhere', clusterId: undefined })) return null;
    const clusters = await this.keeper.list();
    const nowMs = performance.now();
    for (const [who, { untilMs }] of this.made) if (untilMs <= nowMs) this.made.delete(who);
    const who = JSON.stringify([roles.role, roles.clusters]);
    const last = this.made.get(who);
    if (last?.of === clusters.length) return last.answer;
    const answer = this.written(clusters.filter(({ clusterId }) => mayOn(roles, clusterId, 'read')));
    const isMany = answer && answer.bytes.length > manyBytes;
    if (isMany) this.made.set(who, { answer, untilMs: nowMs + sameForMs, of: clusters.length });
    return answer;
  }

  private written(clusters: readonly { clusterId: string }[]): StatusAnswer | null {
    const nowMs = Date.now();
    const [parts, told]: [Buffer[], Buffer[]] = [[open], []];
    for (const { clusterId } of clusters) {
      const answer = this.keeper.board.answerOf(clusterId, nowMs);
      if (!answer) return null;
      if (told.length > 0) parts.push(comma);
      parts.push(answer.told, answer.age);
      told.push(answer.told);
    }
    return answerOf(Buffer.concat([...parts, close]), told);
  }

  private async one(clusterId: string, roles: Roles): Promise<StatusAnswer | null> {
    if (!permits(roles, { permission: 'read', scope: 'cluster', clusterId })) return null;
    const found = await this.keeper.find(clusterId);
    const answer = found && this.keeper.board.answerOf(clusterId, Date.now());
    return answer && answerOf(Buffer.concat([answer.told, answer.age]), [answer.told]);
  }
}

function answerOf(bytes: Buffer, told: readonly Buffer[]): StatusAnswer {
  let tag: string | null = null;
  return {
    bytes,
    etag: () => {
      tag ??= weakEtagOf(told);
      return tag;
    },
  };
}

function askedByRest(url: string): Question | null {
  if (url === '/api/v1/clusters') return { of: 'all' };
  const clusterId = restOne.exec(url)?.[1];
  return clusterId ? { of: 'one', clusterId } : null;
}

/** A link that batches wraps a query that comes alone as well. */
function askedByProcedure({
  url = '',
  headers,
}: IncomingMessage): { question: Question; isBatch: boolean } | null {
  // Another form of answer than the usual one is asked for by a header.
  if (headers['trpc-accept'] !== undefined) return null;
  const { pathname, searchParams } = new URL(url, 'http://console');
  const isBatch = searchParams.get('batch') === '1';
  const input = searchParams.get('input') ?? '';
  const inner = isBatch ? /^\{"0":(.*)\}$/s.exec(input)?.[1] : input;
  if (searchParams.size !== (isBatch ? 2 : 1) || inner === undefined) return null;
  if (pathname === '/api/trpc/clusters.list' && inner === '{}') return { question: { of: 'all' }, isBatch };
  const clusterId = pathname === '/api/trpc/clusters.get' ? inputOne.exec(inner)?.[1] : undefined;
  return clusterId ? { question: { of: 'one', clusterId }, isBatch } : null;
}
