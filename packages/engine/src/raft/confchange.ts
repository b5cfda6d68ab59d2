import type { Configuration, ConfigurationChange, RaftPeer } from './types.ts';

export const votersMax = 7;
export const peersMax = 64;

export type PlannedConfiguration =
  | { ok: true; configuration: Configuration; changed: boolean }
  | { ok: false; reason: string };

/**
 * One change of one server, so that every majority before meets every majority after (Raft thesis §4.1). Asking for
 * what is already so is not an error: the asker may be repeating itself after a lost answer.
 */
export function planConfiguration(current: Configuration, change: ConfigurationChange): PlannedConfiguration {
  switch (change.kind) {
    case 'add-learner':
      return addLearner(current, change.peer);
    case 'promote':
      return promote(current, change.id);
    case 'remove':
      return remove(current, change.id);
  }
}

function addLearner(current: Configuration, peer: Omit<RaftPeer, 'role'>): PlannedConfiguration {
  if (!Number.isSafeInteger(peer.id) || peer.id < 1) {
    return { ok: false, reason: `a Raft id is a positive integer, not ${peer.id}` };
  }
  const known = current.find((other) => other.id === peer.id);
  if (known) {
    const same = known.name === peer.name && known.host === peer.host && known.port === peer.port;
    if (same) return { ok: true, configuration: current, changed: false };
    return { ok: false, reason: `Raft id ${peer.id} already belongs to ${known.name}` };
  }
  if (current.length >= peersMax) return { ok: false, reason: `a group has at most ${peersMax} members` };
  const added: RaftPeer = {
    id: peer.id,
    name: peer.name,
    host: peer.host,
    port: peer.port,
    role: 'learner',
  };
  return { ok: true, configuration: [...current, added].sort((a, b) => a.id - b.id), changed: true };
}

function promote(current: Configuration, id: number): PlannedConfiguration {
  const peer = current.find((other) => other.id === id);
  if (!peer) return { ok: false, reason: `no member has Raft id ${id}` };
  if (peer.role === 'voter') return { ok: true, configuration: current, changed: false };
  if (current.filter((other) => other.role === 'voter').length >= votersMax) {
    return { ok: false, reason: `a group has at most ${votersMax} voters` };
  }
  const configuration = current.map(
    (other): RaftPeer => (other.id === id ? { ...other, role: 'voter' } : other),
  );
  return { ok: true, configuration, changed: true };
}

function remove(current: Configuration, id: number): PlannedConfiguration {
  if (!current.some((other) => other.id === id)) return { ok: true, configuration: current, changed: false };
  const configuration = current.filter((other) => other.id !== id);
  if (!configuration.some((other) => other.role === 'voter')) {
    return { ok: false, reason: 'the last voter cannot be removed' };
  }
  return { ok: true, configuration, changed: true };
}
