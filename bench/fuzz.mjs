// Bytes of strangers: every parser of the router by itself, then a router with PostgreSQL behind it, as a process of its own.
// `npm run bench -- fuzz [seconds=30] [seed=1]`. Each part gets an equal share of the time. Ends with an error after a crash.

import { fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { routerSettingsOf } from '../packages/engine/dist/contract/router-settings.js';
import { terminate } from '../packages/engine/dist/router/protocol/build.js';
import { buildStartup } from '../packages/engine/dist/router/protocol/startup.js';
import * as fuzz from '../packages/engine/dist/router/testing/fuzz-targets.js';
import { RawClient } from '../packages/engine/dist/router/testing/raw-client.js';
import { application, RouterFixture } from '../packages/engine/dist/router/testing/router-fixture.js';
import { freePort } from '../packages/engine/dist/testing/free-port.js';
import { inWorkspace } from './lib/workspace.mjs';

const given = (name, usual) =>
  Number(process.argv.find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1) ?? usual);
const seconds = given('seconds', 30);
const dice = fuzz.diceOf(given('seed', 1));
const shareMs = (seconds * 1000) / (fuzz.fuzzTargets.length + 1);
const { seeds: conversations } = fuzz.fuzzTargets.find(({ name }) => name === 'messages of clients');
const mib = 1024 * 1024;

const parts = fuzz.fuzzTargets.map(tryParser);
await inWorkspace(async () => {
  parts.push(await tryRouter());
  tell();
});

function tell() {
  for (const part of parts) process.stderr.write(`${JSON.stringify(part)}\n`);
  const sum = (what) => parts.reduce((total, part) => total + part[what], 0);
  const grownMibMax = Math.max(...parts.map((part) => part.grownMib));
  const totals = { name: 'fuzz', inputs: sum('inputs'), crashes: sum('crashes'), grownMibMax };
  process.stdout.write(`${JSON.stringify({ ...totals, parts })}\n`);
  if (sum('crashes') > 0) process.exitCode = 1;
}

function tryParser({ name, seeds, run }) {
  const part = { name, inputs: 0, crashes: 0, slowestMs: 0, grownMib: 0 };
  const before = process.memoryUsage.rss();
  const endMs = performance.now() + shareMs;
  while (performance.now() < endMs) {
    const bytes = fuzz.mutated(seeds, dice);
    const sinceMs = performance.now();
    try {
      run(bytes);
    } catch (error) {
      part.crashes += 1;
      process.stderr.write(`${name}: ${error.stack}\n${bytes.toString('base64')}\n`);
    }
    part.slowestMs = Math.max(part.slowestMs, performance.now() - sinceMs);
    part.inputs += 1;
  }
  part.grownMib = Math.round((process.memoryUsage.rss() - before) / mib);
  return part;
}

/** Half of the clients say what is no login, the others log in first; a well-behaved one asks all the time. */
async function tryRouter() {
  const part = { name: 'a router', inputs: 0, crashes: 0, slowestMs: 0, grownMib: 0 };
  const fixture = await RouterFixture.create();
  const port = await freePort();
  const worker = fork(new URL('../apps/node-daemon/dist/router-worker.js', import.meta.url).pathname, [
    'fuzz',
    'fuzz',
  ]);
  worker.once('exit', () => {
    part.crashes += 1;
  });
  try {
    const listening = new Promise((resolve) =>
      worker.on('message', (said) => said.kind === 'listening' && resolve()),
    );
    worker.send({
      ...{ kind: 'start', listen: { host: '127.0.0.1', port }, settings: routerSettingsOf({ poolSize: 8 }) },
      ...{ tls: fixture.tls(), topology: fixture.topology(), name: 'fuzz', logLevel: 'error' },
    });
    await listening;
    const rss = () =>
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${worker.pid}/status`, 'utf8'))?.[1]) / 1024;
    await delay(500);
    const before = rss();
    const endMs = performance.now() + shareMs;
    const witness = watch(await fixture.connect(port), endMs, part);
    await Promise.all(Array.from({ length: 8 }, (_, index) => talk(port, index % 2 === 0, endMs, part)));
    await witness;
    part.grownMib = Math.round(rss() - before);
  } finally {
    worker.removeAllListeners('exit');
    worker.kill('SIGKILL');
    await fixture.cleanUp();
  }
  return part;
}

async function watch(client, endMs, part) {
  while (performance.now() < endMs) {
    const sinceMs = performance.now();
    const { rows } = await client.query('SELECT $1::int AS one', [1]);
    if (rows[0].one !== 1) part.crashes += 1;
    part.slowestMs = Math.max(part.slowestMs, performance.now() - sinceMs);
    await delay(5);
  }
}

async function talk(port, logsIn, endMs, part) {
  const parameters = Object.entries({ user: application.role, database: application.database });
  while (performance.now() < endMs) {
    part.inputs += 1;
    if (logsIn) {
      const client = await RawClient.login(port, parameters);
      client.send(fuzz.mutated(conversations, dice));
      await delay(5);
      client.send(terminate);
      client.destroy();
    } else {
      const socket = net.connect({ host: '127.0.0.1', port });
      socket.on('error', () => undefined);
      socket.resume();
      socket.write(fuzz.mutated([buildStartup(parameters)], dice));
      await delay(5);
      socket.destroy();
    }
  }
}
