import { readdir, readFile, readlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Problem } from './problem.ts';

const listenState = '0A';
const wordsShown = 3;
const nameLengthMax = 100;

/** A process by the words it was started with. */
interface Holder {
  pid: number;
  words: string[];
}

/**
 * Which of the ports somebody else has, and who.
 *
 * @param isExpected whether a process that was started with these words may have a port
 */
export async function checkPorts(
  ports: number[],
  isExpected: (words: string[]) => boolean = () => false,
): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (const port of ports) {
    if (await isFree(port)) continue;
    const holder = await holderOf(port);
    if (holder && isExpected(holder.words)) continue;
    problems.push({
      message: `port ${port} is taken${holder ? ` by ${nameOf(holder)} (pid ${holder.pid})` : ''}`,
      nextStep:
        'End that process, or move all ports with QUANTADB_PORT_BASE (for example QUANTADB_PORT_BASE=18000).',
    });
  }
  return problems;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** The listening process, found through /proc; null when it belongs to somebody we may not look at. */
async function holderOf(port: number): Promise<Holder | null> {
  const inodes = await listeningInodes(port);
  if (inodes.size === 0) return null;
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    if (await hasSocket(name, inodes)) return { pid: Number(name), words: await wordsOf(name) };
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

async function wordsOf(pid: string): Promise<string[]> {
  const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return text.split('\0').filter(Boolean);
}

function nameOf({ words }: Holder): string {
  return words.slice(0, wordsShown).join(' ').slice(0, nameLengthMax) || 'an unknown program';
}
