import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

const lowestPort = 10_000;
/** Linux takes the ports of outgoing connections from here on unless it was told otherwise. */
const usualEphemeralPort = 32_768;
const attemptsMax = 1000;
const given = new Set<number>();

/**
 * A port of this host that nobody listens on, and that stays so until a test gets round to it: one that the kernel does
 * not hand to outgoing connections, and that this process has not given away before.
 */
export async function freePort(): Promise<number> {
  const end = firstEphemeralPort();
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const port = lowestPort + Math.floor(Math.random() * (end - lowestPort));
    if (given.has(port)) continue;
    given.add(port);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port between ${lowestPort} and ${end}`);
}

/** @see https://docs.kernel.org/networking/ip-sysctl.html ip_local_port_range */
function firstEphemeralPort(): number {
  const range = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8');
  const first = Number(range.trim().split(/\s+/)[0]);
  return first > lowestPort + attemptsMax ? first : usualEphemeralPort;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
