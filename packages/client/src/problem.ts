/** What the console answered instead of what was asked for (RFC 9457). */
export class ProblemError extends Error {
  /** One of the codes of docs/errors.md; it does not change between releases. `UNEXPECTED` when the answer has none. */
  readonly code: string;
  readonly status: number;
  /** What to do next. */
  readonly hint: string | null;
  /** What is wrong with which field, when the input is. */
  readonly issues: { path: string; message: string }[];
  /** How long to wait before asking again, when the console said so. */
  readonly retryAfterSeconds: number | null;

  constructor(problem: {
    detail: string;
    code: string;
    status: number;
    hint: string | null;
    issues: { path: string; message: string }[];
    retryAfterSeconds: number | null;
  }) {
    super(problem.detail);
    this.name = 'ProblemError';
    this.code = problem.code;
    this.status = problem.status;
    this.hint = problem.hint;
    this.issues = problem.issues;
    this.retryAfterSeconds = problem.retryAfterSeconds;
  }
}

/** The console did not answer in time, or not at all. Whether a change still took effect is unknown. */
export class UnreachableError extends Error {
  constructor(url: string, cause: unknown) {
    const said = cause instanceof Error ? cause.message : String(cause);
    super(`the console at ${url} did not answer: ${said}`, { cause });
    this.name = 'UnreachableError';
  }
}

/** The problem in an answer; whatever stands between may have answered, so nothing of its shape is taken for granted (pure). */
export function problemOf(answer: {
  status: number;
  body: unknown;
  retryAfter: string | null;
}): ProblemError {
  const body = isRecord(answer.body) ? answer.body : {};
  const seconds = Number(answer.retryAfter ?? Number.NaN);
  return new ProblemError({
    detail: text(body.detail) ?? text(body.message) ?? `the answer had status ${answer.status}`,
    code: text(body.code) ?? 'UNEXPECTED',
    status: answer.status,
    hint: text(body.hint),
    issues: Array.isArray(body.issues) ? body.issues.flatMap(issueOf) : [],
    retryAfterSeconds: Number.isFinite(seconds) ? seconds : null,
  });
}

function issueOf(value: unknown): { path: string; message: string }[] {
  if (!isRecord(value)) return [];
  return [{ path: text(value.path) ?? '', message: text(value.message) ?? '' }];
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
