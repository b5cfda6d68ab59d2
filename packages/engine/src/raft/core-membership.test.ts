import { describe, expect, test } from 'vitest';
import { votersMax } from './confchange.ts';
import { promotionLagMax } from './core.ts';
import { peerOf, SimulatedNetwork } from './testing/network.ts';
import type { SimulatedNode } from './testing/simulated-node.ts';
import type { ConfigurationChange, Message, RaftPeer } from './types.ts';
import { defaultTiming } from './types.ts';

function ledGroup(options: { voters?: number; seed?: number } = {}): {
  network: SimulatedNetwork;
  leader: SimulatedNode;
  others: number[];
} {
  const count = options.voters ?? 3;
  const network = new SimulatedNetwork({ seed: options.seed ?? 1, voters: count });
  const leader = network.runUntilLed();
  network.runUntil('everybody follows', () => [...network.nodes.values()].every((n) => n.appliedIndex >= 2));
  return { network, leader, others: [...network.nodes.keys()].filter((id) => id !== leader.id) };
}

function change(network: SimulatedNetwork, wanted: ConfigurationChange, on = network.leader) {
  return on?.act((core) => core.proposeConfiguration(wanted, network.nowMs));
}

/** Proposes a change until it is accepted, then waits until its leader has committed it. */
function carryOut(network: SimulatedNetwork, wanted: ConfigurationChange): void {
  let index = 0;
  network.runUntil(`${wanted.kind} is accepted`, () => {
    const outcome = change(network, wanted);
    if (outcome?.ok) index = outcome.index;
    return outcome?.ok === true;
  });
  network.runUntil(`${wanted.kind} is committed`, () => network.recorder.committedIndex >= index);
}

function roleOf(network: SimulatedNetwork, id: number): RaftPeer['role'] | undefined {
  return network.leader?.core?.log.configuration.find((peer) => peer.id === id)?.role;
}

describe('adding', () => {
  test('a new node becomes a learner, catches up and is promoted', () => {
    const { network, leader } = ledGroup();
    network.propose(leader.id, 'before it came');
    network.addNode(4);
    carryOut(network, { kind: 'add-learner', peer: peerOf(4) });
    expect(network.node(4).core?.status().role).toBe('learner');
    carryOut(network, { kind: 'promote', id: 4 });
    expect(roleOf(network, 4)).toBe('voter');
    network.runUntil('it has everything', () => network.node(4).appliedIndex === leader.appliedIndex);
    expect(network.node(4).commands).toEqual(['before it came']);
  });

  test('a learner neither votes for itself nor holds up commits', () => {
    const { network, leader, others } = ledGroup();
    network.addNode(4);
    carryOut(network, { kind: 'add-learner', peer: peerOf(4) });
    network.crash(4);
    network.propose(leader.id, 'without the learner');
    network.runUntil('it is committed', () => leader.commands.length === 1);
    network.restart(4);
    for (const id of [leader.id, ...others]) network.crash(id);
    network.advance(20_000);
    expect(network.node(4).core?.status()).toMatchObject({ role: 'learner', leaderId: null });
  });

  test('a learner that lags is not promoted yet', () => {
    const { network, leader } = ledGroup();
    network.addNode(4);
    carryOut(network, { kind: 'add-learner', peer: peerOf(4) });
    network.isolate(4);
    for (let count = 0; count <= promotionLagMax; count += 1) network.propose(leader.id, `${count}`);
    network.advance(50);
    const promote = { kind: 'promote', id: 4 } as const;
    expect(change(network, promote)).toMatchObject({ ok: false, reason: 'not_yet' });
    network.heal();
    carryOut(network, promote);
  });

  test('a learner that answers but holds nothing yet is not promoted, however short the log', () => {
    const { network } = ledGroup();
    network.addNode(4);
    network.filter = (message) => message.to !== 4 || message.type === 'heartbeat';
    carryOut(network, { kind: 'add-learner', peer: peerOf(4) });
    network.advance(500);
    expect(change(network, { kind: 'promote', id: 4 })).toMatchObject({ ok: false, reason: 'not_yet' });
  });

  test('a new learner is sent a snapshot when the log before it is gone', () => {
    const { network, leader } = ledGroup();
    for (let count = 0; count < 10; count += 1) network.propose(leader.id, `${count}`);
    network.advance(50);
    leader.keepSnapshot(0);
    const types: string[] = [];
    network.filter = (message) => types.push(message.type) > 0;
    network.addNode(4);
    carryOut(network, { kind: 'add-learner', peer: peerOf(4) });
    network.runUntil('it has everything', () => network.node(4).appliedIndex === leader.appliedIndex);
    expect(types).toContain('snapshot');
    expect(network.node(4).digest).toBe(leader.digest);
    expect(network.node(4).core?.log.configuration).toEqual(leader.core?.log.configuration);
  });
});

