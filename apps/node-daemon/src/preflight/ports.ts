import { readdir, readFile, readlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Problem } from './problem.ts';

const listenState = '0A';

/** Which of the ports somebody else has, and who. */
export async function checkPorts(ports: number[], host = '127.0.0.1'): Promise<Problem[]> {
  const taken = (
    await Promise.all(ports.map(async (port) => ((await isFree(port, host)) ? null : port)))
  ).filter((port) => port !== null);
  return Promise.all(
    taken.map(async (port) => {
      const holder = await holderOf(port);
      return {
        message: `port ${port} is taken${holder ? ` by ${holder.command} (pid ${holder.pid})` : ''}`,
        nextStep:
          'End that process, or move all ports with QUANTADB_PORT_BASE (for example QUANTADB_PORT_BASE=18000).',
      };
    }),
  );
}

function isFree(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** The listening process, found through /proc; null when it belongs to somebody we may not look at. */
async function holderOf(port: number): Promise<{ pid: number; command: string } | null> {
  const inodes = await listeningInodes(port);
  if (inodes.size === 0) return null;
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    if (await hasSocket(name, inodes)) return { pid: Number(name), command: await commandOf(name) };
  }
  return null;
}

async function listeningInodes(port: number): Promise<Set<string>> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const tables = await Promise.all(
    ['/proc/net/tcp', '/proc/net/tcp6'].map((path) => readFile(path, 'utf8').catch(() => '')),
  );
  const rows = tables.flatMap((table) => table.split('\n').map((line) => line.trim().split(/\s+/)));
  const listening = rows.filter((fields) => fields[1]?.endsWith(suffix) && fields[3] === listenState);
  return new Set(listening.map((fields) => fields[9] ?? ''));
}

async function hasSocket(pid: string, inodes: ReadonlySet<string>): Promise<boolean> {
  const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
  const targets = await Promise.all(
    descriptors.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')),
  );
  return targets.some((target) => inodes.has(/^socket:\[(\d+)\]$/.exec(target)?.[1] ?? '-'));
}

async function commandOf(pid: string): Promise<string> {
  const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return text.split('\0').filter(Boolean).slice(0, 3).join(' ').slice(0, 100) || 'an unknown program';
}
