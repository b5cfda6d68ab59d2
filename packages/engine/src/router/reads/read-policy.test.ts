import { expect, it } from 'vitest';
import { usualRouterSettings } from '../../contract/router-settings.ts';
import { Classifier } from '../classify/classifier.ts';
import { noTopology, type RouterTopology } from '../topology.ts';
import type { Consistency } from './consistency.ts';
import { LoadBalancer } from './load-balancer.ts';
import { ReadPolicy, type ReadPolicyOptions } from './read-policy.ts';
import type { WriteToken } from './write-clock.ts';

const node = { name: 'node-2', host: '', port: 0, socketDirectory: null, isReadable: true };
const topology: RouterTopology = {
  ...{ ...noTopology, epoch: 3, primary: 'node-1' },
  nodes: [{ ...node, lagBytes: 0, lagMs: 0, weight: 1 }],
};
const classifier = new Classifier();
const statement = (text: string) =>
  classifier.classify(Buffer.from(text), { start: 0, end: text.length }, false);
const read = statement('select 1');
const hinted = statement('/* quantadb: replica */ select 1');

/** A session whose writes lie at `written`, before a standby that has replayed up to `replayed`. */
function session() {
  const now = { isSplit: true, consistency: 'session' as Consistency, written: 10n, replayed: 10n };
  const clock = { token: (): WriteToken => ({ position: now.written, epoch: topology.epoch }) };
  const monitor = {
    wanted: () => undefined,
    latencyMs: () => null,
    readiness: () => 1,
    hasReplayed: (_node: string, position: bigint) => now.replayed >= position,
  };
  const policy = new ReadPolicy({
    ...({ clock, monitor } as unknown as Pick<ReadPolicyOptions, 'clock' | 'monitor'>),
    balancer: new LoadBalancer(() => 0.5),
    isSplit: () => now.isSplit,
    consistency: () => now.consistency,
    topology: () => topology,
    settings: () => usualRouterSettings,
    busyOn: () => 0,
    isProvenRead: ({ facts }) => facts.looksReadOnly,
  });
  return { now, policy };
}

it('a read goes to a standby that has replayed what its session wrote (I-ROUTER-6)', () => {
  const { now, policy } = session();
  expect(policy.route(read)).toBe('node-2');
  now.replayed = 9n;
  policy.wrote();
  expect(policy.route(read)).toBeNull();
  now.replayed = 10n;
  expect(policy.route(read)).toBe('node-2');
});

it('what was written before the split was switched on is part of that (I-ROUTER-6, I-ROUTER-9)', () => {
  const { now, policy } = session();
  Object.assign(now, { isSplit: false, replayed: 9n });
  policy.wrote();
  expect(policy.route(read)).toBeNull();
  expect(policy.route(hinted)).toBeNull();
  now.isSplit = true;
  expect(policy.route(read)).toBeNull();
  now.replayed = 10n;
  expect(policy.route(read)).toBe('node-2');
});

it('and what was written before the session was promised it', () => {
  const { now, policy } = session();
  Object.assign(now, { consistency: 'eventual', replayed: 9n });
  policy.wrote();
  expect(policy.route(read)).toBe('node-2');
  now.consistency = 'session';
  expect(policy.route(read)).toBeNull();
});
