import { expect, it } from 'vitest';
import type { Clock } from '../shared/clock.ts';
import type { StateDirectory } from '../shared/state-directory.ts';
import { ConfirmedWal } from './confirmed-wal.ts';

const ignore = () => undefined;
const logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };

function host() {
  const content = new Map<string, string>();
  const files: StateDirectory = {
    path: '/state',
    read: async (name) => content.get(name) ?? null,
    write: async (name, text) => void content.set(name, text),
    overwrite: async (name, text) => void content.set(name, text),
    remove: async (name) => void content.delete(name),
  };
  const time = { nowMs: 0 };
  const clock = { monotonicMs: () => time.nowMs } as Clock;
  const open = async () => {
    const confirmed = new ConfirmedWal({ files, logger, clock });
    await confirmed.load();
    return confirmed;
  };
  return { open, content, time };
}

it('remembers the newest confirmed position across a crash of the daemon, and writes it once a second at most', async () => {
  const { open, time } = host();
  const confirmed = await open();
  confirmed.note('c1', { timeline: 2, lsn: '0/900' });
  confirmed.note('c1', { timeline: 2, lsn: '0/A00' });
  expect(confirmed.upTo('c1')).toEqual({ timeline: 2, lsn: '0/A00' });
  expect((await open()).upTo('c1')).toEqual({ timeline: 2, lsn: '0/900' });
  time.nowMs = 1000;
  confirmed.note('c1', { timeline: 2, lsn: '0/B00' });
  expect((await open()).upTo('c1')).toEqual({ timeline: 2, lsn: '0/B00' });
});

it('never goes back on a timeline, starts anew on another, and says nothing of another cluster', async () => {
  const { open } = host();
  const confirmed = await open();
  confirmed.note('c1', { timeline: 2, lsn: '0/A00' });
  confirmed.note('c1', { timeline: 2, lsn: '0/900' });
  expect(confirmed.upTo('c1')?.lsn).toBe('0/A00');
  confirmed.note('c1', { timeline: 3, lsn: '0/800' });
  expect(confirmed.upTo('c1')).toEqual({ timeline: 3, lsn: '0/800' });
  expect(confirmed.upTo('c2')).toBeNull();
});

it('takes a damaged file for none', async () => {
  const { open, content } = host();
  content.set('confirmed-wal.json', '{"version":1,"clusterId":');
  expect((await open()).upTo('c1')).toBeNull();
});
