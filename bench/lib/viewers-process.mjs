// People and programs that look at a console, in a process of their own: requests at a fixed rate, each counted from when it was
// due, and browsers that note how old a value is when it arrives. Told by its parent what to do; tells it what was measured.

import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { io } from 'socket.io-client';

const agent = new Agent({ keepAlive: true, maxSockets: 256 });
const deadlineMs = 20_000;

function ask(url, headers) {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent, headers, timeout: deadlineMs }, (answer) => {
      let bytes = 0;
      answer.on('data', (chunk) => {
        bytes += chunk.length;
      });
      answer.once('end', () => resolve({ status: answer.statusCode, bytes }));
      answer.once('error', reject);
    });
    sent.once('timeout', () => sent.destroy(new Error('no answer in time')));
    sent.once('error', reject);
    sent.end();
  });
}

function questions(url, clusters) {
  const input = (value) => encodeURIComponent(JSON.stringify(value));
  const any = () => clusters[Math.floor(Math.random() * clusters.length)].id;
  return {
    'REST, all clusters': () => `${url}/api/v1/clusters`,
    'REST, one cluster': () => `${url}/api/v1/clusters/${any()}`,
    'tRPC, all clusters': () => `${url}/api/trpc/clusters.list?input=${input({})}`,
    'tRPC, one cluster': () => `${url}/api/trpc/clusters.get?input=${input({ clusterId: any() })}`,
  };
}

/** Open loop: the next question is asked when it is due, whether or not the one before was answered. */
async function look({ url, token, clusters, rate, seconds, isQuiet }) {
  const kinds = Object.entries(questions(url, clusters));
  const measured = Object.fromEntries(kinds.map(([kind]) => [kind, { ms: [], bytes: 0, failed: 0 }]));
  const headers = { authorization: `Bearer ${token}` };
  const asked = [];
  const startMs = performance.now();
  for (let count = 0; count < rate * seconds; count += 1) {
    const dueMs = startMs + (count * 1000) / rate;
    const leftMs = dueMs - performance.now();
    if (leftMs > 0) await delay(leftMs);
    const [kind, urlOf] = kinds[count % kinds.length];
    const into = measured[kind];
    const one = ask(urlOf(), headers)
      .then(({ status, bytes }) => {
        into.ms.push(performance.now() - dueMs);
        into.bytes = bytes;
        if (status !== 200) into.failed += 1;
      })
      .catch(() => {
        into.failed += 1;
      });
    asked.push(one);
  }
  await Promise.all(asked);
  process.send({ measured: isQuiet ? null : measured });
}

/** Two browsers: one shows the fleet, one a cluster. A lag says when it was told. */
async function watch({ url, cookie, clusters, beganMs }) {
  const [shown] = clusters.slice(-1);
  const freshMs = { fleet: [], cluster: [] };
  const bytes = { fleet: 0, cluster: 0 };
  const open = (what) => {
    const socket = io(`${url}/live`, { transports: ['websocket'], forceNew: true, extraHeaders: { cookie } });
    socket.on('connect', () => socket.emit('watch', what));
    return socket;
  };
  const note = (into, { status }) => {
    const told = status.nodes.find(({ role, lagMs }) => role === 'standby' && lagMs !== null)?.lagMs;
    if (told !== undefined) into.push(Date.now() - beganMs - told);
  };
  const fleet = open({ fleet: true, clusterIds: [] });
  const one = open({ fleet: false, clusterIds: [shown.id] });
  for (const [name, socket] of Object.entries({ fleet, cluster: one })) {
    socket.on('connect', () => {
      socket.io.engine.on('packet', ({ data }) => {
        bytes[name] += data?.length ?? 0;
      });
    });
  }
  // A console without pictures of the fleet sends every status as it comes.
  fleet.on('status', (live) => note(freshMs.fleet, live));
  fleet.on('fleet', ({ clusters: told }) => told.forEach((live) => void note(freshMs.fleet, live)));
  one.on('status', (live) => {
    if (live.clusterId === shown.id) note(freshMs.cluster, live);
  });
  process.on('message', ({ forget, tell }) => {
    if (forget) for (const list of [freshMs.fleet, freshMs.cluster]) list.length = 0;
    if (forget) Object.assign(bytes, { fleet: 0, cluster: 0 });
    if (tell) process.send({ freshMs, bytes });
  });
}

process.on('message', ({ watch: toWatch, look: toLook }) => {
  if (toWatch) void watch(toWatch);
  if (toLook) void look(toLook);
});
process.on('disconnect', () => process.exit(0));
