import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { missingNumbers, SequencedWriter } from '@quantadb/engine/testing/sequenced-writer';
import { afterEach, expect, test } from 'vitest';
import { credentials, RealCluster } from './testing/real-cluster.ts';

const names = ['node-1', 'node-2', 'node-3'];
const spinners = 8;
const flushers = 4;
const saturatedMs = 30_000;
let cluster: RealCluster;
let writer: SequencedWriter | undefined;
let burden: ChildProcess[] = [];

afterEach(async () => {
  await relieve();
  await cluster.cleanUp(writer);
  writer = undefined;
});

/** Four times as many busy processes as this kind of machine has cores, and a disk that is flushed without an end. */
function saturate(): void {
  const spin = 'while :; do :; done';
  const flush = (index: number) =>
    `while :; do dd if=/dev/zero of=${join(cluster.directory, `storm-${index}`)} bs=64k count=500 conv=notrunc oflag=dsync 2>/dev/null; done`;
  const scripts = [
    ...Array.from({ length: spinners }, () => spin),
    ...Array.from({ length: flushers }, (_, index) => flush(index)),
  ];
  burden = scripts.map((script) => spawn('/bin/sh', ['-c', script], { stdio: 'ignore', detached: true }));
}

async function relieve(): Promise<void> {
  const ending = burden;
  burden = [];
  const exits = ending.map((child) => once(child, 'exit'));
  for (const child of ending) if (child.pid) process.kill(-child.pid, 'SIGKILL');
  await Promise.all(exits);
}

async function leaseLosses(): Promise<string[]> {
  const logs = await Promise.all(
    names.map((name) => readFile(join(cluster.host(name).config.stateDir, 'reaper.log'), 'utf8')),
  );
  return logs.flatMap((log) => log.split('\n')).filter((line) => line.includes('killing PostgreSQL'));
}

test('a machine without any CPU or disk time left is no reason to fail over, nor to lose the lease', async () => {
  cluster = await RealCluster.create(names);
  await cluster.startAll();
  await cluster.form('node-1', ['node-2', 'node-3']);
  const before = await cluster.until(
    'the usual order: Raft is not led by the primary',
    ({ raft, primary }) => raft.leader !== null && raft.leader !== primary,
  );
  writer = new SequencedWriter({
    endpoints: cluster.endpoints(names),
    credentials,
    table: 'numbers',
    pauseMs: 10,
  });
  await writer.start();
  saturate();
  await delay(saturatedMs);
  await relieve();

  const { acknowledged } = await writer.stop();
  const after = await cluster.untilHealthy();
  expect(acknowledged.length).toBeGreaterThan(100);
  expect(await leaseLosses()).toEqual([]);
  expect(after).toMatchObject({ primary: before.primary, timeline: before.timeline });
  // A machine that stands still for a second may make the others ask; what they hear is that nothing needs to move.
  const { state } = await cluster.host('node-1').client.state();
  const rounds = state?.pastFailovers.map(({ candidate, grant }) => ({ candidate, moves: grant?.promote }));
  expect(rounds).toEqual(rounds?.map(() => ({ candidate: before.primary, moves: false })));
  expect(state?.failover).toBeNull();
  const client = await cluster.connect('node-1');
  expect(await missingNumbers(client, 'numbers', acknowledged)).toEqual([]);
  await client.end();
});
