import { expect, test } from 'vitest';
import { seededRandom } from '../shared/random.ts';
import { RaftCore } from './core.ts';
import { peerOf } from './testing/network.ts';
import type { Entry, MessageBody, RaftPeer, Snapshot } from './types.ts';
import { defaultTiming } from './types.ts';

const peers = [1, 2, 3].map((id): RaftPeer => ({ ...peerOf(id), role: 'voter' }));

/** Node 1 of three, in term 3, with one committed entry and these after it. */
function followerWith(...later: Entry[]): RaftCore {
  const entries: Entry[] = [{ index: 1, term: 1, kind: 'configuration', peers }, ...later];
  const persisted = { hardState: { term: 3, vote: 0, commit: 1 }, snapshot: null, entries };
  return new RaftCore({ id: 1, timing: defaultTiming, random: seededRandom(1), persisted, nowMs: 0 });
}

function command(index: number, term: number): Entry {
  return { index, term, kind: 'command', data: `${index} of term ${term}` };
}

function whole(snapshot: Snapshot): MessageBody {
  return { type: 'snapshot', chunk: { ...snapshot, offset: 0, size: snapshot.data.length } };
}

/** Node 2 leads term 3 and sends this. */
function hear(core: RaftCore, body: MessageBody): void {
  core.step({ ...body, from: 2, to: 1, term: 3 }, 0);
}

test('I-RAFT-4: a follower commits no further than an append has shown its log to match', () => {
  const shared = command(2, 1);
  const core = followerWith(shared, command(3, 2));
  // A leader sends only so many bytes at once: here its own third entry did not fit.
  hear(core, { type: 'append', prevIndex: 1, prevTerm: 1, entries: [shared], commit: 3 });
  expect(core.status().commitIndex).toBe(2);
});

test('I-RAFT-3: a late snapshot takes back no entry after it that was acknowledged', () => {
  const core = followerWith(command(2, 3), command(3, 3), command(4, 3), command(5, 3));
  const snapshot: Snapshot = { index: 3, term: 3, configuration: peers, data: '' };
  hear(core, whole(snapshot));
  expect(core.status()).toMatchObject({ commitIndex: 3, lastIndex: 5 });
});

test('a snapshot takes the place of a log that contradicts it', () => {
  const core = followerWith(command(2, 2), command(3, 2), command(4, 2));
  const snapshot: Snapshot = { index: 3, term: 3, configuration: peers, data: '' };
  hear(core, whole(snapshot));
  expect(core.status()).toMatchObject({ commitIndex: 3, lastIndex: 3 });
});

test('I-RAFT-4: a snapshot of the past changes nothing', () => {
  const core = followerWith(command(2, 3), command(3, 3));
  hear(core, { type: 'append', prevIndex: 3, prevTerm: 3, entries: [], commit: 3 });
  hear(core, whole({ index: 2, term: 3, configuration: peers, data: '' }));
  expect(core.status()).toMatchObject({ commitIndex: 3, lastIndex: 3 });
});

test('what it had applied before a start is applied again with the log of then, whatever the hint says', () => {
  const core = followerWith(command(2, 3), command(3, 3));
  expect(core.status()).toMatchObject({ commitIndex: 1, replayTo: 3 });
  hear(core, { type: 'append', prevIndex: 3, prevTerm: 3, entries: [command(4, 3)], commit: 4 });
  expect(core.status()).toMatchObject({ commitIndex: 4, replayTo: 3 });
});

test('what a leader overwrites in the log of before a start was never applied', () => {
  const core = followerWith(command(2, 1), command(3, 2), command(4, 2));
  hear(core, { type: 'append', prevIndex: 2, prevTerm: 1, entries: [command(3, 3)], commit: 3 });
  expect(core.status()).toMatchObject({ commitIndex: 3, replayTo: 2 });
  const other = followerWith(command(2, 2), command(3, 2), command(4, 2));
  hear(other, whole({ index: 3, term: 3, configuration: peers, data: '' }));
  expect(other.status().replayTo).toBe(3);
});
