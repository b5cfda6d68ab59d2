import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { demoStatus } from '../api/testing/api-fixture.ts';
import { asHeard, ConsoleClient } from './console-client.ts';

const id = '00000000-0000-4000-8000-000000000001';
const at = '2026-01-01T00:00:00.000Z';
const event = (number: number) => ({
  ...{ id: number, at, severity: 'info', kind: 'test', node: null, message: `Event ${number}.` },
});
const host = (name: string, state: string, cluster: string | null) => ({
  ...{ name, kind: 'data', state, cluster, version: null, lastSeenAt: null },
});

let server: Server;
let client: ConsoleClient;

beforeEach(async () => {
  const answers: Record<string, unknown> = {
    '/api/v1/clusters': [{ id, name: 'demo', status: demoStatus(), reportedAt: at }],
    '/api/v1/hosts': [host('node-1', 'member', 'demo'), host('spare-1', 'available', null)],
    [`/api/v1/clusters/${id}/events?limit=200`]: [event(3), event(2), event(1)],
  };
  server = createServer((request, response) => {
    const answer = answers[request.url ?? ''];
    response.writeHead(answer ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer ?? { message: 'not here' }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  client = new ConsoleClient({ url: `http://127.0.0.1:${port}`, token: null });
});

afterEach(async () => {
  server.close();
  await once(server, 'close');
});

it('a console that was named tells the status of every cluster, and who is spare', async () => {
  const status = await client.status();
  expect(status.clusters.map((cluster) => cluster.name)).toEqual(['demo']);
  expect(status.hosts.map(({ name, state }) => `${name} ${state}`)).toEqual([
    'node-1 member',
    'spare-1 available',
  ]);
  expect(status.hosts[0]?.api).toBe(demoStatus().nodes.find((node) => node.name === 'node-1')?.api);
});

it('it tells what has happened since an event, the newest last', async () => {
  expect((await client.events(id, 1)).map((each) => each.id)).toEqual([2, 3]);
  expect(await client.events(id, 3)).toEqual([]);
});

it('a cluster of which nothing is heard is not told as healthy', () => {
  const cluster = {
    id,
    name: 'demo',
    status: { ...demoStatus(), health: 'healthy' as const },
    reportedAt: at,
  };
  const heardAtMs = Date.parse(at);
  expect(asHeard(cluster, heardAtMs + 9000)).toBe(cluster.status);
  const told = asHeard(cluster, heardAtMs + 42_000);
  expect(told.health).toBe('down');
  expect(told.verdict).toMatch(/^Nothing has been heard of it since .* \(42 s\)\. Then it was: /);
});
