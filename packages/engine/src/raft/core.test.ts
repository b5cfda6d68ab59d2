import { describe, expect, test } from 'vitest';
import { seededRandom } from '../shared/random.ts';
import { RaftCore, uncommittedEntriesMax } from './core.ts';
import { waitingReadsMax } from './reads.ts';
import { peerOf, SimulatedNetwork } from './testing/network.ts';
import type { SimulatedNode } from './testing/simulated-node.ts';
import type { Entry, Message } from './types.ts';
import { defaultTiming } from './types.ts';

function groupOfThree(seed = 1): { network: SimulatedNetwork; leader: SimulatedNode; others: number[] } {
  const network = new SimulatedNetwork({ seed, voters: 3 });
  const leader = network.runUntilLed();
  network.runUntil('everybody follows', () => appliedEverywhere(network, 2));
  return { network, leader, others: [1, 2, 3].filter((id) => id !== leader.id) };
}

function appliedEverywhere(network: SimulatedNetwork, index: number): boolean {
  return [...network.nodes.values()].every((node) => node.appliedIndex >= index);
}

function commands(network: SimulatedNetwork): string[][] {
  return [...network.nodes.values()].map((node) => node.commands);
}

describe('elections', () => {
  test('I-RAFT-1: three nodes elect one leader, and all follow it', () => {
    for (let seed = 1; seed <= 50; seed += 1) {
      const { network, leader } = groupOfThree(seed);
      const statuses = [...network.nodes.values()].map((node) => node.core?.status());
      expect(statuses.map((status) => status?.leaderId)).toEqual([leader.id, leader.id, leader.id]);
      expect(statuses.filter((status) => status?.role === 'leader')).toHaveLength(1);
    }
  });

  test('a member that was cut off does not depose the leader when it returns', () => {
    const { network, leader, others } = groupOfThree();
    const term = leader.core?.term;
    network.isolate(others[0] ?? 0);
    network.advance(30_000);
    expect(network.node(others[0] ?? 0).core?.status().role).toBe('pre-candidate');
    network.heal();
    network.advance(5000);
    expect(network.leader?.id).toBe(leader.id);
    expect([...network.nodes.values()].map((node) => node.core?.term)).toEqual([term, term, term]);
  });

  test('a member that no longer hears the leader, but is heard by all, does not depose it', () => {
    const { network, leader, others } = groupOfThree();
    const term = leader.core?.term;
    network.cut(leader.id, others[0] ?? 0);
    network.advance(30_000);
    expect(network.leader?.id).toBe(leader.id);
    expect(leader.core?.term).toBe(term);
  });

  test('a leader that hears no majority steps down, and the others elect another', () => {
    const { network, leader } = groupOfThree();
    network.isolate(leader.id);
    network.runUntil('it steps down', () => !leader.isLeader, 2 * defaultTiming.electionMaxMs);
    expect(network.runUntilLed().id).not.toBe(leader.id);
    network.heal();
    network.runUntil('it follows', () => leader.core?.status().leaderId === network.leader?.id);
  });

  test('a leader that is heard but hears nobody steps down', () => {
    const { network, leader, others } = groupOfThree();
    for (const other of others) network.cut(other, leader.id);
    network.runUntil('it steps down', () => !leader.isLeader, 2 * defaultTiming.electionMaxMs);
    expect(network.runUntilLed().id).not.toBe(leader.id);
  });

  test('a member that returns with a higher term is followed, not ignored for ever', () => {
    const { network, leader, others } = groupOfThree();
    const [returning = 0] = others;
    network.isolate(returning);
    const from = leader.id;
    network.node(returning).act((core) => {
      core.step({ type: 'timeout_now', from, to: returning, term: core.term }, network.nowMs);
    });
    const term = network.node(returning).core?.term ?? 0;
    expect(term).toBeGreaterThan(leader.core?.term ?? 0);
    network.heal();
    network.runUntil('all agree', () => {
      const statuses = [...network.nodes.values()].map((node) => node.core?.status());
      return statuses.every(
        (status) => status?.leaderId === network.leader?.id && (status?.term ?? 0) >= term,
      );
    });
  });

  test('a voter that knows no configuration grants no vote', () => {
    const { network, leader } = groupOfThree();
    const sent: Message[] = [];
    network.addNode(4);
    network.filter = (message) => message.from !== 4 || sent.push(message) === 0;
    const from = leader.id;
    network.node(4).act((core) => {
      const vote = { type: 'vote', lastIndex: 99, lastTerm: 99, transfer: false } as const;
      core.step({ ...vote, from, to: 4, term: 99 }, network.nowMs);
    });
    expect(sent).toMatchObject([{ type: 'vote_reply', granted: false }]);
  });

  test('a group of one leads at once', () => {
    const network = new SimulatedNetwork({ seed: 1, voters: 1 });
    network.advance(100);
    expect(network.leader?.id).toBe(1);
    expect(network.propose(1, 'alone')).toMatchObject({ ok: true });
    expect(network.node(1).commands).toEqual(['alone']);
  });
});

