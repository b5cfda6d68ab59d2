import { type ErrorCode, QuantaError } from '@quantadb/engine/shared/errors';
import type { TRPCError } from '@trpc/server';
import { getHTTPStatusCodeFromError } from '@trpc/server/http';
import { ZodError } from 'zod';
import { errorMeanings, unexpectedWords } from './error-meanings.ts';

/** What the API answers when something went wrong (RFC 9457). */
export interface Problem {
  /** A page that explains the code. */
  type: string;
  title: string;
  status: number;
  detail: string;
  /** One of docs/errors.md; it does not change between releases. */
  code: ErrorCode;
  /** What to do next. */
  hint: string | null;
  /** The path that was asked for. */
  instance: string;
  /** The same as `detail`: what command lines of 0.1.0 look for. */
  message: string;
  /** What is wrong with which field, when the input is. */
  issues?: { path: string; message: string }[];
}

const issuesMax = 50;
const codes: Partial<Record<TRPCError['code'], ErrorCode>> = {
  BAD_REQUEST: 'INPUT_INVALID',
  PARSE_ERROR: 'INPUT_INVALID',
  UNSUPPORTED_MEDIA_TYPE: 'INPUT_INVALID',
  PAYLOAD_TOO_LARGE: 'INPUT_INVALID',
  METHOD_NOT_SUPPORTED: 'INPUT_INVALID',
  UNPROCESSABLE_CONTENT: 'INPUT_INVALID',
  UNAUTHORIZED: 'UNAUTHORIZED',
  FORBIDDEN: 'FORBIDDEN',
  NOT_FOUND: 'NOT_FOUND',
  CONFLICT: 'REFUSED',
  TOO_MANY_REQUESTS: 'RATE_LIMITED',
};

/** What an error is to the one who asked (pure). What nobody threw on purpose may carry anything: it stays in the log. */
export function problemOf(error: TRPCError, asked: { origin: string; path: string }): Problem {
  const quanta = error.cause instanceof QuantaError ? error.cause : null;
  const code = quanta?.code ?? codes[error.code] ?? 'UNEXPECTED';
  const status = getHTTPStatusCodeFromError(error);
  const issues = error.cause instanceof ZodError && code !== 'UNEXPECTED' ? issuesOf(error.cause) : [];
  const words = issues.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ');
  const { title, nextStep } = errorMeanings[code];
  const said = words === '' ? error.message : words;
  const detail = code === 'UNEXPECTED' ? unexpectedWords : said;
  return {
    ...{ type: `${asked.origin}/api-docs#${code}`, title, status, detail, code },
    ...{ hint: quanta?.hint ?? nextStep, instance: asked.path, message: detail },
    ...(issues.length > 0 ? { issues } : {}),
  };
}

function issuesOf(error: ZodError): { path: string; message: string }[] {
  return error.issues
    .slice(0, issuesMax)
    .map(({ path, message }) => ({ path: path.map(String).join('.'), message }));
}
