import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  historyFileName,
  localTimelines,
  parseHistory,
  plantHistories,
  readHistories,
  strayTimelines,
  sweepPlantedHistories,
} from './history-files.ts';

let dataDir: string;

beforeEach(async () => {
  dataDir = await mkdtemp(join(process.env.QUANTADB_TEST_DIR ?? '/tmp', 'qhist-'));
  await mkdir(join(dataDir, 'pg_wal'));
});

afterEach(async () => {
  await rm(dataDir, { recursive: true, force: true });
});

const write = (timeline: number, text: string) =>
  writeFile(join(dataDir, 'pg_wal', historyFileName(timeline)), text);
const read = (timeline: number) => readFile(join(dataDir, 'pg_wal', historyFileName(timeline)), 'utf8');
const place = () => ({ dataDir, osUser: null });

test('a history is read as PostgreSQL writes it', () => {
  expect(parseHistory('# comment\n1\t0/80\tno recovery target specified\n\n3\t0/A0\tbefore x\n')).toEqual([
    { timeline: 1, endLsn: '0/80' },
    { timeline: 3, endLsn: '0/A0' },
  ]);
});

test('every unused number below the target gets a history without a parent', async () => {
  expect(await plantHistories(place(), { current: 1, target: 4 })).toEqual([2, 3]);
  expect(parseHistory(await read(2))).toEqual([]);
  expect(await plantHistories(place(), { current: 1, target: 4 })).toEqual([2, 3]);
});

test('an ancestor’s history that was never received is restored from the current one', async () => {
  await write(6, '1\t0/80\tx\n3\t0/A0\tx\n4\t0/C0\tx\n');
  expect(await plantHistories(place(), { current: 6, target: 8 })).toEqual([2, 3, 4, 5, 7]);
  expect(parseHistory(await read(4))).toEqual([
    { timeline: 1, endLsn: '0/80' },
    { timeline: 3, endLsn: '0/A0' },
  ]);
  expect(parseHistory(await read(3))).toEqual([{ timeline: 1, endLsn: '0/80' }]);
  expect(parseHistory(await read(5))).toEqual([]);
});

test('a timeline that is used already, or a later one, cannot be planned', async () => {
  await write(5, '1\t0/80\tx\n');
  await expect(plantHistories(place(), { current: 1, target: 5 })).rejects.toMatchObject({ code: 'REFUSED' });
  await expect(plantHistories(place(), { current: 1, target: 3 })).rejects.toMatchObject({ code: 'REFUSED' });
});

test('placeholders of a promotion that did not happen are taken back, those below a real timeline stay', async () => {
  await write(4, '1\t0/80\tx\n');
  await plantHistories(place(), { current: 4, target: 7 });
  expect(await sweepPlantedHistories(dataDir, 4)).toEqual([5, 6]);
  expect([...(await readHistories(dataDir)).keys()].sort()).toEqual([2, 3, 4]);
});

test('the local timelines are the newest descendant’s line, as a starting standby would choose it', () => {
  const histories = new Map([
    [2, parseHistory('1\t0/80\tx\n')],
    [3, []],
    [4, parseHistory('1\t0/80\tx\n2\t0/A0\tx\n')],
    [9, parseHistory('1\t0/20\tx\n')],
  ]);
  expect(localTimelines(2, histories)).toEqual([
    { timeline: 4, beginLsn: 0xa0n },
    { timeline: 2, beginLsn: 0x80n },
    { timeline: 1, beginLsn: 0n },
  ]);
  expect(localTimelines(1, new Map())).toEqual([{ timeline: 1, beginLsn: 0n }]);
});

test('a timeline that the present one does not descend from is stray, as soon as the present one is known here', async () => {
  await write(2, '1\t0/80\tno recovery target specified\n');
  await write(3, '# planted\n');
  const found = async () => strayTimelines(4, [4, 1], await readHistories(dataDir));
  expect(await found()).toEqual([]);
  await write(4, '1\t0/90\tno recovery target specified\n');
  expect(await found()).toEqual([2]);
  expect(strayTimelines(4, [4, 2, 1], await readHistories(dataDir))).toEqual([]);
});
