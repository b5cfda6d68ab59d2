import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { MessageSocket } from './message-socket.ts';

const server = createServer();
let raw: Socket;
let heard: unknown[];
let ended: Promise<void>;
let near: MessageSocket;

async function open(): Promise<void> {
  if (!server.listening) await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as { port: number };
  const accepted = once(server, 'connection');
  raw = createConnection(port, '127.0.0.1');
  const [socket] = (await accepted) as [Socket];
  heard = [];
  ended = new Promise((resolve) => {
    near = new MessageSocket(socket, { message: (message) => heard.push(message), closed: resolve });
  });
}

afterEach(() => raw.destroy());

it('messages come whole and in order, however they are cut', async () => {
  await open();
  const sent = [{ text: 'é\n"'.repeat(50_000) }, { n: 2 }, { n: 3 }];
  const bytes = Buffer.from(sent.map((message) => `${JSON.stringify(message)}\n`).join(''));
  for (let at = 0; at < bytes.length; at += 33_331) {
    raw.write(bytes.subarray(at, at + 33_331));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await expect.poll(() => heard.length).toBe(3);
  expect(heard).toEqual(sent);
});

it('what is no message ends it', async () => {
  await open();
  raw.write('{"n":1}\nnonsense\n{"n":2}\n');
  await ended;
  expect(heard).toEqual([{ n: 1 }]);
});

it('nobody is kept by a word to somebody who has gone', async () => {
  await open();
  raw.destroy();
  await ended;
  await near.send({ n: 1 });
});
