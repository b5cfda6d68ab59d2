// Figures as benchmarks print them: a table for people on stderr, JSON for programs on stdout.

import { loadavg } from 'node:os';

export function median(values) {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** @returns null without values */
export function spread(values) {
  if (values.length === 0) return null;
  return {
    median: Math.round(median(values)),
    max: Math.round(Math.max(...values)),
    all: values.map((value) => Math.round(value)),
  };
}

export function monotonicMs() {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Of the last minute, as the kernel says it: runnable and disk-waiting tasks of the whole machine. */
export function machineLoad() {
  return Number((loadavg()[0] ?? 0).toFixed(2));
}

export function say(text) {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);
}

/** @param {string[]} heads @param {(string | number | null)[][]} rows */
export function printTable(heads, rows) {
  const cells = [heads, ...rows.map((row) => row.map((cell) => (cell === null ? '–' : String(cell))))];
  const widths = heads.map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  const line = (row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column])))
      .join('  ');
  process.stderr.write(`\n${line(cells[0])}\n${widths.map((width) => '─'.repeat(width)).join('  ')}\n`);
  for (const row of cells.slice(1)) process.stderr.write(`${line(row)}\n`);
  process.stderr.write('\n');
}
