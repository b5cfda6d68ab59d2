import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { message } from './build.ts';
import { backend, frontend } from './codes.ts';
import { MessageCursor } from './cursor.ts';
import { backendRules, frontendRules, type MessageRules } from './limits.ts';

interface Seen {
  type: number;
  bytes: Buffer;
}

/** Feeds the chunks and puts the pieces of each message together again. */
function walk(rules: MessageRules, chunks: Buffer[], collectBytesMax = 0) {
  const cursor = new MessageCursor(rules);
  cursor.collectBytesMax = collectBytesMax;
  const seen: Seen[] = [];
  let pieces = 0;
  for (const chunk of chunks) {
    // As in production, where a chunk's memory is read into again.
    const memory = Buffer.from(chunk);
    cursor.load(memory, 0, memory.length);
    while (cursor.next()) {
      pieces++;
      const bytes = Buffer.from(cursor.buffer.subarray(cursor.start, cursor.end));
      if (cursor.isFirst) seen.push({ type: cursor.type, bytes });
      else {
        const last = seen.at(-1);
        if (last) last.bytes = Buffer.concat([last.bytes, bytes]);
      }
    }
    memory.fill(0xee);
  }
  return { cursor, seen, pieces };
}

function cut(bytes: Buffer, offsets: readonly number[]): Buffer[] {
  const stops = [...new Set(offsets.map((offset) => offset % (bytes.length + 1)))].sort((a, b) => a - b);
  return [...stops, bytes.length].map((stop, index) =>
    bytes.subarray(index === 0 ? 0 : stops[index - 1], stop),
  );
}

const someMessages = [
  message(frontend.parse, Buffer.from('one\0SELECT $1::text\0\0\0')),
  message(frontend.bind, Buffer.concat([Buffer.from('\0one\0'), Buffer.alloc(40, 7)])),
  message(frontend.describe, Buffer.from('P\0')),
  message(frontend.execute, Buffer.from('\0\0\0\0\0')),
  message(frontend.sync, Buffer.alloc(0)),
  message(frontend.query, Buffer.from('SELECT 1\0')),
  message(frontend.copyData, Buffer.alloc(30, 65)),
  message(frontend.bind, Buffer.concat([Buffer.from('portal\0two\0'), Buffer.alloc(100_000, 1)])),
];

/** Comparing byte by byte is what takes a test runner minutes. */
function expectSame(seen: Seen[], expected: Buffer[]): void {
  expect(seen).toHaveLength(expected.length);
  expect(seen.every((each, index) => expected[index]?.equals(each.bytes))).toBe(true);
}