describe('replication', () => {
  test('I-RAFT-2: entries that a cut-off leader could not commit give way to the committed ones', () => {
    const { network, leader, others } = groupOfThree();
    network.isolate(leader.id);
    for (let count = 0; count < 100; count += 1) network.propose(leader.id, `lost ${count}`);
    network.runUntil('another leads', () => others.includes(network.leader?.id ?? 0));
    const second = network.runUntilLed();
    for (let count = 0; count < 3; count += 1) network.propose(second.id, `kept ${count}`);
    network.advance(100);
    let rejections = 0;
    network.heal();
    network.filter = (message) => {
      if (message.type === 'append_rejected') rejections += 1;
      return true;
    };
    network.runUntil('all logs are one', () => appliedEverywhere(network, second.appliedIndex));
    const kept = ['kept 0', 'kept 1', 'kept 2'];
    expect(commands(network)).toEqual([kept, kept, kept]);
    expect(leader.core?.log.lastIndex).toBe(second.core?.log.lastIndex);
    // A whole conflicting term is skipped at a time.
    expect(rejections).toBeLessThanOrEqual(3);
    network.recorder.compareLogs();
  });

  test('I-RAFT-3: entries of an older term are not committed by counting (Raft paper, figure 8)', () => {
    const peers = [1, 2, 3, 4, 5].map((id) => ({ ...peerOf(id), role: 'voter' as const }));
    const entries: Entry[] = [
      { index: 1, term: 1, kind: 'configuration', peers },
      { index: 2, term: 2, kind: 'command', data: 'of term 2' },
    ];
    const persisted = { hardState: { term: 3, vote: 0, commit: 1 }, snapshot: null, entries };
    const core = new RaftCore({ id: 1, timing: defaultTiming, random: seededRandom(1), persisted, nowMs: 0 });
    const drain = (): void => {
      for (let ready = core.ready(99); ready; ready = core.ready(99)) core.persisted(ready);
    };
    const hear = (from: number, body: { type: 'append_reply'; matchIndex: number }): void => {
      core.step({ from, to: 1, term: core.term, ...body }, 0);
      drain();
    };
    core.step({ type: 'timeout_now', from: 2, to: 1, term: 3 }, 0);
    drain();
    for (const from of [2, 3]) core.step({ type: 'vote_reply', granted: true, from, to: 1, term: 4 }, 0);
    drain();
    expect(core.isLeader).toBe(true);
    for (const from of [2, 3, 4]) hear(from, { type: 'append_reply', matchIndex: 2 });
    expect(core.status().commitIndex).toBe(1);
    hear(2, { type: 'append_reply', matchIndex: 3 });
    expect(core.status().commitIndex).toBe(1);
    hear(3, { type: 'append_reply', matchIndex: 3 });
    expect(core.status().commitIndex).toBe(3);
  });

  test('a delayed append takes nothing back that was acknowledged since', () => {
    const { network, leader, others } = groupOfThree();
    const [follower = 0] = others;
    const appends: Message[] = [];
    network.filter = (message) => message.type !== 'append' || appends.push(message) > 0;
    for (const data of ['one', 'two', 'three']) network.propose(leader.id, data);
    network.runUntil('they are applied', () => appliedEverywhere(network, 5));
    for (const message of appends.filter(({ to }) => to === follower))
      network.node(follower).act((core) => core.step(message, network.nowMs));
    expect(network.node(follower).durable.lastIndex).toBe(5);
    expect(network.node(follower).commands).toEqual(['one', 'two', 'three']);
  });

  test('refuses proposals past the bound of uncommitted entries, and takes them again after a commit', () => {
    const { network, leader } = groupOfThree();
    network.filter = (message) => message.type !== 'append';
    for (let count = 0; count < uncommittedEntriesMax; count += 1)
      expect(network.propose(leader.id, 'x')).toMatchObject({ ok: true });
    expect(network.propose(leader.id, 'x')).toEqual({ ok: false, reason: 'queue_full' });
    network.filter = () => true;
    network.runUntil('they are committed', () => leader.appliedIndex >= uncommittedEntriesMax);
    expect(network.propose(leader.id, 'x')).toMatchObject({ ok: true });
  });

  test('refuses proposals past the bound of uncommitted bytes, but never one alone', () => {
    const { network, leader } = groupOfThree();
    const megabyte = 'x'.repeat(1024 * 1024);
    expect(network.propose(leader.id, megabyte.repeat(5))).toMatchObject({ ok: true });
    expect(network.propose(leader.id, 'small')).toEqual({ ok: false, reason: 'queue_full' });
    network.runUntil('it is committed', () => appliedEverywhere(network, 3));
    for (let count = 0; count < 3; count += 1)
      expect(network.propose(leader.id, megabyte)).toMatchObject({ ok: true });
    expect(network.propose(leader.id, megabyte)).toEqual({ ok: false, reason: 'queue_full' });
  });

  test('a follower takes no proposals', () => {
    const { network, others } = groupOfThree();
    expect(network.propose(others[0] ?? 0, 'x')).toEqual({ ok: false, reason: 'not_leader' });
  });
});

