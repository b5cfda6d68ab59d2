import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { LogQuestion } from '../contract/logs.ts';
import { silentLogger } from '../shared/logger.ts';
import { LogKeeper, olderFiles } from './log-keeper.ts';
import { readLog } from './log-reader.ts';

let directory: string;
let file: string;

beforeEach(async () => {
  directory = await mkdtemp(join(process.env.QUANTADB_TEST_DIR ?? '/tmp', 'qlog-'));
  file = join(directory, 'postgres.log');
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

const firstMs = Date.UTC(2026, 10, 28, 12);
const stampOf = (at: number) =>
  new Date(firstMs + at * 1000).toISOString().replace('T', ' ').replace('Z', ' UTC');
const lineOf = (at: number, text: string) => `${stampOf(at)} [1] LOG:  ${text}\n`;
const all: LogQuestion = { source: 'postgres', search: '', atLeast: 'debug', untilMs: null, limit: 5 };
const textsOf = async (question: Partial<LogQuestion>) =>
  (await readLog(file, { ...all, ...question })).entries.map(({ text }) => text);

/** About 4 MB: many of the reader's chunks, so that entries lie across their borders. */
async function writeMany(): Promise<void> {
  const filler = 'ü'.repeat(180);
  const entries = Array.from({ length: 10_000 }, (_, at) =>
    lineOf(at, `entry ${at} ${filler}\n\tsecond line of ${at}`),
  );
  await writeFile(file, entries.join(''));
}

test('the newest come first, whole, wherever the file was cut', async () => {
  await writeMany();
  const { entries } = await readLog(file, { ...all, limit: 500, search: 'second line' });
  expect(entries).toHaveLength(500);
  entries.forEach((entry, index) => {
    const at = 9999 - index;
    expect(entry.atMs).toBe(firstMs + at * 1000);
    expect(entry.text).toMatch(new RegExp(`^LOG:  entry ${at} ü{180}\n\tsecond line of ${at}$`));
  });
  expect(await textsOf({ search: 'second line of 17\n' })).toEqual([]);
  expect((await textsOf({ search: 'entry 17 ' })).map((text) => text.slice(0, 14))).toEqual([
    'LOG:  entry 17',
  ]);
});

test('a moment is found without reading what is after it', async () => {
  await writeMany();
  const { entries } = await readLog(file, { ...all, untilMs: firstMs + 1234 * 1000, limit: 2 });
  expect(entries.map(({ atMs }) => atMs)).toEqual([firstMs + 1234 * 1000, firstMs + 1233 * 1000]);
  expect(await textsOf({ untilMs: firstMs - 1 })).toEqual([]);
});

test('I-LOG-1: a log that has grown is set aside and read on; nothing of it is lost while somebody writes', async () => {
  const keeper = new LogKeeper({ files: [file], logger: silentLogger, limitBytes: 500 });
  try {
    const wanted: string[] = [];
    for (let at = 0; at < 60; at += 1) {
      await appendFile(file, lineOf(at, `entry ${at}`));
      wanted.unshift(`LOG:  entry ${at}`);
      if (at % 20 === 19) await keeper.look();
    }
    expect((await stat(file)).size).toBe(0);
    expect(await textsOf({ limit: 500 })).toEqual(wanted);
    expect(await readFile(olderFiles(file)[2] ?? '', 'utf8')).toContain('entry 0\n');
    for (let round = 0; round < 4; round += 1) {
      await appendFile(file, lineOf(100 + round, 'x'.repeat(1200)));
      await keeper.look();
    }
    // The oldest made room.
    expect(await textsOf({ limit: 500, search: 'entry' })).toEqual([]);
    expect(await textsOf({ limit: 500 })).toHaveLength(4);
  } finally {
    await keeper.close();
  }
});

test('a log that is not there holds nothing', async () => {
  expect(await readLog(file, all)).toEqual({ entries: [], isCut: false });
});
