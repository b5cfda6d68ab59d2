// Clients of a router, as applications are: each does its kind of work again and again, counts how long every statement was held up beyond
// its own work, and remembers what it was told, so that it can be held against what is stored afterwards.

import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { monotonicMs } from './figures.mjs';

const sleepMs = 200;
const cursorRows = 200;
const cursorFetch = 50;
const reconnectMs = 50;
/** A statement without an answer for so long is a failure of its own. */
const statementMsMax = 60_000;

export const tableSql = `
DROP TABLE IF EXISTS kept;
CREATE TABLE kept (client int NOT NULL, n int NOT NULL);
CREATE INDEX ON kept (client, n)`;

const insert = { name: 'insert', text: 'INSERT INTO kept (client, n) VALUES ($1, $2)' };
const newest = { name: 'newest', text: 'SELECT max(n) AS n FROM kept WHERE client = $1' };

/** Each does one round of its work. */
const kinds = [
  {
    name: 'prepared insert',
    round: (client, n) => client.ask({ ...insert, values: [client.id, n] }),
  },
  {
    name: 'transaction of 200 ms',
    round: async (client, n) => {
      await client.ask('BEGIN');
      await client.ask({ ...insert, values: [client.id, n] });
      await client.ask(`SELECT pg_sleep(${sleepMs / 1000})`, sleepMs);
      await client.ask('COMMIT');
    },
  },
  {
    name: 'write, then read',
    round: async (client, n) => {
      await client.ask({ ...insert, values: [client.id, n] });
      client.acknowledge(n);
      const { rows } = await client.ask({ ...newest, values: [client.id] });
      if (rows[0]?.n !== n) client.wrong += 1;
    },
  },
  {
    name: 'cursor',
    isReading: true,
    round: async (client) => {
      await client.ask('BEGIN');
      await client.ask(`DECLARE c CURSOR FOR SELECT g FROM generate_series(1, ${cursorRows}) g`);
      const seen = [];
      while (seen.length < cursorRows) {
        const { rows } = await client.ask(`FETCH ${cursorFetch} FROM c`);
        if (rows.length === 0) break;
        seen.push(...rows.map(({ g }) => g));
        await delay(10);
      }
      await client.ask('COMMIT');
      if (seen.length !== cursorRows || seen.some((g, at) => g !== at + 1)) client.wrong += 1;
    },
  },
];

export class RouterClient {
  acknowledged = new Set();
  /** Numbers whose write ended in an error, with its code. */
  failed = new Map();
  /** What clients were told, how often. */
  errors = new Map();
  /** Results that cannot be. */
  wrong = 0;
  /** { atMs: when it was asked, heldMs: beyond its own work } of those that were held longest. */
  held = [];
  #client = null;
  #isOver = false;
  #running = null;

  /**
   * @param {{ id: number, places: object[], thinkMs?: number }} options the routers it knows, the one it begins with first;
   *   how long it thinks between two pieces of work, on average
   */
  constructor({ id, places, thinkMs = 0 }) {
    this.id = id;
    this.thinkMs = thinkMs;
    this.places = places;
    this.kind = kinds[id % kinds.length];
  }

  async start() {
    await this.#connect();
    this.#running = this.#run();
  }

  async stop() {
    this.#isOver = true;
    await this.#running;
    await this.#client?.end().catch(() => undefined);
  }

  acknowledge(n) {
    this.acknowledged.add(n);
  }

  /** @param {string | object} query @param {number} [ownMs] what it takes by itself */
  async ask(query, ownMs = 0) {
    const atMs = monotonicMs();
    try {
      return await this.#client.query(query);
    } finally {
      this.held.push({ atMs, heldMs: monotonicMs() - atMs - ownMs });
    }
  }

  async #run() {
    for (let n = 1; !this.#isOver; n += 1) {
      if (this.thinkMs > 0) await delay(2 * this.thinkMs * Math.random());
      try {
        await this.kind.round(this, n);
        if (!this.kind.isReading) this.acknowledge(n);
      } catch (error) {
        this.#note(error, n);
        await this.#recover();
      }
    }
  }

  #note(error, n) {
    const code = error.code ?? 'no code';
    const what = `${code} ${error.message}`.slice(0, 120);
    this.errors.set(what, (this.errors.get(what) ?? 0) + 1);
    if (!this.kind.isReading && !this.acknowledged.has(n)) this.failed.set(n, code);
  }

  async #recover() {
    try {
      await this.#client.query('ROLLBACK');
    } catch {
      await this.#client.end().catch(() => undefined);
      while (!this.#isOver) {
        try {
          return await this.#connect();
        } catch (error) {
          this.#note(error, -1);
          await delay(reconnectMs);
        }
      }
    }
  }

  async #connect() {
    // As a client library does that is given several hosts.
    const [place, ...others] = this.places;
    this.places = [...others, place];
    const client = new pg.Client({ ...place, query_timeout: statementMsMax });
    client.on('error', () => undefined);
    await client.connect();
    this.#client = client;
  }
}

/** The longest that any statement of any client was held up, of those that were asked since then. */
export function longestHeldMs(clients, sinceMs) {
  return clients
    .flatMap(({ held }) => held)
    .filter(({ atMs }) => atMs >= sinceMs)
    .reduce((longest, { heldMs }) => Math.max(longest, heldMs), 0);
}

/**
 * What is stored against what was told.
 *
 * @param {RouterClient[]} clients that have stopped @param {import('pg').Client} reader on the server that takes writes
 */
export async function verify(clients, reader) {
  const { rows } = await reader.query(
    'SELECT client, n, count(*)::int AS times FROM kept GROUP BY client, n',
  );
  const stored = new Map(rows.map(({ client, n, times }) => [`${client}/${n}`, times]));
  const totals = { acknowledged: 0, lost: 0, twice: 0, inDoubt: 0, untrue: 0, wrong: 0 };
  for (const client of clients) {
    totals.wrong += client.wrong;
    for (const n of client.acknowledged) {
      totals.acknowledged += 1;
      if (!stored.has(`${client.id}/${n}`)) totals.lost += 1;
    }
    for (const [n, code] of client.failed) {
      if (n < 0) continue;
      // 40001 says that it was rolled back, which is a promise.
      if (code !== '40001') totals.inDoubt += 1;
      else if (stored.has(`${client.id}/${n}`)) totals.untrue += 1;
    }
  }
  totals.twice = rows.filter(({ times }) => times > 1).length;
  return totals;
}

/** Of all clients, the most frequent first. */
export function errorsOf(clients) {
  const all = new Map();
  for (const { errors } of clients)
    for (const [what, times] of errors) all.set(what, (all.get(what) ?? 0) + times);
  return [...all].sort(([, one], [, other]) => other - one);
}
