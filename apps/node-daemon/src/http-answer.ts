import type { IncomingMessage } from 'node:http';
import { type ErrorCode, errorCodes, QuantaError } from '@quantadb/engine/shared/errors';
import { z } from 'zod';

export interface HttpAnswer {
  status: number;
  text: string;
}

const answerBytesMax = 32 * 1024 * 1024;

const problemSchema = z.object({
  code: z.string().nullable(),
  detail: z.string().max(4000),
  hint: z.string().max(2000).nullable(),
});

export async function readAnswer(response: IncomingMessage): Promise<HttpAnswer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of response as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > answerBytesMax) throw new QuantaError('PROTOCOL_VIOLATION', 'an answer that does not end');
    pieces.push(piece);
  }
  return { status: response.statusCode ?? 0, text: Buffer.concat(pieces).toString('utf8') };
}

/** What was answered, or the refusal as the error it was on the other side. */
export function resultOf(answer: HttpAnswer, from: string): unknown {
  const value = parse(answer.text, from);
  if (answer.status < 400) return value;
  const problem = problemSchema.safeParse(value);
  if (!problem.success)
    throw new QuantaError('PROTOCOL_VIOLATION', `${from} answered with status ${answer.status}`);
  const { code, detail, hint } = problem.data;
  throw new QuantaError(codeOf(code), detail, hint ? { hint } : {});
}

function parse(text: string, from: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new QuantaError('PROTOCOL_VIOLATION', `${from} did not answer with JSON`, { cause: error });
  }
}

function codeOf(code: string | null): ErrorCode {
  // Of what went wrong in an unforeseen way nobody can say that nothing was changed, as a refusal would.
  return errorCodes.find((known) => known === code) ?? 'PROTOCOL_VIOLATION';
}
