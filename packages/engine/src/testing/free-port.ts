import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

const lowestPort = 10_000;
/** Linux takes the ports of outgoing connections from here on unless it was told otherwise. */
const usualEphemeralPort = 32_768;
const blockPorts = 50;
const attemptsMax = 1000;

/** The block that this process gives ports from. */
let block = { first: 0, given: blockPorts };

/**
 * A port of this host that nobody listens on, and that stays so until a test gets round to it: one that the kernel does
 * not hand to outgoing connections, of a block that is this process's alone, and that it has not given away before.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    if (block.given >= blockPorts) block = { first: await claimBlock(), given: 1 };
    const port = block.first + block.given;
    block.given += 1;
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port after ${attemptsMax} attempts`);
}

/** Other processes know by its first port, which is listened on for as long as this one lives. */
async function claimBlock(): Promise<number> {
  const blocks = Math.floor((firstEphemeralPort() - lowestPort) / blockPorts);
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const first = lowestPort + Math.floor(Math.random() * blocks) * blockPorts;
    if (await isClaimed(first)) return first;
  }
  throw new Error(`no free block of ${blockPorts} ports from ${lowestPort} on`);
}

/** @see https://docs.kernel.org/networking/ip-sysctl.html ip_local_port_range */
function firstEphemeralPort(): number {
  const range = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8');
  const first = Number(range.trim().split(/\s+/)[0]);
  return first >= lowestPort + 10 * blockPorts ? first : usualEphemeralPort;
}

function isClaimed(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      server.unref();
      resolve(true);
    });
  });
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
