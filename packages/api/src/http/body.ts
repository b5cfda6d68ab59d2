import type { IncomingMessage } from 'node:http';
import { TRPCError } from '@trpc/server';

/**
 * The body of a request, which must not grow in memory to whatever somebody sends.
 *
 * @throws TRPCError PAYLOAD_TOO_LARGE
 */
export async function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  // Looked at first: nothing of it is read then, and the answer still reaches who sends it.
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) throw tooLarge(bytesMax);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw tooLarge(bytesMax);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLarge(bytesMax: number): TRPCError {
  return new TRPCError({ code: 'PAYLOAD_TOO_LARGE', message: `a body has at most ${bytesMax} bytes` });
}
