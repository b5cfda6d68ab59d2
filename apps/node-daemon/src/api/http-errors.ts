import type { ServerResponse } from 'node:http';
import { type ErrorCode, QuantaError } from '@quantadb/engine/shared/errors';

/** Exhaustive on purpose: a new code does not compile until somebody has decided what it is over HTTP. */
const httpStatuses: Record<ErrorCode, number> = {
  CONFIG_INVALID: 500,
  PREFLIGHT_FAILED: 412,
  NOT_LEADER: 503,
  NO_QUORUM: 503,
  DEADLINE_EXCEEDED: 504,
  REFUSED: 409,
  NOT_FOUND: 404,
  UNAUTHORIZED: 403,
  PEER_UNREACHABLE: 502,
  PROTOCOL_VIOLATION: 400,
  POSTGRES_FAILED: 500,
  BACKUP_FAILED: 500,
  STORAGE_CORRUPT: 500,
  STORAGE_FAILED: 500,
  INVARIANT_BROKEN: 500,
  INPUT_INVALID: 400,
  FORBIDDEN: 403,
  RATE_LIMITED: 429,
  UNEXPECTED: 500,
};

/** A request that does not follow the protocol: a body that is too large, a method that does not exist there. */
export class HttpProblem extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** What clients accept of one; a schema's findings can be long. */
const detailCharactersMax = 4000;

/** RFC 9457 problem details with QuantaDB's code and next step. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  code: ErrorCode | null;
  detail: string;
  hint: string | null;
}

export function problemOf(error: unknown): Problem {
  if (error instanceof HttpProblem) {
    const { status, message } = error;
    return withTitle({ status, code: 'PROTOCOL_VIOLATION', detail: message, hint: null });
  }
  if (error instanceof QuantaError) {
    const { code, message, hint = null } = error;
    return withTitle({ status: httpStatuses[code], code, detail: message, hint });
  }
  // What nobody threw on purpose may carry anything: it goes to the log only.
  const detail = 'an unexpected error; see the log of the daemon';
  return withTitle({ status: 500, code: null, detail, hint: null });
}

function withTitle(parts: Pick<Problem, 'status' | 'code' | 'detail' | 'hint'>): Problem {
  const title = parts.code ?? 'request failed';
  return { type: 'about:blank', title, ...parts, detail: parts.detail.slice(0, detailCharactersMax) };
}

export function sendProblem(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const problem = problemOf(error);
  response.writeHead(problem.status, { 'content-type': 'application/problem+json' });
  response.end(JSON.stringify(problem));
}
