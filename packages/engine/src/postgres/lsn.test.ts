import fc from 'fast-check';
import { expect, test } from 'vitest';
import { lsnSchema } from '../contract/cluster-state.ts';
import {
  compareLsn,
  endOfRecord,
  formatLsn,
  lsnDistanceBytes,
  normaliseLsn,
  parseLsn,
  parseWalFileName,
  walFileName,
} from './lsn.ts';

const anyLsn = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const segmentBytes = 16 * 1024 * 1024;

test('every position survives being written and read', () => {
  fc.assert(
    fc.property(anyLsn, (lsn) => {
      const text = formatLsn(lsn);
      expect(lsnSchema.safeParse(text).success).toBe(true);
      expect(parseLsn(text)).toBe(lsn);
    }),
  );
});

test('positions are ordered as numbers, not as text', () => {
  fc.assert(
    fc.property(anyLsn, anyLsn, (left, right) => {
      expect(Math.sign(compareLsn(formatLsn(left), formatLsn(right)))).toBe(
        left < right ? -1 : left > right ? 1 : 0,
      );
    }),
  );
  expect(compareLsn('9/0', '10/0')).toBeLessThan(0);
  expect(lsnDistanceBytes('1/0', '0/FFFFFFFF')).toBe(1);
});

test('leading zeros and lower case are the same position', () => {
  expect(normaliseLsn('0/03000028')).toBe('0/3000028');
  expect(normaliseLsn('a/ff')).toBe('A/FF');
});

test('what is no position is refused', () => {
  for (const text of ['', '0', '0/', '/0', '0/123456789', '0/x', '0/1 ', '-1/0']) {
    expect(() => parseLsn(text)).toThrow(RangeError);
  }
  expect(() => formatLsn(-1n)).toThrow(RangeError);
  expect(() => formatLsn(1n << 64n)).toThrow(RangeError);
});

test('a segment file is named as PostgreSQL names it, for every segment size', () => {
  expect(walFileName(1, parseLsn('0/3000028'), segmentBytes)).toBe('000000010000000000000003');
  expect(walFileName(10, parseLsn('2/FF000000'), segmentBytes)).toBe('0000000A00000002000000FF');
  const sizes = fc.constantFrom(...Array.from({ length: 11 }, (_, power) => 1024 * 1024 * 2 ** power));
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 0xffff }), anyLsn, sizes, (timeline, lsn, size) => {
      const parsed = parseWalFileName(walFileName(timeline, lsn, size), size);
      expect(parsed).toEqual({ timeline, startLsn: lsn - (lsn % BigInt(size)) });
    }),
  );
  expect(parseWalFileName('00000002.history', segmentBytes)).toBeNull();
  expect(parseWalFileName('000000010000000000000003.partial', segmentBytes)).toBeNull();
});

test('a record that fits its page ends at the next multiple of eight', () => {
  expect(endOfRecord({ startLsn: 0x1741fe8n, totalBytes: 82, isSwitch: false }, segmentBytes)).toBe(
    0x1742040n + 24n,
  );
  expect(endOfRecord({ startLsn: 0x1742058n, totalBytes: 114, isSwitch: false }, segmentBytes)).toBe(
    0x17420d0n,
  );
});

test('a record that exactly fills its page ends where the page ends', () => {
  expect(endOfRecord({ startLsn: 0x2000fc0n + 0x1000n, totalBytes: 64, isSwitch: false }, segmentBytes)).toBe(
    0x2002000n,
  );
});

test('a switch record ends its segment', () => {
  expect(endOfRecord({ startLsn: 0x3000110n, totalBytes: 24, isSwitch: true }, segmentBytes)).toBe(
    0x4000000n,
  );
});

test('the bytes of a record and the page headers in between add up', () => {
  const starts = fc.bigInt({ min: 0x1000000n, max: 0x4000000n }).map((lsn) => lsn - (lsn % 8n));
  fc.assert(
    fc.property(starts, fc.integer({ min: 24, max: 40 * 1024 * 1024 }), (startLsn, totalBytes) => {
      fc.pre(startLsn % 8192n >= 40n);
      const end = endOfRecord({ startLsn, totalBytes, isSwitch: false }, segmentBytes);
      let room = 0n;
      for (let page = startLsn - (startLsn % 8192n); page < end; page += 8192n) {
        const header = page % BigInt(segmentBytes) === 0n ? 40n : 24n;
        const from = page + header > startLsn ? page + header : startLsn;
        const to = page + 8192n < end ? page + 8192n : end;
        room += to - from;
      }
      expect(room).toBe(BigInt(Math.ceil(totalBytes / 8) * 8));
    }),
    { numRuns: 50 },
  );
});
