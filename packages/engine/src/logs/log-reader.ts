import { type FileHandle, open } from 'node:fs/promises';
import type { LogAnswer, LogEntry, LogQuestion, LogSource } from '../contract/logs.ts';
import { daemonEntry, entriesOf, isWanted, postgresEntry } from './entry.ts';
import { olderFiles } from './log-keeper.ts';

const chunkBytes = 256 * 1024;
const sampleBytes = 64 * 1024;
/** A search reads no more than this of the disk; the answer says when that was too little. */
const scanBytesMax = 64 * 1024 * 1024;
/** Of one entry: what has no beginning in so much text is none. */
const entryBytesMax = 1024 * 1024;

const readers = { postgres: postgresEntry, daemon: daemonEntry };
type ReadLine = (typeof readers)[LogSource];

interface Search {
  question: LogQuestion;
  read: ReadLine;
  found: LogEntry[];
  scannedBytes: number;
}

/**
 * Entries of a log, the newest first, from its file and those it was before (`olderFiles`). Files that are not there hold
 * nothing.
 */
export async function readLog(file: string, question: LogQuestion): Promise<LogAnswer> {
  const search: Search = { question, read: readers[question.source], found: [], scannedBytes: 0 };
  for (const path of [file, ...olderFiles(file)]) {
    const handle = await open(path, 'r').catch(() => null);
    if (!handle) continue;
    try {
      await searchBackwards(handle, search);
    } finally {
      await handle.close();
    }
    if (isOver(search)) break;
  }
  return { entries: search.found.slice(0, question.limit), isCut: search.scannedBytes >= scanBytesMax };
}

function isOver({ found, question, scannedBytes }: Search): boolean {
  return found.length >= question.limit || scannedBytes >= scanBytesMax;
}

async function searchBackwards(handle: FileHandle, search: Search): Promise<void> {
  const { size } = await handle.stat();
  const { untilMs } = search.question;
  let end = untilMs === null ? size : await endOf(handle, size, untilMs, search.read);
  /** Lines whose entry begins before them. */
  let rest = '';
  while (end > 0 && !isOver(search)) {
    const from = Math.max(0, end - chunkBytes);
    // Latin-1 while it is cut in pieces: a letter of several bytes may lie across a border.
    const text = (await readAt(handle, from, end - from)) + rest;
    search.scannedBytes += end - from;
    end = from;
    const lines = text.split('\n');
    const first =
      from === 0 ? 0 : lines.findIndex((line, at) => at > 0 && !search.read(line).isMore && line !== '');
    if (first < 0) {
      rest = text.length > entryBytesMax ? '' : text;
      continue;
    }
    rest = lines
      .slice(0, first)
      .map((line) => `${line}\n`)
      .join('');
    const whole = lines.slice(first).map((line) => Buffer.from(line, 'latin1').toString('utf8'));
    const entries = entriesOf(whole, search.read).filter((entry) => isWanted(entry, search.question));
    search.found.push(...entries.reverse());
  }
}

/** Behind the last entry of `untilMs` or before it, within a chunk: entries are in the order of their moments. */
async function endOf(handle: FileHandle, size: number, untilMs: number, read: ReadLine): Promise<number> {
  let low = 0;
  let high = size;
  while (high - low > chunkBytes) {
    const middle = Math.floor((low + high) / 2);
    const lines = (await readAt(handle, middle, sampleBytes)).split('\n').slice(1, -1);
    const atMs = lines.map((line) => read(line).entry.atMs).find((each) => each !== null);
    if (atMs == null) break;
    if (atMs > untilMs) high = middle;
    else low = middle;
  }
  return high;
}

async function readAt(handle: FileHandle, from: number, bytes: number): Promise<string> {
  const buffer = Buffer.alloc(bytes);
  const { bytesRead } = await handle.read(buffer, 0, bytes, from);
  return buffer.toString('latin1', 0, bytesRead);
}