describe('snapshots', () => {
  test('I-RAFT-4: a follower that is too far behind is given a snapshot, and goes on from there', () => {
    const { network, leader, others } = ledGroup();
    const [lagging = 0] = others;
    network.isolate(lagging);
    for (let count = 0; count < 10; count += 1) network.propose(leader.id, `${count}`);
    network.advance(50);
    leader.keepSnapshot(2);
    expect(leader.core?.log.firstIndex).toBeGreaterThan(2);
    network.heal();
    network.runUntil('it has caught up', () => network.node(lagging).appliedIndex === leader.appliedIndex);
    expect(network.node(lagging).core?.log.snapshot?.index).toBe(leader.appliedIndex);
    network.propose(leader.id, 'after the snapshot');
    network.runUntil('it goes on', () => network.node(lagging).commands.includes('after the snapshot'));
    network.crash(lagging);
    network.restart(lagging);
    network.runUntil('it is back', () => network.node(lagging).appliedIndex === leader.appliedIndex);
    expect(network.node(lagging).digest).toBe(leader.digest);
  });

  test('a snapshot that was lost is sent again', () => {
    const { network, leader, others } = ledGroup();
    const [lagging = 0] = others;
    network.isolate(lagging);
    for (let count = 0; count < 10; count += 1) network.propose(leader.id, `${count}`);
    network.advance(50);
    leader.keepSnapshot(0);
    network.heal();
    let lost = 0;
    network.filter = (message) => message.type !== 'snapshot' || ++lost > 2;
    network.runUntil('it has caught up', () => network.node(lagging).appliedIndex === leader.appliedIndex);
    expect(lost).toBeGreaterThan(2);
  });

  test('a node that restarts with a snapshot and a few entries before it can still lead', () => {
    const { network, leader } = ledGroup();
    for (let count = 0; count < 10; count += 1) network.propose(leader.id, `${count}`);
    network.advance(200);
    for (const node of network.nodes.values()) node.keepSnapshot(3);
    for (const id of network.nodes.keys()) network.crash(id);
    for (const id of network.nodes.keys()) network.restart(id);
    const next = network.runUntilLed();
    network.propose(next.id, 'still here');
    network.runUntil('all apply it', () =>
      [...network.nodes.values()].every((node) => node.commands.includes('still here')),
    );
  });
});

describe('removing', () => {
  test('a removed follower is told, and disturbs nobody afterwards', () => {
    const { network, leader, others } = ledGroup();
    const [removed = 0] = others;
    carryOut(network, { kind: 'remove', id: removed });
    network.advance(defaultTiming.heartbeatMs);
    expect(network.node(removed).core?.log.configuration.map(({ id }) => id)).not.toContain(removed);
    const term = leader.core?.term;
    network.advance(20_000);
    expect(network.leader?.id).toBe(leader.id);
    expect(leader.core?.term).toBe(term);
  });

  test('a removed server that was never told, and has a higher term, does not depose the leader', () => {
    const { network, leader, others } = ledGroup();
    const [removed = 0] = others;
    network.isolate(removed);
    carryOut(network, { kind: 'remove', id: removed });
    const term = leader.core?.term ?? 0;
    const notice = { type: 'term_notice', from: leader.id, to: removed, term: term + 5 } as const;
    network.node(removed).act((core) => core.step(notice, network.nowMs));
    network.heal();
    network.advance(20_000);
    expect(network.node(removed).core?.term).toBe(term + 5);
    expect(network.leader?.id).toBe(leader.id);
    expect(leader.core?.term).toBe(term);
  });

  test('a leader that removes itself leads until that is committed, then hands over', () => {
    const { network, leader, others } = ledGroup();
    network.filter = (message) => message.type !== 'append';
    expect(change(network, { kind: 'remove', id: leader.id })).toMatchObject({ ok: true });
    network.advance(200);
    expect(leader.isLeader).toBe(true);
    network.filter = () => true;
    network.runUntil('it hands over', () => others.includes(network.leader?.id ?? 0), 1000);
    expect(leader.isLeader).toBe(false);
    const next = network.runUntilLed();
    expect(next.core?.log.configuration.map(({ id }) => id)).toEqual(others);
    network.propose(next.id, 'without it');
    network.runUntil('they apply it', () =>
      others.every((id) => network.node(id).commands.includes('without it')),
    );
  });

  test('while its own removal is pending a leader counts only the others', () => {
    const { network, leader, others } = ledGroup();
    network.crash(others[0] ?? 0);
    change(network, { kind: 'remove', id: leader.id });
    const { committedIndex } = network.recorder;
    network.advance(1000);
    expect(network.recorder.committedIndex).toBe(committedIndex);
    network.restart(others[0] ?? 0);
    network.runUntil('it is committed', () => network.recorder.committedIndex > committedIndex);
  });

  test('a leader that crashes while only its log has its own removal comes back to finish it', () => {
    const { network, leader, others } = ledGroup({ voters: 2 });
    network.filter = (message) => message.type !== 'append';
    change(network, { kind: 'remove', id: leader.id });
    network.crash(leader.id);
    network.filter = () => true;
    network.restart(leader.id);
    network.runUntilLed(others[0]);
    expect(roleOf(network, leader.id)).toBeUndefined();
  });

  test('the last voter cannot be removed', () => {
    const { network } = ledGroup({ voters: 1 });
    expect(change(network, { kind: 'remove', id: 1 })).toMatchObject({ ok: false, reason: 'refused' });
  });
});

