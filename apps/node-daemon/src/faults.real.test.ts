import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClusterStatus } from '@quantadb/engine/contract/status';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LoopDisk } from './testing/loop-disk.ts';
import type { CheckedNode } from './testing/node-client.ts';
import { credentials, RealCluster } from './testing/real-cluster.ts';
import { untilTold } from './testing/told-alerts.ts';
import { WriteChecker } from './testing/write-checker.ts';

const names = ['node-1', 'node-2', 'node-3'];
const diskMb = 700;
let cluster: RealCluster;
let checker: WriteChecker;
const disks = new Map<string, LoopDisk>();

beforeAll(async () => {
  cluster = await RealCluster.create(names, {
    prepare: async (name, directory) => {
      const disk = await LoopDisk.mount(directory, diskMb);
      if (disk) disks.set(name, disk);
    },
  });
  await cluster.startAll();
  const [first = '', ...others] = names;
  await cluster.form(first, others);
  checker = new WriteChecker(nodes(), credentials);
  await checker.start(nodes()[0] as CheckedNode);
});

afterAll(async () => {
  await checker?.stop();
  for (const disk of disks.values()) await disk.thaw().catch(() => undefined);
  await cluster?.cleanUp(undefined, () => Promise.all([...disks.values()].map((disk) => disk.unmount())));
});

function nodes(): CheckedNode[] {
  return cluster.endpoints(names).map((endpoint, index) => ({ name: names[index] ?? '', ...endpoint }));
}

/** Every process of a host: daemon, reaper, PostgreSQL with its children. */
async function processesOf(name: string): Promise<number[]> {
  const host = cluster.host(name);
  const { pids } = await host.client.node();
  const roots = [pids.daemon, pids.reaper, pids.postgres].filter((pid): pid is number => pid !== null);
  const parents = new Map(
    readdirSync('/proc')
      .filter((entry) => /^\d+$/.test(entry))
      .map((entry) => [Number(entry), parentOf(Number(entry))]),
  );
  const isBelow = (pid: number): boolean => roots.includes(pid) || isChild(pid);
  const isChild = (pid: number): boolean => {
    const parent = parents.get(pid);
    return parent !== undefined && parent > 1 && isBelow(parent);
  };
  return [...parents.keys()].filter(isBelow);
}

function parentOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return 0;
  }
}

