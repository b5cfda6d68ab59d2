import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { PostmasterExit } from '../../postgres/postmaster-host.ts';
import { systemClock } from '../../shared/clock.ts';
import { pollUntil } from '../../shared/deadline.ts';
import { ReaperClient } from './client.ts';
import { killOrphans } from './orphans.ts';
import { isAlive, readStat } from './process-tree.ts';
import { spawnReaper } from './spawn.ts';
import { ReaperFixture } from './testing/reaper-fixture.ts';

const createSpin = `
  CREATE TABLE written (n int);
  CREATE PROCEDURE spin() LANGUAGE plpgsql AS
    $$ BEGIN LOOP INSERT INTO written VALUES (1); COMMIT; END LOOP; END $$`;

let fixture: ReaperFixture;

beforeEach(async () => {
  fixture = await ReaperFixture.create();
});

afterEach(async () => {
  await fixture.cleanUp();
});

const inMs = (milliseconds: number) => systemClock.monotonicMs() + milliseconds;

const exitOf = (client: ReaperClient) =>
  new Promise<PostmasterExit>((resolve) => {
    client.onExit(resolve);
  });

const lossOf = (client: ReaperClient) =>
  new Promise<Error | null>((resolve) => {
    client.onClosed(resolve);
  });

const isRunning = (pid: number) => {
  const stat = readStat(pid);
  return stat !== null && isAlive(stat);
};

/** A program that PostgreSQL started and that no parent leads back to. */
async function startLostProgram(): Promise<number> {
  await fixture.query(`COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; setsid sleep 1000 >/dev/null 2>&1 &'`);
  const find = async () => fixture.living().find((each) => each.name === 'sleep')?.pid;
  return pollUntil(find, { what: 'the lost program runs', timeoutMs: 10_000, intervalMs: 10 });
}

test('I-LEASE-3: an unrenewed deadline ends the postmaster and everything below it', async () => {
  const { client, pid } = await fixture.started();
  await fixture.query(createSpin);
  await fixture.busy(5, 'CALL spin()');
  await fixture.busy(15, "DO 'BEGIN LOOP PERFORM pg_sleep(0.001); END LOOP; END'");
  await fixture.busy(1, "COPY (SELECT 1) TO PROGRAM 'sleep 1000'");
  const lost = await startLostProgram();
  expect(fixture.living().length).toBeGreaterThan(22);
  const exit = exitOf(client);
  expect(await client.arm(inMs(1_500))).toEqual({ ok: true });
  expect(await exit).toEqual({ code: null, signal: 'SIGKILL' });
  expect(fixture.living()).toEqual([]);
  expect([pid, lost].filter(isRunning)).toEqual([]);
  expect(await client.status()).toMatchObject({
    postmaster: null,
    armed: false,
    deadlineMs: null,
    killing: false,
    lastExit: { code: null, signal: 'SIGKILL' },
  });
});

