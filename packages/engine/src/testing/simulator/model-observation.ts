import type { Observation } from '../../cluster/database.ts';
import { lsnText } from './data-directory.ts';
import type { PostgresServer } from './postgres-server.ts';

/** A look at the model of a server that answers. */
export function modelObservation(server: PostgresServer): Observation {
  const { data } = server.parts;
  const lsn = lsnText(data.endLsn);
  return {
    inRecovery: server.role === 'standby',
    version: '15.18',
    timeline: data.timeline,
    lsn,
    replayLsn: lsnText(server.replayLsn),
    receiverStatus: server.receiver?.status ?? null,
    sender: null,
    isHeldBack: false,
    lastCommitMs: null,
    clients: server.clients,
    synchronousStandbyNames: server.sync.names.join(', '),
    pendingRestart: [],
    unguarded: [],
    cancelledWaits: 0,
    impostors: [],
    standbys: [...server.senders.values()].map((sender) => ({
      name: sender.standby,
      state: 'streaming',
      sync: 'quorum',
      writeLsn: lsnText(sender.confirmedLsn),
      flushLsn: lsnText(sender.confirmedLsn),
      replayLsn: lsnText(sender.confirmedLsn),
      lagBytes: 0,
      lagMs: 0,
    })),
  };
}