describe('reads', () => {
  test('a read is confirmed only by a round that began after it', () => {
    const { network, leader } = groupOfThree();
    const late: Message[] = [];
    network.filter = (message) => message.type !== 'heartbeat_reply' || late.push(message) === 0;
    network.advance(4 * defaultTiming.heartbeatMs);
    expect(late.length).toBeGreaterThan(0);
    network.filter = (message) => message.type !== 'heartbeat';
    leader.act((core) => core.requestRead(7, network.nowMs));
    for (const message of late) leader.act((core) => core.step(message, network.nowMs));
    expect(leader.reads).toEqual([]);
    network.filter = () => true;
    network.runUntil('it is confirmed', () => leader.reads.length > 0);
    expect(leader.reads).toEqual([{ id: 7, index: leader.core?.status().commitIndex }]);
  });

  test('a read that waits when leadership is lost fails', () => {
    const { network, leader } = groupOfThree();
    network.isolate(leader.id);
    leader.act((core) => core.requestRead(7, network.nowMs));
    network.runUntil('it steps down', () => !leader.isLeader);
    expect(leader.reads).toEqual([]);
    expect(leader.failedReads).toEqual([7]);
  });

  test('a read on a follower fails at once', () => {
    const { network, others } = groupOfThree();
    const follower = network.node(others[0] ?? 0);
    follower.act((core) => core.requestRead(7, network.nowMs));
    expect(follower.failedReads).toEqual([7]);
  });

  test('a new leader serves no read before it has committed an entry of its term', () => {
    const network = new SimulatedNetwork({ seed: 1, voters: 3 });
    network.filter = (message) => message.type !== 'append_reply';
    network.runUntil('somebody leads', () => network.leader !== null);
    const leader = network.leader ?? network.node(1);
    leader.act((core) => core.requestRead(7, network.nowMs));
    network.advance(5 * defaultTiming.heartbeatMs);
    expect(leader.isLeader).toBe(true);
    expect(leader.reads).toEqual([]);
    network.filter = () => true;
    network.runUntil('it is confirmed', () => leader.reads.length > 0);
    expect(leader.reads).toEqual([{ id: 7, index: 2 }]);
  });

  test('the queue of reads is bounded', () => {
    const { network, leader } = groupOfThree();
    network.isolate(leader.id);
    for (let id = 1; id <= waitingReadsMax + 1; id += 1)
      leader.act((core) => core.requestRead(id, network.nowMs));
    expect(leader.failedReads).toEqual([waitingReadsMax + 1]);
  });
});

