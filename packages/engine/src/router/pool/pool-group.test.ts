import { describe, expect, it } from 'vitest';
import { routerSettingsOf } from '../../contract/router-settings.ts';
import { Counters } from '../counters.ts';
import type { ServerConnection } from '../server/server-connection.ts';
import { SharedLine } from '../server/shared-line.ts';
import { PoolGroup } from './pool-group.ts';
import type { Opened } from './pool-resources.ts';
import type { Waiter } from './wait-queue.ts';

const usual = { primary: 'node-1', drain: null, follows: null, nodes: [{ name: 'node-1' }] };

/** A pool whose servers are opened when the test says so, and nobody is answered before it says so. */
function poolOf(settings: object, waiting: number, topology: object = usual) {
  const opened: ((outcome: Opened) => void)[] = [];
  const group = new PoolGroup(
    { user: 'app', database: 'app', credential: {} } as never,
    {
      ...({ topology: () => topology, isPaused: () => false, mayOpen: () => true } as never as object),
      settings: () => routerSettingsOf(settings),
      counters: new Counters(),
      nowMs: () => 0,
      connect: () => new Promise<Opened>((resolve) => opened.push(resolve)),
    } as never,
  );
  const alone: number[] = [];
  const told: string[] = [];
  const join = (server: ServerConnection) => server.line.join({} as never);
  const waiters = Array.from(
    { length: waiting },
    (_, index): Waiter => ({
      granted: () => alone.push(index),
      denied: ({ sqlState }) => told.push(sqlState),
      shared: { wouldShare: () => true, invite: join },
    }),
  );
  for (const waiter of waiters) expect(group.acquire(waiter, null)).toBeNull();
  const free = async () => {
    const line = new SharedLine();
    const server = { node: 'node-1', isReusable: true, line, settings: new Map() };
    opened.shift()?.({ ok: true, server: server as never });
    await Promise.resolve();
    return line;
  };
  const refuse = async (sqlState: string, detail: string) => {
    opened.shift()?.({ ok: false, failure: { kind: 'refused', sqlState, detail, raw: Buffer.alloc(0) } });
    await Promise.resolve();
    return told;
  };
  return { group, free, refuse, alone };
}

describe('those who wait and may share', () => {
  it('go to the shared connections up to their depth, and to each other one in equal parts', async () => {
    const { free, alone } = poolOf({ poolSize: 4, sharedConnections: 1, sharedDepth: 24 }, 64);
    const lengths: number[] = [];
    for (let i = 0; i < 4; i++) lengths.push((await free()).length);
    expect(lengths).toEqual([24, 10, 8, 6]);
    expect(alone).toEqual([]);
  });

  it('have the places that have become free in a line before anybody new', async () => {
    const { group, free, alone } = poolOf({ poolSize: 1, sharedConnections: 1, sharedDepth: 24 }, 44);
    const line = await free();
    const wish = { settings: new Map(), told: { isTrueOf: () => true }, places: 24, spreadFrom: 8 };
    for (let i = 0; i < 10; i++) line.next(0);
    expect(group.share(null, wish)).toBeNull();
    expect([line.length, group.waitingCount]).toEqual([24, 10]);
    for (let i = 0; i < 12; i++) line.next(0);
    expect(group.share(null, wish)?.line).toBe(line);
    expect([line.length, group.waitingCount, alone]).toEqual([22, 0, []]);
  });

  it('take a server each when sharing is off', async () => {
    const { free, alone } = poolOf({ poolSize: 2, sharing: false }, 5);
    expect([(await free()).length, (await free()).length]).toEqual([0, 0]);
    expect(alone).toEqual([0, 1]);
  });
});

it('I-ROUTER-19: whoever waits is told what PostgreSQL has against them, and waits on where it is only closed', async () => {
  const rejects =
    'pg_hba.conf rejects connection for host "10.0.0.1", user "app", database "app", no encryption';
  expect(await poolOf({ poolSize: 1 }, 1).refuse('28000', rejects)).toEqual([]);
  expect(await poolOf({ poolSize: 1 }, 1).refuse('57P03', 'the database system is starting up')).toEqual([]);
  expect(await poolOf({ poolSize: 1 }, 1).refuse('28000', 'no pg_hba.conf entry for host')).toEqual([
    '28000',
  ]);
  expect(await poolOf({ poolSize: 1 }, 1).refuse('3D000', 'database "app" does not exist')).toEqual([
    '3D000',
  ]);
});

it('closes connections that nobody uses, and each that is given back, once its primary is about to be stopped', () => {
  const topology: { drain: string | null } & object = { ...usual };
  const { group } = poolOf({ poolSize: 2 }, 0, topology);
  const closed: string[] = [];
  const server = (name: string) => {
    const connection = { node: 'node-1', isReusable: true, isClosed: false, line: new SharedLine() };
    return { ...connection, close: () => closed.push(name) } as unknown as ServerConnection;
  };
  const [unused, lent] = [server('unused'), server('lent')];
  group.release(unused);
  topology.drain = 'a switchover is under way';
  group.topologyChanged(new Set());
  expect(closed).toEqual(['unused']);
  group.release(lent);
  expect(closed).toEqual(['unused', 'lent']);
  topology.drain = null;
  group.release(server('later'));
  group.topologyChanged(new Set());
  expect(closed).toEqual(['unused', 'lent']);
});