describe('one change at a time', () => {
  test('a second change waits until the first is committed', () => {
    const { network } = ledGroup();
    network.filter = (message) => message.type !== 'append';
    expect(change(network, { kind: 'add-learner', peer: peerOf(4) })).toMatchObject({ ok: true });
    const second = { kind: 'add-learner', peer: peerOf(5) } as const;
    expect(change(network, second)).toMatchObject({ ok: false, reason: 'not_yet' });
    network.filter = () => true;
    carryOut(network, second);
    expect(roleOf(network, 4)).toBe('learner');
  });

  test('I-RAFT-3: a new leader changes nothing before an entry of its own term is committed', () => {
    const network = new SimulatedNetwork({ seed: 3, voters: 4 });
    network.filter = (message: Message) => message.type !== 'append_reply';
    network.runUntil('somebody leads', () => network.leader !== null);
    const wanted = { kind: 'remove', id: 4 } as const;
    expect(change(network, wanted)).toMatchObject({ ok: false, reason: 'not_yet' });
    network.filter = () => true;
    carryOut(network, wanted);
  });

  test('an uncommitted change goes with the leader that proposed it', () => {
    const { network, leader, others } = ledGroup();
    network.isolate(leader.id);
    change(network, { kind: 'add-learner', peer: peerOf(4) }, leader);
    expect(roleOf(network, 4)).toBe('learner');
    network.runUntil('another leads', () => others.includes(network.leader?.id ?? 0));
    network.heal();
    network.runUntilLed();
    network.runUntil('it is taken back', () => leader.core?.log.configuration.length === 3);
  });

  test('asking for what is already so changes nothing', () => {
    const { network, leader } = ledGroup();
    const before = leader.core?.log.lastIndex;
    expect(change(network, { kind: 'promote', id: 1 })).toMatchObject({ reason: 'unchanged' });
    expect(change(network, { kind: 'remove', id: 9 })).toMatchObject({ reason: 'unchanged' });
    expect(change(network, { kind: 'add-learner', peer: peerOf(1) })).toMatchObject({ reason: 'unchanged' });
    expect(leader.core?.log.lastIndex).toBe(before);
  });

  test('refuses impossible members', () => {
    const { network, others } = ledGroup({ voters: votersMax });
    const refused = { ok: false, reason: 'refused' };
    const taken = { ...peerOf(1), name: 'another' };
    expect(change(network, { kind: 'add-learner', peer: taken })).toMatchObject(refused);
    expect(change(network, { kind: 'add-learner', peer: peerOf(0) })).toMatchObject(refused);
    expect(change(network, { kind: 'promote', id: 77 })).toMatchObject(refused);
    network.addNode(8);
    carryOut(network, { kind: 'add-learner', peer: peerOf(8) });
    expect(change(network, { kind: 'promote', id: 8 })).toMatchObject(refused);
    const onFollower = change(network, { kind: 'remove', id: 8 }, network.node(others[0] ?? 0));
    expect(onFollower).toEqual({ ok: false, reason: 'not_leader' });
  });
});
