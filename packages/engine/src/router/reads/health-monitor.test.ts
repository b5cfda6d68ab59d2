import pg from 'pg';
import { expect, it } from 'vitest';
import { silentLogger } from '../../shared/logger.ts';
import type { ControlConnections } from '../control/control-connections.ts';
import { noTopology } from '../topology.ts';
import { HealthMonitor } from './health-monitor.ts';

it('what a standby had replayed before it was restarted says nothing of what it shows now (I-ROUTER-6)', async () => {
  const seen = { session: 1 as number | null, replayed: '0/20', isDown: false, nowMs: 1000 };
  const ask = async () => {
    if (seen.isDown) throw new Error('it is starting up');
    return [{ replayed: seen.replayed }];
  };
  const node = { name: 'node-2', host: '', port: 0, socketDirectory: null, isReadable: true };
  const topology = { ...noTopology, epoch: 3, nodes: [{ ...node, lagBytes: 0, lagMs: 0, weight: 1 }] };
  const monitor = new HealthMonitor({
    control: { to: () => ({ ask }), sessionOf: () => seen.session } as unknown as ControlConnections,
    ...{ logger: silentLogger, nowMs: () => seen.nowMs, topology: () => topology },
    ...{ isUsed: () => true, silent: () => undefined },
  });
  const look = async () => {
    seen.nowMs += 1000;
    const stop = monitor.start({
      monotonicMs: () => 0,
      wallMs: () => 0,
      after: () => () => undefined,
      every: () => () => undefined,
    });
    await new Promise((resolve) => setImmediate(resolve));
    stop();
  };
  await look();
  expect(monitor.hasReplayed('node-2', 0x20n)).toBe(true);
  expect(monitor.hasReplayed('node-2', 0x21n)).toBe(false);
  seen.session = null;
  expect(monitor.hasReplayed('node-2', 0x20n)).toBe(false);
  seen.isDown = true;
  await look();
  Object.assign(seen, { session: 2, isDown: false, replayed: '0/10' });
  expect(monitor.hasReplayed('node-2', 0x20n)).toBe(false);
  await look();
  expect(monitor.hasReplayed('node-2', 0x20n)).toBe(false);
  expect(monitor.hasReplayed('node-2', 0x10n)).toBe(true);
});

it('a node is silent when it says nothing twice, and not when it says that it cannot serve', async () => {
  let nowMs = 0;
  let failure: Error = new pg.DatabaseError('the database system is starting up', 10, 'error');
  const heard: boolean[] = [];
  const ask = async () => {
    nowMs += 1000;
    throw failure;
  };
  const node = { name: 'node-2', host: '', port: 0, socketDirectory: null, isReadable: true };
  const topology = { ...noTopology, nodes: [{ ...node, lagBytes: 0, lagMs: 0, weight: 1 }] };
  const monitor = new HealthMonitor({
    control: { to: () => ({ ask }), sessionOf: () => 1 } as unknown as ControlConnections,
    ...{ logger: silentLogger, nowMs: () => nowMs, topology: () => topology, isUsed: () => false },
    silent: (_, isFirst) => heard.push(isFirst),
  });
  const looks = async (count: number) => {
    for (let i = 0; i < count; i++) {
      nowMs += 1000;
      const [after, every] = [() => () => undefined, () => () => undefined];
      monitor.start({ monotonicMs: () => 0, wallMs: () => 0, after, every })();
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await looks(3);
  expect(heard).toEqual([]);
  failure = new Error('Query read timeout');
  await looks(3);
  expect(heard).toEqual([true, false, false]);
  // However long ago it was put out of service for the last time: nothing is sent where nobody answers.
  nowMs += 3_600_000;
  expect(monitor.readiness('node-2')).toBe(0);
  topology.nodes = [];
  await looks(2);
  expect(heard).toHaveLength(3);
});
