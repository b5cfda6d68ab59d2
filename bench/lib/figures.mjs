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

const resamples = 10_000;

/** Percentile bootstrap of the median; the seed is fixed, so that the same figures give the same interval. */
export function intervalOf(ratios) {
  let seed = 1;
  const random = () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  const medians = Array.from({ length: resamples }, () =>
    median(ratios.map(() => ratios[Math.floor(random() * ratios.length)])),
  ).sort((one, other) => one - other);
  return [medians[Math.floor(resamples * 0.025)], medians[Math.floor(resamples * 0.975)]];
}

/** Nearest rank; null without values. */
export function quantiles(values) {
  const sorted = values.toSorted((one, other) => one - other);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? null;
  return { samples: sorted.length, p50: at(0.5), p95: at(0.95), p99: at(0.99), max: sorted.at(-1) ?? null };
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
