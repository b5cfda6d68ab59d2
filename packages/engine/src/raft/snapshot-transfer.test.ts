import { describe, expect, test } from 'vitest';
import { seededRandom } from '../shared/random.ts';
import { RaftCore } from './core.ts';
import { peerOf } from './testing/network.ts';
import type { Message, RaftPeer, Snapshot } from './types.ts';
import { defaultTiming } from './types.ts';

const peers = [1, 2, 3].map((id): RaftPeer => ({ ...peerOf(id), role: 'voter' }));
const snapshot: Snapshot = { index: 9, term: 2, configuration: peers, data: 'abcdefghij 🐘' };
const chunkLength = 4;
const nowMs = 2 * defaultTiming.electionMaxMs;
const chunks = Math.ceil(snapshot.data.length / chunkLength);

function follower(): RaftCore {
  const persisted = {
    hardState: { term: 2, vote: 0, commit: 1 },
    snapshot: null,
    entries: [{ index: 1, term: 1, kind: 'configuration' as const, peers }],
  };
  return new RaftCore({ id: 1, timing: defaultTiming, random: seededRandom(1), persisted, nowMs: 0 });
}

/** Node 2, which has forgotten everything before index 9, elected with the vote of node 3. */
function leader(): RaftCore {
  const persisted = { hardState: { term: 2, vote: 0, commit: 9 }, snapshot, entries: [] };
  const random = seededRandom(2);
  const core = new RaftCore({
    ...{ id: 2, timing: defaultTiming, random, persisted, nowMs: 0 },
    snapshotChunkLength: chunkLength,
  });
  for (let atMs = 0; atMs <= nowMs && core.status().role === 'follower'; atMs += 50) core.tick(atMs);
  core.step({ type: 'pre_vote_reply', granted: true, from: 3, to: 2, term: 3 }, nowMs);
  core.step({ type: 'vote_reply', granted: true, from: 3, to: 2, term: 3 }, nowMs);
  expect(core.isLeader).toBe(true);
  return core;
}

/** What leaves the core, after everything that must be durable is. */
function sent(core: RaftCore): Message[] {
  const messages: Message[] = [];
  for (;;) {
    const ready = core.ready(Number.MAX_SAFE_INTEGER);
    if (!ready) return messages;
    messages.push(...ready.early, ...ready.messages);
    core.persisted(ready);
  }
}

/** Carries messages between the two until nothing is left, except those that `lose` picks. */
function talk(from: RaftCore, to: RaftCore, lose: (message: Message) => boolean = () => false): Message[] {
  const all: Message[] = [];
  for (;;) {
    const down = sent(from).filter((message) => message.to === 1);
    const up = sent(to).filter((message) => message.to === 2);
    if (down.length + up.length === 0) return all;
    all.push(...down, ...up);
    for (const message of down) if (!lose(message)) to.step(message, nowMs);
    for (const message of up) if (!lose(message)) from.step(message, nowMs);
  }
}

const isChunk = (message: Message) => message.type === 'snapshot';

describe('a snapshot is sent in parts (I-RAFT-4)', () => {
  test('one part at a time, and arrives whole', () => {
    const [source, target] = [leader(), follower()];
    const parts = talk(source, target).filter(isChunk);
    expect(parts).toHaveLength(chunks);
    expect(target.log.snapshot).toEqual(snapshot);
    expect(target.status().commitIndex).toBe(source.status().commitIndex);
  });

  test('a part that is lost is sent again, with the next heartbeat that is answered late enough', () => {
    const [source, target] = [leader(), follower()];
    let seen = 0;
    talk(source, target, (message) => isChunk(message) && ++seen === 2);
    expect(target.log.snapshot).toBeNull();
    source.step({ type: 'heartbeat_reply', round: 0, from: 1, to: 2, term: 3 }, nowMs);
    expect(sent(source).filter(isChunk)).toEqual([]);
    const laterMs = nowMs + defaultTiming.electionMaxMs + 1;
    source.step({ type: 'heartbeat_reply', round: 0, from: 1, to: 2, term: 3 }, laterMs);
    talk(source, target);
    expect(target.log.snapshot).toEqual(snapshot);
  });

  test('a follower that restarts begins again', () => {
    const [source, before] = [leader(), follower()];
    let seen = 0;
    talk(source, before, (message) => isChunk(message) && ++seen === 3);
    const after = follower();
    source.step(
      { type: 'heartbeat_reply', round: 0, from: 1, to: 2, term: 3 },
      nowMs + defaultTiming.electionMaxMs + 1,
    );
    const offsets = talk(source, after).map((message) =>
      message.type === 'snapshot' ? message.chunk.offset : -1,
    );
    expect(offsets).toContain(0);
    expect(after.log.snapshot).toEqual(snapshot);
  });

  test('parts of two leaders are never put together', () => {
    const target = follower();
    const part = (term: number, offset: number, data: string): Message => ({
      ...{ type: 'snapshot', from: term, to: 1, term },
      chunk: { index: 9, term: 2, configuration: peers, data, offset, size: 8 },
    });
    target.step(part(2, 0, 'AAAA'), nowMs);
    target.step(part(3, 4, 'BBBB'), nowMs);
    expect(target.log.pendingSnapshot).toBeNull();
    target.step(part(3, 0, 'bbbb'), nowMs);
    target.step(part(3, 4, 'BBBB'), nowMs);
    expect(target.log.pendingSnapshot?.data).toBe('bbbbBBBB');
  });

  test('parts that come twice or in disorder change nothing', () => {
    const target = follower();
    const part = (offset: number): Message => ({
      ...{ type: 'snapshot', from: 2, to: 1, term: 2 },
      chunk: {
        ...snapshot,
        data: snapshot.data.slice(offset, offset + 4),
        offset,
        size: snapshot.data.length,
      },
    });
    for (const offset of [0, 8, 0, 4, 4, 0, 12, 8]) target.step(part(offset), nowMs);
    expect(target.log.pendingSnapshot).toBeNull();
    target.step(part(12), nowMs);
    expect(target.log.pendingSnapshot).toEqual(snapshot);
  });
});