describe('message cursor', () => {
  it('finds the same messages wherever one cut is made', () => {
    const stream = Buffer.concat(someMessages);
    const offsets = [...Array(400).keys(), ...Array.from({ length: 100 }, (_, i) => stream.length - i)];
    for (const offset of offsets) {
      const { seen } = walk(frontendRules, cut(stream, [offset]));
      expectSame(seen, someMessages);
    }
  });

  it('finds the same messages when every byte comes alone', () => {
    const stream = Buffer.concat(someMessages.slice(0, -1));
    const { seen } = walk(
      frontendRules,
      [...stream.keys()].map((i) => stream.subarray(i, i + 1)),
    );
    expectSame(seen, someMessages.slice(0, -1));
  });

  it('does not copy what is whole in a chunk', () => {
    const chunk = Buffer.concat(someMessages.slice(0, 6));
    const cursor = new MessageCursor(frontendRules);
    cursor.load(chunk, 0, chunk.length);
    while (cursor.next()) expect(cursor.buffer).toBe(chunk);
    expect(cursor.unreadBytes).toBe(0);
  });

  it('hands a long Bind over in pieces whose first holds the names', () => {
    const bind = someMessages.at(-1) ?? Buffer.alloc(0);
    const chunks = [...Array(Math.ceil(bind.length / 1000)).keys()].map((i) =>
      bind.subarray(i * 1000, (i + 1) * 1000),
    );
    const { seen, pieces } = walk(frontendRules, chunks);
    expect(seen).toHaveLength(1);
    expect(seen[0]?.bytes.equals(bind)).toBe(true);
    expect(pieces).toBeGreaterThan(90);
  });

  it('collects rows for a reader who wants them whole', () => {
    const row = message(backend.dataRow, Buffer.alloc(500, 3));
    expect(walk(backendRules, cut(row, [100, 200]), 4096).pieces).toBe(1);
    expect(walk(backendRules, cut(row, [100, 200])).pieces).toBe(3);
  });

  it('takes back a message that cannot be forwarded yet, with all that follows', () => {
    const stream = Buffer.concat(someMessages);
    for (const offset of [3, 40, 100, stream.length - 50_000]) {
      const cursor = new MessageCursor(frontendRules);
      cursor.load(stream, 0, offset);
      const isThere = cursor.next();
      const kept = isThere ? cursor.takeBack() : Buffer.alloc(0);
      if (isThere) {
        const { seen } = walk(frontendRules, [kept, stream.subarray(offset)]);
        expectSame(seen, someMessages);
      }
    }
  });

  it('gives the beginning of a message away for something else to come before it', () => {
    const stream = Buffer.concat(someMessages);
    const other = message(frontend.query, Buffer.from('SELECT 1\0'));
    for (let offset = 1; offset < 300; offset++) {
      const cursor = new MessageCursor(frontendRules);
      cursor.load(stream, 0, offset);
      let seen = 0;
      while (cursor.next()) seen++;
      if (cursor.isInside) continue;
      const begun = cursor.takeCollected();
      cursor.load(other, 0, other.length);
      expect(cursor.next() && cursor.isFirst && cursor.end - cursor.start).toBe(other.length);
      const rest = Buffer.concat([begun, stream.subarray(offset)]);
      expectSame(walk(frontendRules, [rest]).seen, someMessages.slice(seen));
    }
  });

  it('refuses what is no message, a length that cannot be, and one that is too long', () => {
    const strange = [
      [Buffer.from([0, 0, 0, 0, 4]), 'unknown_type'],
      [Buffer.from([frontend.query, 0, 0, 0, 3]), 'bad_length'],
      [Buffer.from([frontend.query, 0xff, 0xff, 0xff, 0xff]), 'bad_length'],
      [Buffer.from([frontend.sync, 0, 0, 0, 9]), 'too_long'],
      [Buffer.from([frontend.parse, 0x3f, 0, 0, 0]), 'too_long'],
    ] as const;
    for (const [bytes, reason] of strange) {
      for (const chunks of [[bytes], cut(bytes, [2]), cut(bytes, [4])]) {
        const { cursor, seen } = walk(frontendRules, [...chunks, Buffer.alloc(50, 0x53)]);
        expect(cursor.violation?.reason).toBe(reason);
        expect(seen).toHaveLength(0);
      }
    }
  });

  it('keeps little memory for a message that is only announced', () => {
    const announced = Buffer.from([frontend.parse, 0x00, 0xff, 0xff, 0x00, 0x41]);
    const before = process.memoryUsage().arrayBuffers;
    const cursors = Array.from({ length: 100 }, () => walk(frontendRules, [announced]).cursor);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2_000_000);
    expect(cursors.every((cursor) => cursor.unreadBytes === 6)).toBe(true);
  });

  it('survives any bytes in any cuts: what it hands over is what came, in order', () => {
    const anyMessage = fc
      .tuple(fc.constantFrom(...Object.values(frontend)), fc.uint8Array({ maxLength: 300 }))
      .map(([type, body]) => message(type, Buffer.from(body)));
    const anyBytes = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
    const streams = fc.array(fc.oneof({ weight: 9, arbitrary: anyMessage }, anyBytes), { maxLength: 12 });
    fc.assert(
      fc.property(streams, fc.array(fc.nat(5000), { maxLength: 8 }), (parts, offsets) => {
        const stream = Buffer.concat(parts);
        const { seen, cursor } = walk(frontendRules, cut(stream, offsets));
        const whole = Buffer.concat(seen.map((each) => each.bytes));
        expect(whole.equals(stream.subarray(0, whole.length))).toBe(true);
        const single = walk(frontendRules, [stream]);
        expectSame(
          seen,
          single.seen.map((each) => each.bytes),
        );
        expect(cursor.violation).toEqual(single.cursor.violation);
      }),
      { numRuns: 2000 },
    );
  });
});
