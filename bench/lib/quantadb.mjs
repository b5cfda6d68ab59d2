// A three-node QuantaDB cluster as a benchmark handles it: real daemons, reapers and PostgreSQL servers.

import { join } from 'node:path';
import { credentials, RealCluster } from '../../apps/node-daemon/dist/testing/real-cluster.js';
import { withFreshConnection } from '../../packages/engine/dist/postgres/connection.js';
import { pollUntil } from '../../packages/engine/dist/shared/deadline.js';
import { childrenOf, signalProcess } from './workspace.mjs';

export const names = ['node-1', 'node-2', 'node-3'];

/** @param {{ mode: 'quorum' | 'async', parameters?: Record<string, string> }} options PostgreSQL's, as a user gives them */
export async function startQuantaDb({ mode, parameters = {} }) {
  const cluster = await RealCluster.create(names);
  try {
    await cluster.startAll();
    await form(cluster, parameters);
    await untilRaftLeadsElsewhere(cluster);
    if (mode === 'async') await makeAsync(cluster);
  } catch (error) {
    await cluster.cleanUp();
    throw error;
  }
  return subjectOf(cluster, mode);
}

async function form(cluster, parameters) {
  const { user, database, password } = credentials;
  const application = { role: user, database, password };
  await cluster.run(names[0], { kind: 'create-cluster', cluster: 'bench', application, parameters, hba: [] });
  for (const name of names.slice(1)) await cluster.addNode(names[0], name);
  await cluster.untilHealthy(names[0]);
}

async function makeAsync(cluster) {
  const durability = { mode: 'async', strictness: 'strict', syncTimeoutMs: 10_000 };
  await cluster.run('node-1', { kind: 'set-durability', durability });
}

function subjectOf(cluster, mode) {
  const statusOf = async (name) => (await cluster.status())?.nodes.find((node) => node.name === name);
  return {
    cluster,
    credentials,
    endpoints: () => cluster.endpoints(names),
    primary: async () => (await cluster.primary()).name,
    isBack: async (name) => {
      const node = await statusOf(name);
      return node?.state === 'streaming' || (node?.state === 'running' && node.role === 'primary');
    },
    untilWell: async () => {
      await cluster.untilHealthy();
      await untilRaftLeadsElsewhere(cluster);
      if (mode === 'quorum') await cluster.until('two standbys count', isFullySynchronous);
    },
    connect: (name) => cluster.connect(name),
    askAsSuperuser: (name, sql) => askAsSuperuser(cluster, name, sql),
    timelines: async () => ((await cluster.status())?.nodes ?? []).map((node) => node.timeline),
    killHost: (name) => killHost(cluster, name),
    restartHost: (name) => cluster.startDaemon(name),
    crashPostmaster: async (name) => {
      const { pids } = await cluster.host(name).client.node();
      signalProcess(pids.postgres, 'SIGKILL');
    },
    crashBackend: (name) => crashBackend(cluster, name),
    switchOver: async () => {
      await cluster.run((await cluster.primary()).name, { kind: 'switchover', to: null });
    },
    stop: () => cluster.cleanUp(),
  };
}

/** The cluster moves Raft's leader away from the primary by itself; until then one loss is the loss of both. */
async function untilRaftLeadsElsewhere(cluster) {
  const isElsewhere = ({ raft, primary }) => raft.leader !== null && raft.leader !== primary;
  await cluster.until('Raft is led by another node than the primary', isElsewhere);
}

/** Over the host's own socket, as its administrator would. */
export function askAsSuperuser(cluster, name, sql) {
  const place = { runDir: join(cluster.host(name).config.runDir, 'pg'), port: cluster.portOf(name) };
  const options = { what: sql, timeoutMs: 60_000 };
  return withFreshConnection(place, options, async (client) => (await client.query(sql)).rows);
}

function isFullySynchronous(status) {
  return status.nodes.filter((node) => node.sync === 'quorum').length === names.length - 1;
}

/** As if the host had lost its power: daemon, reaper, postmaster and everything below it, in one go. */
async function killHost(cluster, name) {
  const host = cluster.host(name);
  const { pids } = await host.client.node();
  const victims = [host.daemon?.pid, pids.reaper, pids.postgres, ...childrenOf(pids.postgres)];
  for (const pid of victims) if (pid) signalProcess(pid, 'SIGKILL');
  const gone = async () => (host.daemon ? undefined : true);
  await pollUntil(gone, { what: 'the daemon is gone', timeoutMs: 5000, intervalMs: 10 });
}

/** Any backend's death by a signal takes the whole server down (a crash as after the kernel's OOM killer). */
async function crashBackend(cluster, name) {
  const client = await cluster.connect(name);
  const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
  signalProcess(rows[0].pid, 'SIGKILL');
  await client.end().catch(() => undefined);
}
