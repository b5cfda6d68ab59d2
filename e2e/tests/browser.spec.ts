import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@playwright/test';

const page = `<!doctype html><title>A page</title><p id="sum"></p>
<script>document.getElementById('sum').textContent = String(40 + 2);</script>`;

let server: Server;

test.beforeAll(async () => {
  server = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html; charset=utf-8').end(page);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
});

test.afterAll(async () => {
  server.closeAllConnections();
  await once(server.close(), 'close');
});

test('the browser of this machine starts, loads a page and runs its script', async ({ page: tab }) => {
  const { port } = server.address() as AddressInfo;
  await tab.goto(`http://127.0.0.1:${port}/`);
  await expect(tab).toHaveTitle('A page');
  await expect(tab.locator('#sum')).toHaveText('42');
});
