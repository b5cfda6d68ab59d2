import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { outdatedWords } from '@quantadb/engine/contract/operation-plan';
import type { OperationRequest } from '@quantadb/engine/contract/operations';
import { QuantaError } from '@quantadb/engine/shared/errors';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { DaemonClient } from '../client.ts';
import type { HostConfig } from '../host-config.ts';
import { bringUp } from './bring-up.ts';
import { demoHosts } from './layout.ts';

/** A cluster that does at once what it is asked, as its daemons would tell of it. */
class ObedientCluster {
  readonly members: string[];
  readonly asked: string[] = [];
  operationState = 'done';
  health = 'healthy';
  /** So often something else is agreed on between a plan and its start. */
  outdated = 0;

  constructor(members: string[]) {
    this.members = members;
  }

  client(name: string): DaemonClient {
    const parts = {
      host: async () => ({ name, cluster: this.members.includes(name) ? 'demo' : null }),
      plan: async () => ({ refusal: null, hash: 'hash' }),
      start: async ({ request }: { request: OperationRequest }) => this.perform(request),
      operations: async () => [{ id: 'operation', state: this.operationState, error: 'out of luck' }],
      status: async () =>
        this.members.length === 0
          ? null
          : {
              health: this.health,
              primary: 'node-1',
              nodes: this.members.map((member) => ({ name: member })),
            },
    };
    return parts as unknown as DaemonClient;
  }

  private perform(request: OperationRequest): { operationId: string } {
    if (this.outdated > 0) {
      this.outdated -= 1;
      throw new QuantaError('REFUSED', `the cluster ${outdatedWords}`);
    }
    this.asked.push(request.kind);
    if (request.kind === 'create-cluster') this.members.push('node-1');
    if (request.kind === 'add-node') this.members.push(request.host.name);
    return { operationId: 'operation' };
  }
}

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(process.env.QUANTADB_TEST_DIR ?? tmpdir(), 'bring-up-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function start(cluster: ObedientCluster, signal = new AbortController().signal) {
  const hosts = await Promise.all(demoHosts.map(writeHost));
  return bringUp({
    system: { version: 1, console: 'http://127.0.0.1:1', hosts },
    secrets: { application: { role: 'app', database: 'app', password: 'a password' } },
    formedFile: join(directory, 'formed'),
    client: (name) => cluster.client(name),
    say: () => undefined,
    signal,
  });
}

async function writeHost(name: string, index: number) {
  const at = { host: '127.0.0.1', port: 1024 + index };
  const path = (file: string) => join(directory, name, file);
  const config: HostConfig = {
    version: 1,
    name,
    kind: 'data',
    addresses: { raft: at, api: at, postgres: at },
    listenHost: '127.0.0.1',
    stateDir: path('state'),
    dataDir: path('data'),
    runDir: path('run'),
    binDir: path('bin'),
    osUser: null,
    tls: { ca: path('ca'), cert: path('cert'), key: path('key') },
    timing: 'lan',
    console: null,
    logLevel: 'info',
    hooks: [],
    metricsTokenFile: null,
    router: null,
  };
  const configFile = join(directory, `${name}.json`);
  await writeFile(configFile, JSON.stringify(config));
  return { name, api: `http://127.0.0.1:${at.port}`, socket: path('socket'), config: configFile };
}

test('the first start makes a cluster of three', async () => {
  const cluster = new ObedientCluster([]);
  await start(cluster);
  expect(cluster.asked).toEqual(['create-cluster', 'add-node', 'add-node']);
  expect(cluster.members).toEqual(['node-1', 'node-2', 'node-3']);
});

test('a first start that was interrupted is completed by the next one', async () => {
  const cluster = new ObedientCluster(['node-1', 'node-2']);
  await start(cluster);
  expect(cluster.members).toEqual(['node-1', 'node-2', 'node-3']);
});

test('a complete cluster keeps the members that people gave it', async () => {
  await start(new ObedientCluster([]));
  const smaller = new ObedientCluster(['node-1', 'spare-1']);
  await start(smaller);
  expect(smaller.asked).toEqual([]);
});

test('an operation that fails is told with its reason, and the cluster does not count as complete', async () => {
  const cluster = new ObedientCluster([]);
  cluster.operationState = 'failed';
  await expect(start(cluster)).rejects.toMatchObject({
    code: 'REFUSED',
    message: 'create-cluster failed: out of luck',
  });
  await expect(stat(join(directory, 'formed'))).rejects.toMatchObject({ code: 'ENOENT' });
});

test('a stop ends the wait', async () => {
  await start(new ObedientCluster([]));
  const cluster = new ObedientCluster(['node-1']);
  cluster.health = 'degraded';
  const stop = new AbortController();
  const started = start(cluster, stop.signal);
  stop.abort();
  await expect(started).rejects.toMatchObject({ name: 'AbortError' });
});

test('a plan that is outdated is made anew, but not for ever', async () => {
  const busy = new ObedientCluster(['node-1']);
  busy.outdated = 4;
  await start(busy);
  expect(busy.asked).toEqual(['add-node', 'add-node']);
  const restless = new ObedientCluster(['node-1']);
  restless.outdated = 1000;
  await rm(join(directory, 'formed'), { force: true });
  await expect(start(restless)).rejects.toThrow(outdatedWords);
});
