import { QuantaError } from '@quantadb/engine/shared/errors';
import { expect, it } from 'vitest';
import { inWordsOfRelease } from './older-release.ts';

it('says of a host that does not know a call that its release is older', async () => {
  const unknown = () => Promise.reject(new QuantaError('NOT_FOUND', 'this host does not know that call'));
  await expect(inWordsOfRelease('node-1', unknown)).rejects.toThrow('node-1 runs an older release');
});

it('changes nothing else', async () => {
  await expect(inWordsOfRelease('node-1', async () => 7)).resolves.toBe(7);
  const other = new QuantaError('REFUSED', 'no');
  await expect(inWordsOfRelease('node-1', () => Promise.reject(other))).rejects.toBe(other);
});
