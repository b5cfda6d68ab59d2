import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { addressGuard, isLinkLocal } from './address-guard.ts';
import type { ChannelConfig } from './channel-config.ts';
import { type Message, subjectLine } from './message.ts';
import { send } from './send.ts';

const message = {
  ...{ version: 1, event: 'test', url: 'http://console' },
  alert: {
    ...{ id: 'a', rule: 'test', title: 'A\r\nBcc: everybody@example.com', severity: 'info', cluster: null },
    ...{ clusterId: null, subject: '', sentence: '', since: '', resolved: null },
  },
  runbook: { means: '', look: [], command: '' },
} satisfies Message;

/** Says something every moment, and never what is waited for. */
async function dragging(word: string): Promise<{ server: Server; port: number; end(): void }> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    const timer = setInterval(() => socket.write(word), 20);
    socket.on('close', () => clearInterval(timer));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const end = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { server, end, port: (server.address() as { port: number }).port };
}

const mailTo = (port: number): ChannelConfig => ({
  ...{ kind: 'email', host: '127.0.0.1', port, security: 'none', verifyTls: true, login: null },
  ...{ from: 'a@example.com', to: ['b@example.com'] },
});

test('a mail server that drags it out is given up in time, and its connection ends', async () => {
  const { server, port, end } = await dragging('220-wait\r\n');
  const sent = send(mailTo(port), { deliveryId: 'd', message, deadlineMs: 300 });
  await expect(sent).rejects.toThrow('no answer within 0.3 s');
  await expect
    .poll(() => new Promise((resolve) => server.getConnections((_, count) => resolve(count))))
    .toBe(0);
  end();
});

test('what an alert is about is one line, and no header of a mail', () => {
  expect(subjectLine(message)).toBe('Test: INFO QuantaDB: A Bcc: everybody@example.com');
});

test('a webhook whose answer never ends its head is given up, too', async () => {
  const { port, end } = await dragging('HTTP/1.1 200 OK\r\nx: y\r\n'.slice(0, 3));
  const config: ChannelConfig = { kind: 'webhook', url: `http://127.0.0.1:${port}/`, secret: null };
  await expect(send(config, { deliveryId: 'd', message, deadlineMs: 300 })).rejects.toThrow();
  end();
});

test('what is said of a channel that fails has nothing of its address that is secret', async () => {
  const url = 'http://ada:hunter2@127.0.0.1:1/hook/s3cret';
  const said = await send({ kind: 'slack', url }, { deliveryId: 'd', message }).catch(String);
  expect(said).toMatch('ECONNREFUSED');
  expect(said).not.toMatch(/hunter2|s3cret/);
});

test('no channel leads to the link that a cloud tells credentials on', async () => {
  expect(['169.254.169.254', '::ffff:169.254.169.254', 'fe80::1', 'fd00:ec2::254'].map(isLinkLocal)).toEqual([
    ...[true, true, true, true],
  ]);
  expect(['127.0.0.1', '10.0.0.1', '::1', '2001:db8::1'].map(isLinkLocal)).toEqual([
    false,
    false,
    false,
    false,
  ]);
  for (const host of ['169.254.169.254', '[fe80::1]', '[::ffff:a9fe:a9fe]']) {
    const config: ChannelConfig = { kind: 'webhook', url: `http://${host}/`, secret: null };
    await expect(send(config, { deliveryId: 'd', message })).rejects.toThrow('local link');
  }
  const { lookup } = addressGuard('localhost');
  const found = new Promise((resolve) =>
    lookup('localhost', { all: false }, (_, address) => resolve(address)),
  );
  expect(['127.0.0.1', '::1']).toContain(await found);
});
