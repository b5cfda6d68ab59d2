import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { QuantaClient } from './client.ts';
import { pageFields } from './pages.ts';
import { ProblemError, UnreachableError } from './problem.ts';

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** A server that does what a console may do to a client: break off, be late, answer with something else. */
async function clientOf(answer: RequestListener) {
  const server = createServer(answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ends.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return new QuantaClient({ url, token: 'qdb_api_x', deadlineMs: 2000 });
}

function json(value: unknown) {
  return JSON.stringify(value);
}

const body = { name: 'reports', role: 'viewer' as const };

test('a change that is to happen once is sent again with the same key when the connection breaks', async () => {
  const seen: IncomingMessage['headers'][] = [];
  const client = await clientOf((request, response) => {
    seen.push(request.headers);
    if (seen.length < 3) request.socket.destroy();
    else response.setHeader('content-type', 'application/json').end(json({ id: '1', token: 'qdb_api_y' }));
  });
  await client.post('/tokens', { body, once: true });
  expect(seen).toHaveLength(3);
  expect(new Set(seen.map((headers) => headers['idempotency-key'])).size).toBe(1);
  expect(seen[0]?.['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/);
  expect(seen[0]?.authorization).toBe('Bearer qdb_api_x');
});

test('any other change is sent once: whether it happened is for the caller to find out', async () => {
  let requests = 0;
  const client = await clientOf((request) => {
    requests += 1;
    request.socket.destroy();
  });
  await expect(client.post('/tokens', { body })).rejects.toThrow(UnreachableError);
  expect(requests).toBe(1);
});

test('what a proxy answers in the place of the console is an error too', async () => {
  const client = await clientOf((_, response) => {
    response.writeHead(503, { 'retry-after': '7' }).end('<h1>Bad gateway</h1>');
  });
  const error = await client.get('/clusters').catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(ProblemError);
  expect(error).toMatchObject({ status: 503, code: 'UNEXPECTED', hint: null, retryAfterSeconds: 7 });
});

test('an answer that does not come in time is not waited for', async () => {
  const client = await clientOf(() => undefined);
  await expect(client.post('/tokens', { body, deadlineMs: 50 })).rejects.toThrow(UnreachableError);
  const signal = AbortSignal.timeout(50);
  await expect(client.get('/clusters', { signal })).rejects.toThrow(/timeout|aborted/i);
});

test('pages are read as they are needed, until one is not full', async () => {
  const asked: (string | null)[] = [];
  const client = await clientOf((request, response) => {
    const { searchParams } = new URL(request.url ?? '', 'http://x');
    asked.push(searchParams.get('before'));
    const from = Number(searchParams.get('before') ?? 8);
    const ids = Array.from({ length: Math.min(3, from - 1) }, (_, at) => ({ id: from - 1 - at }));
    response.setHeader('content-type', 'application/json').end(json(ids));
  });
  const params = { path: { clusterId: 'c' }, query: { limit: 3 } };
  const ids = [];
  for await (const { id } of client.pages('/clusters/{clusterId}/events', { params })) ids.push(id);
  expect(ids).toEqual([7, 6, 5, 4, 3, 2, 1]);
  expect(asked).toEqual([null, '5', '2']);
});

test('pages in the order of a moment go on behind the last element, also among several of one moment', async () => {
  const asked: unknown[] = [];
  const startedAt = '2026-11-29T03:00:00.000Z';
  const client = await clientOf((request, response) => {
    const { searchParams } = new URL(request.url ?? '', 'http://x');
    const [before, beforeId] = ['before', 'beforeId'].map((name) => searchParams.get(name));
    asked.push([before, beforeId]);
    const left = ['c', 'b', 'a'].filter((id) => beforeId === null || beforeId === undefined || id < beforeId);
    response
      .setHeader('content-type', 'application/json')
      .end(json(left.slice(0, 2).map((id) => ({ id, startedAt }))));
  });
  const params = { path: { clusterId: 'c' }, query: { limit: 2 } };
  const ids = [];
  for await (const { id } of client.pages('/clusters/{clusterId}/operations', { params })) ids.push(id);
  expect(ids).toEqual(['c', 'b', 'a']);
  expect(asked).toEqual([
    [null, null],
    [startedAt, 'b'],
  ]);
});

test('every list of the API that has pages can be read through', () => {
  const document = JSON.parse(readFileSync(new URL('../openapi.json', import.meta.url), 'utf8')) as {
    paths: Record<string, { get?: { parameters?: { name: string }[] } }>;
  };
  const paged = Object.entries(document.paths)
    .filter(([, { get }]) => get?.parameters?.some(({ name }) => name === 'before'))
    .map(([path]) => path);
  expect(Object.keys(pageFields).sort()).toEqual(paged.sort());
});