function signal(pids: number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

/** Runs a program as PostgreSQL's OS user. @returns whether it ended well */
function asPostgres(command: string[]): boolean {
  const drop = ['--reuid=postgres', '--regid=postgres', '--clear-groups'];
  return spawnSync('setpriv', [...drop, ...command], { stdio: 'ignore' }).status === 0;
}

/** Writes WAL until there is no room for a new segment; what is there already is used up first. */
async function fillWal(name: string, disk: LoopDisk): Promise<void> {
  // Before the disk is full: the rows that are written all along may end the server at once.
  const client = await cluster.connect(name);
  await disk.fill(true);
  const write = () => client.query("SELECT pg_logical_emit_message(true, 'test', repeat('x', 1000000))");
  for (let megabytes = 0; megabytes < diskMb; megabytes += 1) {
    const isDone = await write().then(
      () => false,
      () => true,
    );
    if (isDone) break;
  }
  await client.end().catch(() => undefined);
}

/** A failover has happened, writes go on elsewhere, and nothing that was acknowledged is missing. */
async function expectFailover(before: string): Promise<void> {
  await cluster.until('another primary', ({ primary }) => primary !== null && primary !== before, 30_000);
  const count = checker.count();
  await cluster.until('writes go on', () => checker.count() > count + 20);
}

async function expectWhole(): Promise<void> {
  // A daemon that was stopped tells for a moment what it saw before.
  const isWhole = (status: ClusterStatus) =>
    status.health === 'healthy' && new Set(status.nodes.map((node) => node.timeline)).size === 1;
  const { primary } = await cluster.until('healthy, on one timeline', isWhole);
  const node = nodes().find(({ name }) => name === primary);
  expect(node && (await checker.missingOn(node))).toEqual([]);
  expect(checker.acknowledgements.late()).toEqual([]);
  expect(checker.acknowledgements.sharedTimelines()).toEqual([]);
}

describe('I-LEASE-3, I-LOSS-1, I-SEAL-2: a host goes wrong while every node is written to', () => {
  test('the postmaster is stopped (SIGSTOP): it counts as dead', async () => {
    const { name, pids } = await cluster.primary();
    const postgres = pids?.postgres ?? 0;
    signal([postgres], 'SIGSTOP');
    await expectFailover(name);
    signal([postgres], 'SIGCONT');
    await expectWhole();
  });

  test('the daemon is stopped past its lease: the reaper ends PostgreSQL', async () => {
    const { name } = await cluster.primary();
    const daemon = cluster.host(name).daemon?.pid ?? 0;
    signal([daemon], 'SIGSTOP');
    await expectFailover(name);
    signal([daemon], 'SIGCONT');
    await expectWhole();
  });

  test('the daemon is killed and stays away: the reaper ends PostgreSQL', async () => {
    const { name, pids } = await cluster.primary();
    signal([cluster.host(name).daemon?.pid ?? 0], 'SIGKILL');
    await expectFailover(name);
    await expect.poll(() => parentOf(pids?.postgres ?? 0), { timeout: 10_000 }).toBe(0);
    await cluster.startDaemon(name);
    await expectWhole();
  });

  test('the whole host is paused, as a hypervisor does it, and comes back as a primary of the past', async () => {
    const { name } = await cluster.primary();
    const all = await processesOf(name);
    expect(all.length).toBeGreaterThan(5);
    signal(all, 'SIGSTOP');
    await expectFailover(name);
    signal(all, 'SIGCONT');
    await expectWhole();
  });

  test('a WAL receiver is stopped and killed: writes go on, and the standby comes back', async () => {
    const { primary, epoch } = await cluster.untilHealthy();
    const standby = names.find((name) => name !== primary) ?? '';
    const receivers = (await processesOf(standby)).filter((pid) =>
      /wal ?receiver/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8')),
    );
    expect(receivers).toHaveLength(1);
    signal(receivers, 'SIGSTOP');
    const count = checker.count();
    await cluster.until('writes go on', () => checker.count() > count + 200);
    signal(receivers, 'SIGKILL');
    signal(receivers, 'SIGCONT');
    await expectWhole();
    expect((await cluster.status())?.epoch).toBe(epoch);
  });

  test('PostgreSQL that somebody starts by hand on a dead host is no primary', async () => {
    const { name, pids } = await cluster.primary();
    await cluster.killNode(name);
    await expectFailover(name);
    // PostgreSQL takes a dead process that nobody has looked after for one that runs.
    await expect.poll(() => parentOf(pids?.postgres ?? 0), { timeout: 10_000 }).toBe(0);
    const { dataDir, binDir } = cluster.host(name).config;
    const log = join(dataDir, 'started-by-hand.log');
    const control = [join(binDir, 'pg_ctl'), '-D', dataDir, '-w', '-l', log];
    // Without the daemon's settings it may not even come up; what matters is what it tries to be.
    const isUp = asPostgres([...control, 'start']);
    if (isUp) asPostgres([...control, '-m', 'immediate', 'stop']);
    const told = readFileSync(log, 'utf8');
    expect(told).toContain('entering standby mode');
    expect(told).not.toContain('archive recovery complete');
    await rm(log);
    await cluster.startDaemon(name);
    await expectWhole();
  });
});

describe('the disk of the primary goes wrong', () => {
  test('it hangs: a write and an fsync that do not end count as death', async ({ skip }) => {
    const { name } = await cluster.primary();
    const disk = disks.get(name);
    if (!disk) return skip('file systems cannot be mounted here');
    await disk.freeze();
    await expectFailover(name);
    await disk.thaw();
    await expectWhole();
  });

  test('it is full: writes go on elsewhere, and the node comes back when there is space again', async ({
    skip,
  }) => {
    const { name } = await cluster.primary();
    const disk = disks.get(name);
    if (!disk) return skip('file systems cannot be mounted here');
    await disk.nearlyFill(80);
    expect(await untilTold(cluster, 'disk-nearly-full')).toMatch(
      new RegExp(`^The disk of ${name} .* [89]\\d % full`),
    );
    await fillWal(name, disk);
    await expectFailover(name);
    await disk.fill(false);
    if (!cluster.host(name).daemon) await cluster.startDaemon(name);
    await expectWhole();
  });
});
