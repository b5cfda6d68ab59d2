import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CancelledWaits } from './cancelled-waits.ts';

const line = 'WARNING:  01000: canceling wait for synchronous replication due to user request\n';
let directory: string;
let file: string;
let waits: CancelledWaits;

beforeEach(async () => {
  directory = await mkdtemp(join(process.env.QUANTADB_TEST_DIR ?? tmpdir(), 'waits-'));
  file = join(directory, 'log');
  waits = new CancelledWaits(file);
});

afterEach(() => rm(directory, { recursive: true, force: true }));

async function after(text: string): Promise<number> {
  await appendFile(file, text);
  await waits.look();
  return waits.count;
}

test('a wait that a client gave up is counted once, and what was there before is not', async () => {
  await waits.look();
  expect(await after(line)).toBe(0);
  expect(await after('LOG:  something else\n')).toBe(0);
  expect(await after(`${line}${line}`)).toBe(2);
  expect(await after('')).toBe(2);
});

test('a line that is read in two pieces, wherever it is cut, counts once', async () => {
  await after('begin\n');
  for (let cut = 1; cut < line.length; cut += 1) {
    const before = waits.count;
    await after(line.slice(0, cut));
    expect(await after(line.slice(cut)), `cut at ${cut}`).toBe(before + 1);
  }
});

test('a log that begins anew is read from its beginning', async () => {
  await after(
    'a long first line that is longer than what comes next, so that the file has become smaller\n'.repeat(3),
  );
  await writeFile(file, line);
  await waits.look();
  expect(waits.count).toBe(1);
});
