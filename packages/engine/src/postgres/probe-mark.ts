import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { NodePlace } from './layout.ts';

export const probePrefix = 'quantadb';

/**
 * What this host's probes write into WAL. Made from the host's key, so that whoever finds it there knows the probe: no
 * client can pass its own transaction off as one.
 */
export async function probeMark(place: Pick<NodePlace, 'tls'>): Promise<string> {
  const key = await readFile(place.tls.key);
  return createHmac('sha256', key).update('quantadb probe').digest('hex');
}
