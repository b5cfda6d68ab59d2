import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { filesOf, type NodePlace } from '../layout.ts';

/**
 * Whether a server that runs in the data directory would be one of ours. A data directory that was there before
 * QuantaDB belongs to somebody else until it is taken over: nothing in it is written, no process in it is killed. What
 * tells them apart is the memory of settings, without which QuantaDB starts no server.
 */
export async function isOwnServer(place: Pick<NodePlace, 'dataDir' | 'stateDir'>): Promise<boolean> {
  const { settingsMemory, cloneMarker } = filesOf(place);
  if ((await exists(settingsMemory)) || (await exists(cloneMarker))) return true;
  return !(await exists(join(place.dataDir, 'PG_VERSION')));
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
