import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { NetworkLab } from './network-lab.ts';
import { Partition } from './partition.ts';

const names = ['a', 'b', 'c'];
const port = 4000;

/** Runs in a host: sends to each other host all the time, a datagram and a byte on a connection that stands; tells what arrives. */
const talker = `
const [self, ...others] = process.argv.slice(1);
const told = (how, from) => console.log(how + ' ' + from);
const udp = require('dgram').createSocket('udp4');
udp.on('message', (_, { address }) => told('datagram', address)).on('error', () => {}).bind(${port}, self);
require('net').createServer((socket) => {
  socket.on('data', () => told('byte', socket.remoteAddress)).on('error', () => {});
}).listen(${port}, self, () => console.log('ready'));
process.stdin.once('data', () => {
  for (const other of others) {
    const socket = require('net').connect({ host: other, port: ${port}, localAddress: self });
    socket.setNoDelay(true).on('error', () => {}).on('connect', () => setInterval(() => socket.write('x'), 20));
    setInterval(() => udp.send('x', ${port}, other), 20);
  }
});
process.stdin.once('end', () => process.exit());
`;

let lab: NetworkLab;
let partition: Partition;
const children: ChildProcess[] = [];
/** What arrived since it was last emptied, as "how sender → receiver". */
const arrived = new Set<string>();

beforeAll(async () => {
  lab = await NetworkLab.create(names);
  partition = new Partition(lab);
  for (const name of names) await startTalker(name);
  for (const child of children) child.stdin?.write('go\n');
});

afterAll(async () => {
  for (const child of children) {
    if (child.exitCode !== null) continue;
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  }
  await lab?.remove();
  expect(execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' })).not.toContain(`qdb${process.pid}-`);
});

beforeEach(async () => {
  await partition.heal();
  for (const from of names)
    for (const to of names)
      if (from !== to) await expectHeard(`datagram ${from} → ${to}`, `byte ${from} → ${to}`);
});

async function startTalker(name: string): Promise<void> {
  const addresses = [name, ...names.filter((other) => other !== name)].map((host) => lab.addressOf(host));
  const command = ['netns', 'exec', lab.namespaceOf(name), process.execPath, '-e', talker, ...addresses];
  const child = spawn('ip', command, { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  const lines = createInterface({ input: child.stdout });
  const ended = once(child, 'exit').then(() => Promise.reject(new Error(`the talker of ${name} ended`)));
  ended.catch(() => undefined);
  const ready = Promise.race([once(lines, 'line'), ended]);
  lines.on('line', (line) => {
    const [how, address] = line.split(' ');
    const sender = names.find((host) => lab.addressOf(host) === address);
    if (sender) arrived.add(`${how} ${sender} → ${name}`);
  });
  await ready;
}

async function expectHeard(...what: string[]): Promise<void> {
  for (const each of what)
    await expect.poll(() => arrived.has(each), { timeout: 20_000, interval: 10 }).toBe(true);
}

/** Forgets what arrived, waits until it is sure that every link that stands has been used, and says which were. */
async function heardOf(how: string, standing: string[]): Promise<string[]> {
  // What was under way when the link was cut has arrived once a datagram that was sent later has.
  for (let round = 0; round < 3; round += 1) {
    arrived.clear();
    await expectHeard(...standing.map((link) => `${how} ${link}`));
  }
  return [...arrived]
    .filter((each) => each.startsWith(how))
    .map((each) => each.slice(how.length + 1))
    .sort();
}

test('a link is cut in one direction, and the other goes on', async () => {
  await partition.cut('a', 'b');
  const standing = ['b → a', 'a → c', 'c → a', 'b → c', 'c → b'];
  expect(await heardOf('datagram', standing)).toEqual(standing.sort());
});

test('a host that is isolated hears nobody and is heard by nobody, also on connections that stand', async () => {
  await partition.isolate('a');
  const standing = ['b → c', 'c → b'];
  expect(await heardOf('datagram', standing)).toEqual(standing);
  expect(await heardOf('byte', standing)).toEqual(standing);
});

test('a pair is parted, and both still hear the third', async () => {
  await partition.part('a', 'b');
  const standing = ['a → c', 'c → a', 'b → c', 'c → b'];
  expect(await heardOf('datagram', standing)).toEqual(standing.sort());
});

test('groups hear only themselves', async () => {
  await partition.split([['a', 'c'], ['b']]);
  const standing = ['a → c', 'c → a'];
  expect(await heardOf('datagram', standing)).toEqual(standing);
});

test('clients of the test reach every host, whatever is cut', async () => {
  await partition.split(names.map((name) => [name]));
  for (const name of names) {
    const socket = connect({ host: lab.addressOf(name), port });
    await once(socket, 'connect');
    socket.destroy();
  }
});

test('after flapping everything is whole', async () => {
  await partition.flap(() => partition.isolate('b'), { times: 3, everyMs: 20 });
  arrived.clear();
  await expectHeard(...['a → b', 'b → a', 'b → c', 'c → b'].map((link) => `datagram ${link}`));
});
