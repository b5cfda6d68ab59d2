import { expect, it } from 'vitest';
import { readBatch } from './batch.ts';
import { bind, close, execute, message, parse, query, sync } from './build.ts';
import { frontend } from './codes.ts';

const describePortal = message(frontend.describe, Buffer.from('P\0'));
const describeStatement = (name: string) => message(frontend.describe, Buffer.from(`S${name}\0`));
const read = (...messages: Buffer[]) => {
  const bytes = Buffer.concat(messages);
  return readBatch(bytes, 0, bytes.length);
};

it('a batch of one statement is found, whoever wrote it', () => {
  const lists = [
    [parse('', 'SELECT $1'), bind('', '', ['x']), describePortal, execute(''), sync],
    [parse('s', 'SELECT 1'), bind('', 's', []), execute(''), sync],
    [bind('', 's', ['x']), describePortal, execute(''), sync],
    [parse('s', 'SELECT 1'), bind('', 's', []), describeStatement('s'), execute(''), sync],
  ];
  for (const list of lists) {
    const bytes = Buffer.concat(list);
    const behind = Buffer.concat([bytes, query('SELECT 2')]);
    expect(readBatch(behind, 0, behind.length)?.sync.end).toBe(bytes.length);
    for (let cut = 0; cut < bytes.length; cut++) expect(readBatch(bytes, 0, cut), `cut at ${cut}`).toBeNull();
  }
  const found = read(parse('s', 'SELECT 1'), bind('', 's', []), execute(''), sync);
  const bytes = parse('s', 'SELECT 1');
  expect(bytes.subarray(found?.parse?.body.start, found?.parse?.body.end).toString()).toMatch(/^SELECT 1\0/);
});

it('anything more than that is none', () => {
  const portal = message(frontend.execute, Buffer.from('\0\0\0\0\x02'));
  const flush = message(frontend.flush, Buffer.alloc(0));
  const others = [
    [query('SELECT 1')],
    [parse('s', 'SELECT 1'), describeStatement('s'), sync],
    [parse('s', 'SELECT 1'), bind('', 't', []), execute(''), sync],
    [bind('', 's', []), execute(''), bind('', 's', []), execute(''), sync],
    [bind('p', 's', []), execute('p'), sync],
    [bind('', 's', []), portal, sync],
    [bind('', 's', []), execute(''), flush, sync],
    [bind('', 's', []), describeStatement('t'), execute(''), sync],
    [bind('', 's', []), execute(''), close('S', 's'), sync],
    [bind('', 's', []), sync],
    [sync],
  ];
  for (const list of others) expect(read(...list)).toBeNull();
});
