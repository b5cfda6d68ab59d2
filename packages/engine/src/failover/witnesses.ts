import type { Peers } from '../cluster/peer-protocol.ts';
import type { ClusterState, Failover, Member } from '../contract/cluster-state.ts';
import type { Network } from '../contract/network.ts';
import { messageOf } from '../shared/errors.ts';
import { judgeNetwork } from './connectivity.ts';

/** What a voter says of a primary that the decider does not hear; null: that voter could not be asked. */
export type Witness = NonNullable<Failover['detection']['witnesses']>[number];

const askDeadlineMs = 500;
const ownDeadlineMs = 350;
const detailMax = 500;

/** Asks the other voters, and looks itself, all at once. */
export async function askWitnesses(
  peers: Peers,
  state: ClusterState,
  who: { self: string; others: readonly Member[] },
): Promise<Witness[]> {
  const input = { clusterId: state.clusterId, epoch: state.reign.epoch };
  const ask = async (member: Member): Promise<Witness> => {
    try {
      const said = await peers.call(member, 'hears-primary', { input, deadlineMs: askDeadlineMs });
      const answers = said.answers ?? said.hears;
      return { node: member.name, hears: said.hears, answers, detail: said.detail.slice(0, detailMax) };
    } catch (error) {
      return { node: member.name, hears: null, answers: null, detail: messageOf(error).slice(0, detailMax) };
    }
  };
  const primary = state.members[state.reign.primary ?? ''];
  const own = primary ? [lookOneself(peers, who.self, primary)] : [];
  return Promise.all([...own, ...who.others.map(ask)]);
}

/** It has missed the heartbeats already; whether the daemon answers tells a broken network from a broken server. */
async function lookOneself(peers: Peers, self: string, primary: Member): Promise<Witness> {
  const said = { node: self, hears: false };
  try {
    await peers.call(primary, 'contacts', { input: {}, deadlineMs: ownDeadlineMs });
    return { ...said, answers: true, detail: 'its daemon answers, without a heartbeat' };
  } catch (error) {
    return { ...said, answers: false, detail: messageOf(error).slice(0, detailMax) };
  }
}

/**
 * Who sees whom at the moment of suspicion (pure). The rows are seconds behind; what the witnesses have just said of the
 * primary is not, and only that counts: a node that was not asked may not have missed it yet. The row of a node that does not
 * answer the decider now is stale, and left out.
 */
export function networkAtSuspicion(input: {
  self: string;
  nodes: readonly string[];
  primary: string;
  rows: Network['rows'];
  witnesses: readonly Witness[];
}): Network {
  const { self, primary, witnesses } = input;
  const silent = witnesses.filter((witness) => witness.answers === null).map((witness) => witness.node);
  const answersOf = (node: string) => witnesses.find((witness) => witness.node === node)?.answers ?? null;
  const isStale = (node: string) => silent.includes(node) || (node === primary && answersOf(self) === false);
  const rows = input.rows
    .filter((row) => !isStale(row.node))
    .map((row) => {
      const answers = answersOf(row.node);
      const heard = answers === true ? [primary] : [];
      const missed = [...(answers === false ? [primary] : []), ...(row.node === self ? silent : [])];
      const isKnown = (name: string) =>
        !heard.includes(name) && !missed.includes(name) && (answers !== null || name !== primary);
      return {
        node: row.node,
        hears: [...row.hears.filter(isKnown), ...heard],
        deafTo: [...row.deafTo.filter(isKnown), ...missed],
      };
    });
  return judgeNetwork(input.nodes, rows);
}
