import type { ServerResponse } from 'node:http';
import { type ErrorCode, messageOf, QuantaError } from '@quantadb/engine/shared/errors';

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
  STORAGE_CORRUPT: 500,
  STORAGE_FAILED: 500,
  INVARIANT_BROKEN: 500,
};

/** An answer that is no QuantaError: a body that is too large, a method that does not exist there. */
export class HttpProblem extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

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
  const quanta = error instanceof QuantaError ? error : null;
  const status = error instanceof HttpProblem ? error.status : quanta ? httpStatuses[quanta.code] : 500;
  const isKnown = quanta !== null || error instanceof HttpProblem;
  return {
    type: 'about:blank',
    title: quanta?.code ?? 'request failed',
    status,
    code: quanta?.code ?? null,
    // What nobody threw on purpose may carry anything: it goes to the log only.
    detail: isKnown ? messageOf(error) : 'an unexpected error; see the log of the daemon',
    hint: quanta?.hint ?? null,
  };
}

export function sendProblem(response: ServerResponse, error: unknown): void {
  const problem = problemOf(error);
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(problem.status, { 'content-type': 'application/problem+json' });
  response.end(JSON.stringify(problem));
}
