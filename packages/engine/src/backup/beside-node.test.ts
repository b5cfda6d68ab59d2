import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { backupConfigSchema } from '../contract/backup.ts';
import { keptDirectory } from '../postgres/data-swap.ts';
import type { NodePlace } from '../postgres/layout.ts';
import { type Clock, systemClock } from '../shared/clock.ts';
import { pollUntil } from '../shared/deadline.ts';
import { silentLogger } from '../shared/logger.ts';
import { demoState } from '../testing/demo-state.ts';
import { BesideNode } from './beside-node.ts';
import type { BackupEngine } from './engine.ts';

let directory: string;
let place: NodePlace;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'beside-'));
  const inside = (name: string) => join(directory, name);
  place = {
    ...{ nodeName: 'node-1', clusterName: 'demo', binDir: '/nowhere', listenHost: '127.0.0.1', port: 5501 },
    ...{ dataDir: inside('data'), stateDir: inside('state'), runDir: inside('run/pg'), osUser: null },
    tls: { ca: '', cert: '', key: '' },
  };
  await mkdir(place.dataDir);
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const config = backupConfigSchema.parse({
  ...{ stanza: 'demo', revision: 1, repository: { type: 'posix', path: '/backups' }, secrets: {} },
  ...{ impact: {}, schedules: [], retention: {}, drills: null, archiveTimeoutSeconds: 60 },
});

/** Its restores fail in the middle, if nothing else is said. */
function besideNode(clock: Clock = systemClock, restore: BackupEngine['restore'] = fail): BesideNode {
  const inventory = async () => ({ backups: [{ label: 'a-backup', databaseBytes: 0 }] });
  const engine = { inventory, restore } as unknown as BackupEngine;
  const plan = { label: 'a-backup', timeline: 1, recovery: { kind: 'latest' } };
  return new BesideNode({
    ...{ place, logger: silentLogger, clock, config: () => config },
    engine: async () => engine,
    plan: async () => ({ ok: true, plan }) as never,
  });
}

async function fail(): Promise<never> {
  throw new Error('the repository is away');
}

const keep = (id: string) => mkdir(keptDirectory(place.dataDir, id));
const names = () => readdir(directory).then((all) => all.filter((name) => name.startsWith('data')).sort());
const past = (id: string, outcome: 'restored' | 'abandoned' = 'restored', node = 'node-1') => ({
  ...{ id, node, outcome, atMs: 0, words: '' },
});

describe('what restores in place have kept', () => {
  it('I-RESTORE-1: stays when a later one fails before its copy is there', async () => {
    await keep('first');
    const node = besideNode();
    node.follow({ ...demoState(), pastRestores: [past('first')] });
    node.start({ id: 'second', attempt: 1, target: { kind: 'latest' }, timeline: 3 });
    const failed = async () => (node.look('second').state === 'failed' ? true : undefined);
    await pollUntil(failed, { what: 'it fails', timeoutMs: 5000, intervalMs: 10 });
    expect(node.look('second').detail).toContain('the repository is away');
    expect(await names()).toEqual(['data', 'data.before-restore-first']);
  });

  it('goes when a later one on this node is recorded, except for its own', async () => {
    for (const id of ['first', 'second', 'third', 'open']) await keep(id);
    const node = besideNode();
    const pastRestores = [
      past('first'),
      past('second'),
      past('third', 'restored', 'node-2'),
      past('open', 'abandoned'),
    ];
    node.follow({ ...demoState(), pastRestores });
    const isGone = async () => ((await names()).includes('data.before-restore-first') ? undefined : true);
    await pollUntil(isGone, { what: 'the first is gone', timeoutMs: 5000, intervalMs: 10 });
    const left = ['open', 'second', 'third'].map((id) => `data.before-restore-${id}`);
    expect(await names()).toEqual(['data', ...left]);
  });
});

it('a copy goes on for longer without a decider than a decider waits to hear of it', async () => {
  let nowMs = 0;
  let watch: () => void = () => undefined;
  const every = (_: number, work: () => void) => {
    watch = work;
    return () => undefined;
  };
  const clock: Clock = { monotonicMs: () => nowMs, wallMs: () => nowMs, after: () => () => undefined, every };
  let ended: AbortSignal | null = null;
  const node = besideNode(clock, ({ signal }) => {
    ended = signal ?? null;
    return new Promise(() => undefined);
  });
  node.start({ id: 'a', attempt: 1, target: { kind: 'latest' }, timeline: 3 });
  const begun = async () => ended ?? undefined;
  const signal = await pollUntil(begun, { what: 'it begins', timeoutMs: 5000, intervalMs: 5 });
  nowMs = 180_000;
  watch();
  expect(signal.aborted).toBe(false);
  nowMs = 601_000;
  watch();
  expect(signal.aborted).toBe(true);
});
