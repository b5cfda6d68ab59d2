import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { messageOf, QuantaError } from '@quantadb/engine/shared/errors';
import type { HttpCaller } from './caller.ts';

const tokenCharactersMin = 16;
const hashOf = (text: string) => createHash('sha256').update(text).digest();

/**
 * Whether a caller may read `/metrics`: anybody while no file is named; else whoever sends what is in it, and whoever his connection
 * proves to be somebody. The file is read each time, so that another token counts at once.
 *
 * @throws QuantaError UNAUTHORIZED; CONFIG_INVALID when the file cannot be read or holds too little
 */
export async function requireMetricsToken(
  file: string | null,
  caller: HttpCaller,
  request: IncomingMessage,
): Promise<void> {
  if (file === null || caller.kind !== 'anybody') return;
  const token = await tokenIn(file);
  const sent = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
  if (timingSafeEqual(hashOf(sent), hashOf(token))) return;
  throw new QuantaError('UNAUTHORIZED', 'the metrics of this host are for those who have its token', {
    hint: 'Send "Authorization: Bearer …" with what is in the file that metricsTokenFile of host.json names.',
  });
}

async function tokenIn(file: string): Promise<string> {
  const token = await readFile(file, 'utf8').then(
    (text) => text.trim(),
    (cause: unknown) => {
      throw new QuantaError('CONFIG_INVALID', `metricsTokenFile cannot be read: ${messageOf(cause)}`, {
        cause,
      });
    },
  );
  if (token.length >= tokenCharactersMin) return token;
  throw new QuantaError(
    'CONFIG_INVALID',
    `metricsTokenFile holds less than ${tokenCharactersMin} characters`,
  );
}
