// Many writers at once, each with a table of its own, so that every acknowledged row can be looked for afterwards.

import { missingNumbers, SequencedWriter } from '../../packages/engine/dist/testing/sequenced-writer.js';

export class Writers {
  /** @param {{ count: number, prefix: string, endpoints: object[], credentials: object, pauseMs: number }} options */
  constructor({ count, prefix, ...options }) {
    this.tables = Array.from({ length: count }, (_, index) => `${prefix}_${index + 1}`);
    this.writers = this.tables.map((table) => new SequencedWriter({ ...options, table }));
  }

  async start() {
    for (const writer of this.writers) await writer.start();
  }

  count() {
    return this.writers.reduce((sum, writer) => sum + writer.acknowledgedCount(), 0);
  }

  /** How many of the writers have had a row acknowledged since then. */
  aliveSince(sinceMs) {
    return this.writers.filter((writer) => (writer.acknowledgedAtMs().at(-1) ?? 0) > sinceMs).length;
  }

  /** The longest time between two moments in which no writer at all was answered. */
  longestPauseMs(fromMs, toMs) {
    const times = this.writers
      .flatMap((writer) => writer.acknowledgedAtMs().filter((atMs) => atMs > fromMs && atMs < toMs))
      .sort((one, other) => one - other);
    const moments = [fromMs, ...times, toMs];
    return moments.slice(1).reduce((longest, atMs, index) => Math.max(longest, atMs - moments[index]), 0);
  }

  /** @returns what each was told */
  async stop() {
    this.results ??= await Promise.all(this.writers.map((writer) => writer.stop()));
    return this.results;
  }

  /** @param {import('pg').Client} client on the server that takes writes now */
  async verify(client) {
    const results = await this.stop();
    const missing = [];
    for (const [index, { acknowledged }] of results.entries())
      missing.push(...(await missingNumbers(client, this.tables[index], acknowledged)));
    const sum = (values) => values.reduce((total, value) => total + value, 0);
    return {
      acknowledged: sum(results.map((each) => each.acknowledged.length)),
      inDoubt: sum(results.map((each) => each.inDoubt.length)),
      lost: missing.length,
    };
  }

  /** @param {import('pg').Client} client */
  async drop(client) {
    for (const table of this.tables) await client.query(`DROP TABLE IF EXISTS ${table}`);
  }
}
