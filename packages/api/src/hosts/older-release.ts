import { messageOf, QuantaError } from '@quantadb/engine/shared/errors';

/** What daemons have answered ever since to a call that came with a later release. */
const unknownCall = 'this host does not know that call';

/** @throws QuantaError REFUSED for a host of an older release, or whatever `call` throws */
export async function inWordsOfRelease<T>(host: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (messageOf(error) !== unknownCall) throw error;
    throw new QuantaError('REFUSED', `${host} runs an older release, which does not know this yet`, {
      hint: 'Upgrade its daemon.',
    });
  }
}
