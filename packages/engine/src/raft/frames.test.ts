import { expect, test } from 'vitest';
import { encodeFrame, FrameReader, frameBytesMax } from './frames.ts';

const heartbeat = {
  kind: 'raft' as const,
  message: { type: 'heartbeat' as const, from: 1, to: 2, term: 3, commit: 4, round: 5 },
};

test('frames come out whole, however the stream cuts them', () => {
  const stream = Buffer.concat([encodeFrame(heartbeat), encodeFrame({ kind: 'ping', sequence: 9 })]);
  for (let size = 1; size <= stream.length; size += 1) {
    const reader = new FrameReader();
    const frames = [];
    for (let at = 0; at < stream.length; at += size)
      frames.push(...reader.push(stream.subarray(at, at + size)));
    expect(frames).toEqual([heartbeat, { kind: 'ping', sequence: 9 }]);
  }
});

test('a frame of another version is refused with the next step', () => {
  const frame = encodeFrame(heartbeat);
  frame[4] = 2;
  expect(() => new FrameReader().push(frame)).toThrow(/version 2/);
});

test('a length beyond the bound is refused before anything is kept', () => {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(frameBytesMax + 1);
  expect(() => new FrameReader().push(header)).toThrow(/bytes/);
});

test('what is no frame of ours is refused', () => {
  const strange = encodeFrame({ kind: 'ping', sequence: -1 });
  expect(() => new FrameReader().push(strange)).toThrow(/not a frame/);
  const garbage = Buffer.concat([Buffer.from([0, 0, 0, 3, 1]), Buffer.from('{x')]);
  expect(() => new FrameReader().push(garbage)).toThrow(/no JSON/);
});
