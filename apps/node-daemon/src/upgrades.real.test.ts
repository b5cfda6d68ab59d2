import { cp, mkdir, readFile, readlink, rename, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { timingOf } from '@quantadb/engine/failover/timing';
import { missingNumbers, SequencedWriter } from '@quantadb/engine/testing/sequenced-writer';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { credentials, RealCluster } from './testing/real-cluster.ts';

/**
 * Other programs come into use, and another host in the place of one, under a writer. With the timing of a wide network, so that
 * a busy machine has the time to start a daemon within the lease.
 */

const names = ['node-1', 'node-2', 'node-3'];
let cluster: RealCluster;
let writer: SequencedWriter;
let rounds = 0;

beforeAll(async () => {
  cluster = await RealCluster.create([...names, 'spare-1'], {
    isSupervised: true,
    timing: 'wan',
  });
  await cluster.startAll();
  await cluster.form('node-1', ['node-2', 'node-3']);
}, 120_000);

afterAll(() => cluster?.cleanUp());

beforeEach(async () => {
  rounds += 1;
  const endpoints = cluster.endpoints();
  writer = new SequencedWriter({ endpoints, credentials, table: `numbers_${rounds}`, pauseMs: 8 });
  await writer.start();
  await cluster.until('writes', () => writer.acknowledgedCount() > 50);
});

async function expectNothingLost(): Promise<void> {
  await cluster.untilHealthy();
  const { acknowledged } = await writer.stop();
  const client = await cluster.connect((await cluster.primary()).name);
  expect(await missingNumbers(client, `numbers_${rounds}`, acknowledged)).toEqual([]);
  await client.end();
}

const binDirOf = (name: string) => cluster.host(name).config.binDir;

const programOf = async (name: string) => {
  const { pids } = await cluster.host(name).client.node();
  return readlink(`/proc/${pids.postgres}/exe`);
};

test('I-UPGRADE-1: PostgreSQL is brought to other programs node by node, with one switchover and nothing lost', async () => {
  const { binDir } = cluster.host('node-1').config;
  // As if a minor release had been unpacked beside the one in use.
  const directory = join(cluster.directory, 'other', binDir);
  await cp(binDir, directory, { recursive: true });
  await symlink(join(binDir, '../lib'), join(directory, '../lib'));
  const share = join('/usr/share/postgresql', basename(dirname(binDir)));
  await mkdir(dirname(join(cluster.directory, 'other', share)), { recursive: true });
  await symlink(share, join(cluster.directory, 'other', share));
  const primary = (await cluster.primary()).name;
  const epoch = (await cluster.status())?.epoch ?? 0;
  await cluster.run(primary, { kind: 'upgrade-postgres', directory });
  await cluster.untilHealthy();
  expect((await cluster.status())?.epoch).toBe(epoch + 1);
  for (const name of names) {
    expect(dirname(await programOf(name)), name).toBe(directory);
    const text = await readFile(join(cluster.host(name).directory, 'host.json'), 'utf8');
    expect(text).toContain(JSON.stringify(directory));
  }
  await expectNothingLost();
}, 120_000);

test('I-UPGRADE-2: programs that are not there, or no newer, change nothing anywhere', async () => {
  const primary = (await cluster.primary()).name;
  const before = await Promise.all(names.map(programOf));
  const upgrade = (directory: string | null) => cluster.run(primary, { kind: 'upgrade-postgres', directory });
  await expect(upgrade('/nowhere/bin')).rejects.toThrow(/no programs of PostgreSQL in \/nowhere\/bin/);
  const incomplete = join(cluster.directory, 'incomplete/bin');
  await cp(binDirOf('node-1'), incomplete, { recursive: true });
  await expect(upgrade(incomplete)).rejects.toThrow(/do not run here: .*could not open directory/s);
  await expect(upgrade(null)).rejects.toThrow(/every server runs PostgreSQL .* already/);
  expect(await Promise.all(names.map(programOf))).toEqual(before);
  await expectNothingLost();
});

test('I-UPGRADE-3: every daemon is replaced, the decider’s too, without a failover and without a pause of PostgreSQL', async () => {
  const before = await cluster.untilHealthy();
  const daemons = before.nodes.map(({ pids }) => pids?.daemon);
  const servers = before.nodes.map(({ pids }) => pids?.postgres);
  const operation = await cluster.run(before.primary ?? '', { kind: 'restart-daemons' });
  expect(operation.state).toBe('done');
  const after = await cluster.untilHealthy();
  expect(after).toMatchObject({ epoch: before.epoch, primary: before.primary });
  for (const [index, { name, pids }] of after.nodes.entries()) {
    expect(pids?.daemon, name).not.toBe(daemons[index]);
    expect(pids?.postgres, name).toBe(servers[index]);
  }
  await expectNothingLost();
}, 120_000);

test('I-RESTART-4: a daemon that is replaced under the lease is waited for, longer than a silent one', async () => {
  const before = await cluster.untilHealthy();
  const primary = before.primary ?? '';
  const { daemon, config } = cluster.host(primary);
  const server = before.nodes.find(({ name }) => name === primary)?.pids?.postgres;
  // Kept from being started again at once.
  const gate = join(config.stateDir, '..', 'host.json');
  await rename(gate, `${gate}.away`);
  daemon?.kill('SIGTERM');
  await expect.poll(() => cluster.host(primary).daemon, { timeout: 10_000 }).toBeNull();
  const other = names.find((name) => name !== primary) ?? '';
  // Others than the decider apply it with its next heartbeat.
  const agreed = async () => (await cluster.host(other).client.state()).state?.reign;
  const longer = { primary, leaseMs: timingOf('wan').restartLeaseMs };
  await expect.poll(agreed, { timeout: 5_000 }).toMatchObject(longer);
  await delay(timingOf('wan').suspectAfterMs + 1000);
  await rename(`${gate}.away`, gate);
  await expect.poll(() => cluster.host(primary).daemon, { timeout: 10_000 }).toBeNull();
  await cluster.startDaemon(primary);
  const after = await cluster.untilHealthy();
  expect(after).toMatchObject({ epoch: before.epoch, primary });
  expect(after.nodes.find(({ name }) => name === primary)?.pids?.postgres).toBe(server);
  await expectNothingLost();
}, 120_000);

test('I-MEMBER-7: a spare host takes the place of a standby: it joins before the other one leaves', async () => {
  const { name: primary } = await cluster.primary();
  const old = names.find((name) => name !== primary) ?? '';
  const { addresses } = cluster.host('spare-1').config;
  const host = { name: 'spare-1', addresses, kind: 'data' as const };
  await cluster.run(primary, { kind: 'replace-node', node: old, host });
  const status = await cluster.untilHealthy(primary);
  expect(status.nodes.map(({ name }) => name).sort()).toEqual(
    [...names.filter((name) => name !== old), 'spare-1'].sort(),
  );
  expect(status.nodes.find(({ name }) => name === 'spare-1')).toMatchObject({
    state: 'streaming',
    raft: 'voter',
  });
  await expectNothingLost();
}, 120_000);