describe('handing over', () => {
  test('leadership is transferred without waiting for an election timeout', () => {
    const { network, leader, others } = groupOfThree();
    const [target = 0] = others;
    expect(leader.act((core) => core.transferTo(target, network.nowMs))).toBeNull();
    expect(network.propose(leader.id, 'too late')).toEqual({ ok: false, reason: 'not_leader' });
    network.runUntil(
      'the target leads',
      () => network.node(target).isLeader,
      defaultTiming.electionMinMs / 2,
    );
    expect(leader.isLeader).toBe(false);
  });

  test('a transfer waits until the target holds the whole log', () => {
    const { network, leader, others } = groupOfThree();
    const [target = 0] = others;
    network.filter = (message) => message.to !== target || message.type !== 'append';
    network.propose(leader.id, 'not yet there');
    network.advance(50);
    leader.act((core) => core.transferTo(target, network.nowMs));
    network.advance(50);
    expect(leader.isLeader).toBe(true);
    network.filter = () => true;
    network.runUntil('the target leads', () => network.node(target).isLeader, defaultTiming.electionMaxMs);
    expect(network.node(target).commands).toEqual(['not yet there']);
  });

  test('a transfer that does not succeed in time is given up', () => {
    const { network, leader, others } = groupOfThree();
    network.isolate(others[0] ?? 0);
    leader.act((core) => core.transferTo(others[0] ?? 0, network.nowMs));
    network.advance(2 * defaultTiming.electionMaxMs);
    expect(leader.isLeader).toBe(true);
    expect(network.propose(leader.id, 'again')).toMatchObject({ ok: true });
  });

  test('nobody hands over to an unknown member, and a follower not at all', () => {
    const { network, leader, others } = groupOfThree();
    expect(leader.act((core) => core.transferTo(9, network.nowMs))).toBe('not_a_voter');
    expect(leader.act((core) => core.transferTo(leader.id, network.nowMs))).toBeNull();
    const follower = network.node(others[0] ?? 0);
    expect(follower.act((core) => core.transferTo(leader.id, network.nowMs))).toBe('not_leader');
  });

  test('a leader that becomes unfit hands over, and does not come back until it is fit', () => {
    const { network, leader, others } = groupOfThree();
    leader.act((core) => core.setMayLead(false, network.nowMs));
    network.runUntil('another leads', () => others.includes(network.leader?.id ?? 0), 400);
    for (const other of others) network.crash(other);
    network.advance(10_000);
    expect(leader.core?.status().role).toBe('follower');
    for (const other of others) network.restart(other);
    expect(network.runUntilLed().id).not.toBe(leader.id);
    leader.act((core) => core.setMayLead(true, network.nowMs));
    network.leader?.act((core) => core.transferTo(leader.id, network.nowMs));
    network.runUntilLed(leader.id);
  });

  test('an unfit leader that nobody can replace steps down', () => {
    const { network, leader } = groupOfThree();
    network.isolate(leader.id);
    network.advance(defaultTiming.electionMinMs + 100);
    expect(leader.isLeader).toBe(true);
    leader.act((core) => core.setMayLead(false, network.nowMs));
    expect(leader.isLeader).toBe(false);
  });
});
