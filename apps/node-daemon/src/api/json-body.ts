import type { IncomingMessage } from 'node:http';
import { HttpProblem } from './http-errors.ts';

const bodyBytesMax = 1024 * 1024;
const jsonType = /^application\/json\s*(;|$)/i;

/**
 * The body of a request.
 *
 * @throws HttpProblem 415 for another type (which is also what a foreign page could make a browser send), 413 above
 * 1 MiB, 400 for what is no JSON
 */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  if (!jsonType.test(request.headers['content-type'] ?? '')) {
    throw new HttpProblem(415, 'the body must be of type application/json');
  }
  const body = await readBody(request);
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw new HttpProblem(400, 'the body is no JSON');
  }
}

function readBody(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let pieces: Buffer[] = [];
    let bytes = 0;
    request.on('data', (piece: Buffer) => {
      bytes += piece.length;
      if (bytes <= bodyBytesMax) {
        pieces.push(piece);
        return;
      }
      // The rest is read and dropped, until the request's deadline: a client that still sends would miss the answer.
      pieces = [];
      reject(new HttpProblem(413, `a body of more than ${bodyBytesMax} bytes`));
    });
    request.once('end', () => resolve(Buffer.concat(pieces)));
    request.once('error', () => reject(new HttpProblem(400, 'the body broke off')));
  });
}
