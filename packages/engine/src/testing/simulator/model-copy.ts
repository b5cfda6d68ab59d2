import type { Database, UpstreamNode } from '../../cluster/database.ts';
import { sleep } from '../../shared/clock.ts';
import { QuantaError } from '../../shared/errors.ts';
import type { PostgresServer } from './postgres-server.ts';
import type { Thread } from './thread.ts';
import type { World } from './world.ts';

const copyMinMs = 200;
const copyMaxMs = 2000;

interface Copying {
  world: World;
  thread: Thread;
  server: PostgresServer;
  serverOf(name: string): PostgresServer | undefined;
}

/** The data of the upstream takes the place of this server's. It is not complete before the caller says so. */
export async function receiveCopy(
  parts: Copying,
  upstream: UpstreamNode,
  options: Parameters<Database['clone']>[1],
): Promise<void> {
  const { world, thread, server, serverOf } = parts;
  const endMs = thread.monotonicMs() + world.between(copyMinMs, copyMaxMs);
  const { network, name, data } = server.parts;
  while (thread.monotonicMs() < endMs) {
    await sleep(thread, 50, options.signal);
    const source = serverOf(upstream.name);
    if (!source?.isUp || network.isCut(upstream.name, name) || network.isCut(name, upstream.name))
      throw new QuantaError('POSTGRES_FAILED', 'the connection to the upstream broke');
    options.onProgress({ doneBytes: 1, totalBytes: 2 });
  }
  const source = serverOf(upstream.name);
  if (!source?.isUp) throw new QuantaError('POSTGRES_FAILED', 'the upstream is gone');
  data.becomeCopyOf(source.parts.data);
  data.isInitialised = false;
}
