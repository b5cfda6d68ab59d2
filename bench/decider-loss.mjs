// Kills the host that decides (its daemon, reaper and PostgreSQL) at every step of every operation, with writers, and lets it come
// back two seconds later: the operation has to end, done or failed with a reason; a failed one is gone on with. Table on stderr, JSON on
// stdout; ends with 1 when an operation is left half-done, the cluster does not become healthy, or an acknowledged row is missing.
//
//   npm run bench -- decider-loss [--only=<kind of operation>]

import { setTimeout as delay } from 'node:timers/promises';
import { credentials, RealCluster } from '../apps/node-daemon/dist/testing/real-cluster.js';
import { operationSteps } from '../packages/engine/dist/cluster/operation-steps.js';
import { pollUntil } from '../packages/engine/dist/shared/deadline.js';
import { machineLoad, printTable, say } from './lib/figures.mjs';
import { inWorkspace } from './lib/workspace.mjs';
import { Writers } from './lib/writers.mjs';

const only = process.argv.find((each) => each.startsWith('--only='))?.slice('--only='.length) ?? '';
const names = ['node-1', 'node-2', 'node-3'];
const triesMax = 3;
const awayMs = 2000;
const operationMs = 120_000;

let cluster = null;

const hostOf = (name) => {
  const { addresses, kind } = cluster.host(name).config;
  return { name, addresses, kind };
};
/** Neither the primary nor the one that decides. */
const bystander = async () => {
  const { nodes, primary, raft } = await settled();
  const other = nodes.find(({ name }) => name !== primary && name !== raft.leader && name !== 'spare-1');
  return other.name;
};
const settled = async () => {
  await cluster.untilHealthy();
  return cluster.until(
    'decided elsewhere',
    ({ raft, primary }) => raft.leader !== null && raft.leader !== primary,
  );
};
const withSpare = (wanted) => async () => {
  const isThere = (await settled()).nodes.some(({ name }) => name === 'spare-1');
  if (wanted && !isThere) await cluster.addNode('node-1', 'spare-1');
  if (!wanted && isThere)
    await cluster.run((await cluster.primary()).name, { kind: 'remove-node', node: 'spare-1' });
  await settled();
};

const operations = [
  { prepare: withSpare(false), request: async () => ({ kind: 'add-node', host: hostOf('spare-1') }) },
  { prepare: withSpare(true), request: async () => ({ kind: 'remove-node', node: 'spare-1' }) },
  { request: async () => ({ kind: 'switchover', to: null }) },
  { request: async () => ({ kind: 'restart-node', node: await bystander() }) },
  { request: async () => ({ kind: 'rolling-restart' }) },
  { request: async () => ({ kind: 'reinitialise-node', node: await bystander() }) },
  {
    request: async () => ({
      kind: 'set-parameters',
      parameters: { work_mem: `${4 + Math.ceil(Math.random() * 9)}MB` },
    }),
  },
  {
    request: async () => ({
      kind: 'set-durability',
      durability: {
        mode: 'quorum',
        strictness: 'strict',
        syncTimeoutMs: 5000 + Math.ceil(Math.random() * 1000),
      },
    }),
  },
  { request: async () => ({ kind: 'set-node', node: await bystander(), change: { priority: 50 } }) },
];

async function start(request) {
  const { client } = cluster.host((await cluster.primary()).name);
  const attempt = async () => {
    const plan = await client.plan(request);
    if (plan.refusal) throw new Error(plan.refusal);
    return client
      .start({ request, planHash: plan.hash, requestedBy: 'bench', reason: '' })
      .catch((error) => (error.message.includes('since the plan') ? undefined : Promise.reject(error)));
  };
  const limits = { what: `${request.kind} starts`, timeoutMs: 20_000, intervalMs: 50 };
  return { client, id: (await pollUntil(attempt, limits)).operationId };
}

const find = async (client, id) => (await client.operations().catch(() => [])).find((each) => each.id === id);

/** @returns the step at which the decider died; null when the operation was too quick */
async function killAt(step, { client, id }) {
  const decider = (await cluster.status())?.raft.leader;
  const endMs = Date.now() + operationMs;
  while (Date.now() < endMs) {
    const operation = await find(client, id);
    if (operation && operation.state !== 'running') return null;
    const current = operation?.steps.findIndex(({ state }) => state === 'running') ?? -1;
    if (current > step) return null;
    if (current < step) continue;
    await cluster.killNode(decider);
    return decider;
  }
  throw new Error(`operation ${id} has not come to step ${step}`);
}

async function ended(id) {
  const look = async () => {
    for (const name of [...names, 'spare-1']) {
      const operation = await find(cluster.host(name).client, id);
      if (operation && operation.state !== 'running') return operation;
    }
    return undefined;
  };
  return pollUntil(look, { what: 'the operation ends', timeoutMs: 120_000, intervalMs: 100 });
}

async function play({ prepare, request }, step) {
  for (let attempt = 0; attempt < triesMax; attempt += 1) {
    await (prepare ?? settled)();
    await settled();
    const wanted = await request();
    const running = await start(wanted);
    const decider = await killAt(step, running);
    if (decider) await delay(awayMs);
    if (decider) await cluster.startDaemon(decider);
    const operation = await ended(running.id);
    let outcome = operation.state;
    if (operation.state === 'failed') outcome = `failed (${operation.error}), then ${await goOn()}`;
    await cluster.untilHealthy();
    if (decider) return { kind: wanted.kind, step, outcome, wellAfter: true };
  }
  return { kind: (await request()).kind, step, outcome: 'too quick to be met', wellAfter: true };
}

/** As the message of a failed operation says. */
async function goOn() {
  await cluster.untilHealthy();
  const again = await start({ kind: 'retry-operation', operation: null }).catch((error) => error.message);
  return typeof again === 'string' ? again : (await ended(again.id)).state;
}

await inWorkspace(
  async () => {
    cluster = await RealCluster.create([...names, 'spare-1']);
    await cluster.startAll();
    await cluster.form('node-1', names.slice(1));
    const writers = new Writers({
      ...{
        count: 4,
        prefix: 'acks',
        endpoints: cluster.endpoints([...names, 'spare-1']),
        credentials,
        pauseMs: 5,
      },
    });
    await writers.start();
    const results = [];
    for (const operation of operations) {
      const { kind } = await sample(operation);
      if (!kind.includes(only)) continue;
      for (const step of operationSteps[kind].keys()) {
        const result = await play(operation, step);
        results.push(result);
        say(`${kind}, ${operationSteps[kind][step]}: ${result.outcome}`);
      }
    }
    const client = await cluster.connect((await cluster.primary()).name);
    const { acknowledged, lost } = await writers.verify(client);
    await client.end();
    printTable(
      ['operation', 'step', 'outcome'],
      results.map(({ kind, step, outcome }) => [kind, operationSteps[kind][step], outcome]),
    );
    say(`${acknowledged} acknowledged, ${lost} lost`);
    console.log(JSON.stringify({ bench: 'decider-loss', load: machineLoad(), acknowledged, lost, results }));
    if (lost > 0) process.exitCode = 1;
  },
  async () => cluster?.cleanUp(),
);

async function sample({ prepare, request }) {
  await (prepare ?? settled)();
  return request();
}
