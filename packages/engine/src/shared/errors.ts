/**
 * Every error QuantaDB throws on purpose. The list is closed: `docs/errors.md` names the meaning and the next step of
 * each code, and the mapping to exit codes and HTTP states is exhaustive over it.
 */
export const errorCodes = [
  'CONFIG_INVALID',
  'PREFLIGHT_FAILED',
  'NOT_LEADER',
  'NO_QUORUM',
  'DEADLINE_EXCEEDED',
  'REFUSED',
  'NOT_FOUND',
  'UNAUTHORIZED',
  'PEER_UNREACHABLE',
  'PROTOCOL_VIOLATION',
  'POSTGRES_FAILED',
  'BACKUP_FAILED',
  'STORAGE_CORRUPT',
  'STORAGE_FAILED',
  'INVARIANT_BROKEN',
  'INPUT_INVALID',
  'FORBIDDEN',
  'RATE_LIMITED',
  'UNEXPECTED',
] as const;

export type ErrorCode = (typeof errorCodes)[number];

export interface QuantaErrorOptions {
  cause?: unknown;
  /** One sentence: what the person who reads this should do next. */
  hint?: string;
  details?: Record<string, unknown>;
}

export class QuantaError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: Record<string, unknown> | undefined;

  constructor(code: ErrorCode, message: string, options: QuantaErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'QuantaError';
    this.code = code;
    this.hint = options.hint;
    this.details = options.details;
  }
}

/** The message of anything that was thrown, for logs and events. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * States what must hold. A broken invariant is a bug in QuantaDB: the caller's process must stop (fence, don't guess).
 *
 * @throws QuantaError INVARIANT_BROKEN
 */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new QuantaError('INVARIANT_BROKEN', message);
}

/** What happened, with the next step, as one text for people. */
export function sentenceOf(error: unknown): string {
  return withNextStep(messageOf(error), error instanceof QuantaError ? error.hint : undefined);
}

/** Two sentences, whether or not the first one ends as one. */
export function withNextStep(message: string, hint: string | undefined): string {
  return hint ? `${message}${/[.!?:]$/.test(message) ? '' : '.'} ${hint}` : message;
}
