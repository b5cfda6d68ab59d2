import type { Database } from './database.ts';
import { forgetCluster, type LeavingHost } from './leaving.ts';
import type { PeerInput } from './peer-protocol.ts';

type JoiningHost = LeavingHost & { database: Pick<Database, 'isInitialised'>; dataDir: string };

/** A spare host becomes a member, as the cluster has registered it. Nothing that it promised to another cluster counts here. */
export async function joinCluster(
  host: JoiningHost,
  { clusterId, clusterName, raftId }: Pick<PeerInput<'join'>, 'clusterId' | 'clusterName' | 'raftId'>,
): Promise<{ ok: true } | { ok: false; reason: string }> {
  const { self, group, agent, database, dataDir } = host;
  if (group.member()?.clusterId === clusterId) return { ok: true };
  if (group.member()) return { ok: false, reason: `${self} belongs to another cluster` };
  if (await database.isInitialised()) {
    const reason = `${dataDir} holds data already; move it away by hand if it is not needed`;
    return { ok: false, reason };
  }
  await forgetCluster(host);
  await group.join({ clusterId, clusterName, raftId });
  agent.resume();
  return { ok: true };
}