test('the reaper and PostgreSQL survive a killed daemon, and the next one goes on', async () => {
  const daemon = await fixture.daemon(30_000);
  daemon.process.kill('SIGKILL');
  await once(daemon.process, 'exit');
  const client = await fixture.connect();
  expect(client.adopted).toBe(true);
  expect(client.reaperPid).toBe(daemon.reaperPid);
  expect(await client.status()).toMatchObject({ postmaster: { pid: daemon.postmasterPid }, armed: true });
  expect(await fixture.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  expect(await client.arm(inMs(60_000))).toEqual({ ok: true });
  await client.kill('the end of the test');
  expect(fixture.living()).toEqual([]);
});

test('the deadline ends PostgreSQL when its daemon hangs', async () => {
  const daemon = await fixture.daemon(4_000);
  expect(await fixture.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  daemon.process.kill('SIGSTOP');
  await fixture.untilDead(daemon.postmasterPid);
  await fixture.untilNothingLives();
  expect(isRunning(daemon.reaperPid)).toBe(true);
});

test('I-LEASE-4: PostgreSQL ends with a killed reaper, and its orphans can be found', async () => {
  const { client, pid } = await fixture.started();
  expect((await client.status()).pdeathsig).toBe(true);
  await fixture.query(createSpin);
  await fixture.busy(2, 'CALL spin()');
  const lost = await startLostProgram();
  const loss = lossOf(client);
  process.kill(client.reaperPid, 'SIGKILL');
  await fixture.untilDead(pid);
  expect(await loss).toMatchObject({ code: 'PEER_UNREACHABLE' });
  await expect(client.status()).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
  const { killed } = await killOrphans({ ...fixture.reaper, timeoutMs: 10_000 });
  expect(killed).toContain(lost);
  expect(fixture.living()).toEqual([]);
  // The socket file that was left behind is no obstacle.
  expect(await fixture.connect()).toMatchObject({ adopted: false });
});

test('orphans include a postmaster that has no reaper and no mark', async () => {
  const { pid } = await fixture.startedWithoutReaper();
  const { killed } = await killOrphans({ ...fixture.reaper, timeoutMs: 10_000 });
  expect(killed).toContain(pid);
  expect(fixture.living()).toEqual([]);
  expect(await killOrphans({ ...fixture.reaper, timeoutMs: 0 })).toEqual({ killed: [] });
});

test.runIf(process.getuid?.() === 0)('a server that may not be looked into is not passed over', async () => {
  const { pid } = await fixture.startedWithoutReaper();
  expect(await fixture.killOrphansUnseeing()).toBe('PREFLIGHT_FAILED');
  expect(isRunning(pid)).toBe(true);
});

test('while PostgreSQL runs the reaper lets go of nothing', async () => {
  const { client, pid } = await fixture.started();
  expect(await client.arm(inMs(60_000))).toEqual({ ok: true });
  expect(await client.disarm()).toEqual({ ok: false });
  expect(await client.arm(inMs(400))).toEqual({ ok: false, reason: 'too_late' });
  await expect(client.arm(systemClock.wallMs())).rejects.toMatchObject({ code: 'REFUSED' });
  await expect(client.shutdown()).rejects.toMatchObject({ code: 'REFUSED' });
  await expect(client.start(fixture.postmaster)).rejects.toMatchObject({ code: 'REFUSED' });
  process.kill(client.reaperPid, 'SIGTERM');
  process.kill(client.reaperPid, 'SIGINT');
  process.kill(client.reaperPid, 'SIGHUP');
  expect(await client.status()).toMatchObject({ postmaster: { pid }, armed: true });
});

test('PostgreSQL stops in good order, and then the reaper ends', async () => {
  const { client } = await fixture.started();
  const { socketPath } = fixture.reaper;
  expect(statSync(socketPath).mode & 0o777).toBe(0o600);
  await client.arm(inMs(60_000));
  const exit = exitOf(client);
  await client.signal('SIGINT');
  expect(await exit).toEqual({ code: 0, signal: null });
  expect(await client.status()).toMatchObject({ postmaster: null, strays: [], armed: true });
  expect(await client.disarm()).toEqual({ ok: true });
  await client.shutdown();
  await fixture.untilDead(client.reaperPid);
  expect(existsSync(socketPath)).toBe(false);
});

test('what outlives PostgreSQL is killed; a stranger in the data directory is not', async () => {
  const { client } = await fixture.started();
  const lost = await startLostProgram();
  const stranger = fixture.track(spawn('sleep', ['1000'], { cwd: fixture.dataDir, stdio: 'ignore' }));
  await once(stranger, 'spawn');
  const exit = exitOf(client);
  await client.signal('SIGINT');
  expect(await exit).toEqual({ code: 0, signal: null });
  expect((await client.status()).strays).toEqual([lost]);
  expect(isRunning(lost)).toBe(false);
  await killOrphans({ ...fixture.reaper, timeoutMs: 10_000 });
  expect(isRunning(stranger.pid ?? 0)).toBe(true);
});

test('the newest daemon takes over from an older one, a foreign one does not', async () => {
  const older = await fixture.connect();
  const loss = lossOf(older);
  const newer = await fixture.connect();
  expect(newer.adopted).toBe(true);
  expect(await loss).toMatchObject({ code: 'REFUSED' });
  await expect(older.arm(inMs(60_000))).rejects.toMatchObject({ code: 'REFUSED' });
  const foreign = { ...fixture.reaper, mark: 'somebody else' };
  await expect(ReaperClient.connectOrSpawn(foreign)).rejects.toMatchObject({ code: 'REFUSED' });
  expect(await newer.status()).toMatchObject({ postmaster: null, armed: false });
});

test('a start that cannot succeed is told, and the reaper stays usable', async () => {
  const client = await fixture.connect();
  const missing = { ...fixture.postmaster, cwd: '/nonexistent' };
  await expect(client.start(missing)).rejects.toMatchObject({ code: 'POSTGRES_FAILED' });
  const exit = exitOf(client);
  await client.start({ ...fixture.postmaster, args: ['--no-such-option'] });
  expect(await exit).toMatchObject({ code: 1 });
  expect((await client.start(fixture.postmaster)).pid).toBeGreaterThan(1);
});

test('a reaper with neither daemon nor PostgreSQL ends by itself', async () => {
  const child = fixture.track(await spawnReaper({ ...fixture.reaper, idleExitMs: 300 }));
  await once(child, 'exit', { signal: AbortSignal.timeout(20_000) });
  expect(child.exitCode).toBe(0);
});
