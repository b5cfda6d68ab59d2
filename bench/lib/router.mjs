// A router in a process of its own before real servers, as a daemon would run it.

import { readFileSync } from 'node:fs';
import { routerSettingsOf } from '../../packages/engine/dist/contract/router-settings.js';
import { createApplication } from '../../packages/engine/dist/postgres/application-role.js';
import { sql, TestCluster } from '../../packages/engine/dist/postgres/testing/test-cluster.js';
import { RouterCrew } from '../../packages/engine/dist/router/worker/router-crew.js';
import { pollUntil } from '../../packages/engine/dist/shared/deadline.js';
import { freePort } from '../../packages/engine/dist/testing/free-port.js';

export const application = { role: 'app', database: 'app', password: 'secret' };
const ignore = () => undefined;
const silent = { debug: ignore, info: ignore, warn: ignore, error: console.error };

/** @param {number} standbys how many stream from the primary @param {Record<string, string>} parameters of all of them */
export async function startServers(standbys, parameters = {}) {
  const cluster = await TestCluster.create();
  try {
    const primary = await cluster.primary('node-1', undefined, parameters);
    await createApplication(primary.place, application);
    await sql(primary, 'GRANT SELECT ON pg_catalog.pg_authid TO quantadb_replication');
    const others = [];
    for (let i = 0; i < standbys; i += 1)
      others.push(await cluster.standby(`node-${i + 2}`, primary, parameters));
    return { cluster, primary, standbys: others };
  } catch (error) {
    await cluster.cleanUp();
    throw error;
  }
}

/** @param {Awaited<ReturnType<typeof startServers>>} servers @param {object} settings that differ from the usual ones */
export async function startRouter({ primary, standbys }, settings) {
  const { tls, runDir } = primary.place;
  const read = (path) => readFileSync(path, 'utf8');
  const port = await freePort();
  const crew = new RouterCrew({
    ...{
      workers: 1,
      successorWaitMs: 25_000,
      askEpoch: async () => 1,
      doors: null,
      build: async () => 'bench',
    },
    ...{ name: 'bench', mark: runDir, logger: silent, logLevel: 'warn', logFile: null, onReload: ignore },
    program: new URL('../../apps/node-daemon/dist/router-worker.js', import.meta.url).pathname,
    listen: { host: '127.0.0.1', port },
    settings: routerSettingsOf(settings),
    tls: { ca: read(tls.ca), cert: read(tls.cert), key: read(tls.key) },
  });
  const topology = {
    ...{ cluster: 'bench', epoch: 1, timeline: 2, primary: 'node-1', follows: null, drain: null, hba: [] },
    nodes: [primary, ...standbys].map(({ place }) => ({
      ...{
        name: place.nodeName,
        host: '127.0.0.1',
        port: place.port,
        socketDirectory: place.runDir,
        weight: 1,
      },
      ...{ isReadable: place !== primary.place, lagBytes: 0, lagMs: 0 },
    })),
  };
  crew.useTopology(topology);
  // As a daemon does: lag that was told of long ago is not believed.
  const again = setInterval(() => crew.useTopology(topology), 1000).unref();
  await crew.start();
  const isUp = async () => crew.report ?? undefined;
  await pollUntil(isUp, { what: 'the router tells of itself', timeoutMs: 20_000, intervalMs: 50 });
  const [pid] = crew.pids;
  return {
    ...{ port, pid },
    counters: () => crew.report?.counters ?? {},
    set: (changed) => crew.useSettings(routerSettingsOf(settings, changed)),
    stop: () => {
      clearInterval(again);
      return crew.stop(0);
    },
  };
}

/** @returns {Promise<import('pg').Client>} */
export async function connect(port, options = '') {
  const { default: pg } = await import('pg');
  const { role: user, database, password } = application;
  const client = new pg.Client({ host: '127.0.0.1', port, user, database, password, options });
  client.on('error', ignore);
  await client.connect();
  return client;
}
