import { join, resolve } from 'node:path';
import { DaemonClient } from '../client.ts';
import { loadHostConfig } from '../host-config.ts';

/** The daemon of the host whose host.json that is, through its socket: for who administers this machine. */
export async function localDaemon(file: string): Promise<DaemonClient> {
  const { runDir } = await loadHostConfig(resolve(file));
  return DaemonClient.overSocket(join(runDir, 'daemon.sock'));
}
