// One round: a writer straight to the servers, one thing that goes wrong (or is planned), and what that cost.

import { pollUntil } from '../../packages/engine/dist/shared/deadline.js';
import { missingNumbers, SequencedWriter } from '../../packages/engine/dist/testing/sequenced-writer.js';
import { monotonicMs } from './figures.mjs';

/**
 * @typedef {object} Subject a cluster that is measured
 * @property {{ user: string, password: string, database: string }} credentials
 * @property {() => { host: string, port: number }[]} endpoints
 * @property {() => Promise<string>} primary
 * @property {() => Promise<void>} untilWell every node streams, and whoever may be waited for is waited for
 * @property {(name: string) => Promise<boolean>} isBack it streams from the primary, or is the primary again
 * @property {(name: string) => Promise<import('pg').Client>} connect as the application
 * @property {() => Promise<number[]>} timelines of every node
 */

const writesBefore = 150;
const writesAfter = 300;
const minuteMs = 60_000;

/**
 * @param {Subject} subject
 * @param {{
 *   event: (primary: string) => Promise<void>,
 *   restart: ((name: string) => Promise<void>) | null,
 *   prepare?: (primary: string) => Promise<object>,
 * }} scenario what `prepare` says of the situation becomes part of the result
 * @param {string} table of its own, so that every acknowledged row of this round can be found again
 */
export async function runRound(subject, scenario, table) {
  await subject.untilWell();
  const before = await subject.primary();
  const writer = new SequencedWriter({
    endpoints: subject.endpoints(),
    credentials: subject.credentials,
    table,
    pauseMs: 2,
  });
  await writer.start();
  try {
    await acknowledged(writer, writesBefore);
    const situation = (await scenario.prepare?.(before)) ?? {};
    const eventMs = monotonicMs();
    await scenario.event(before);
    await acknowledged(writer, writer.acknowledgedCount() + writesAfter);
    const withoutWritesMs = writer.longestPauseMs(eventMs);
    const returnsFromMs = scenario.restart ? monotonicMs() : eventMs;
    await scenario.restart?.(before);
    await pollUntil(async () => ((await subject.isBack(before)) ? true : undefined), {
      what: `${before} is back`,
      timeoutMs: 5 * minuteMs,
      intervalMs: 50,
    });
    const backMs = monotonicMs() - returnsFromMs;
    await subject.untilWell();
    return { ...situation, withoutWritesMs, backMs, ...(await verified(subject, writer, table)) };
  } finally {
    await writer.stop();
  }
}

async function acknowledged(writer, count) {
  await pollUntil(async () => (writer.acknowledgedCount() > count ? true : undefined), {
    what: 'writes are acknowledged',
    timeoutMs: 3 * minuteMs,
    intervalMs: 20,
  });
}

/** Every acknowledged number must be found on the server that takes writes now. */
async function verified(subject, writer, table) {
  const written = await writer.stop();
  const client = await subject.connect(await subject.primary());
  try {
    const missing = await missingNumbers(client, table, written.acknowledged);
    const timelines = await pollUntil(
      async () => {
        const found = [...new Set(await subject.timelines())];
        return found.length === 1 ? found : undefined;
      },
      { what: 'every node is on one timeline', timeoutMs: minuteMs, intervalMs: 200 },
    ).catch(async () => [...new Set(await subject.timelines())]);
    return {
      acknowledged: written.acknowledged.length,
      inDoubt: written.inDoubt.length,
      missing: missing.length,
      timelines,
    };
  } finally {
    await client.end();
  }
}
