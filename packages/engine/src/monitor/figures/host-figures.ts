import { readFile, statfs } from 'node:fs/promises';
import { loadavg } from 'node:os';
import type { NodeFigures } from '../../contract/node-metrics.ts';
import { type FreeSpace, grown, secondsUntilFull, secondsWatched, shareOf, trendMsMax } from './rates.ts';

/** What the machine has and uses: Linux's /proc (proc(5)), and the volume of the data directory. */

export interface HostLook {
  /** Of all cores together, in the kernel's ticks. */
  cpu: { busy: number; idle: number } | null;
  memory: { totalBytes: number; availableBytes: number } | null;
  disk: { totalBytes: number; freeBytes: number } | null;
  load: number;
}

export async function lookAtHost(directory: string): Promise<HostLook> {
  const [stat, memory, disk] = await Promise.all([
    readFile('/proc/stat', 'utf8').catch(() => ''),
    readFile('/proc/meminfo', 'utf8').catch(() => ''),
    statfs(directory).catch(() => null),
  ]);
  return {
    cpu: cpuOf(stat),
    memory: memoryOf(memory),
    disk: disk && { totalBytes: disk.blocks * disk.bsize, freeBytes: disk.bavail * disk.bsize },
    load: loadavg()[0] ?? 0,
  };
}

/** The first line: user nice system idle iowait irq softirq steal guest guest_nice; guests are counted in user already. */
export function cpuOf(stat: string): HostLook['cpu'] {
  const fields = /^cpu +([\d ]+)$/m.exec(stat)?.[1]?.split(' ').map(Number);
  if (!fields || fields.length < 5) return null;
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] = fields;
  return { busy: user + nice + system + irq + softirq + steal, idle: idle + iowait };
}

export function memoryOf(meminfo: string): HostLook['memory'] {
  const bytes = (name: string) => {
    const kilobytes = new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(meminfo)?.[1];
    return kilobytes === undefined ? null : Number(kilobytes) * 1024;
  };
  const totalBytes = bytes('MemTotal');
  const availableBytes = bytes('MemAvailable');
  return totalBytes === null || availableBytes === null ? null : { totalBytes, availableBytes };
}

/** @param free looks at the volume of the last minutes, this one included, oldest first */
export function hostFigures(before: HostLook | null, now: HostLook, free: readonly FreeSpace[]): NodeFigures {
  const { cpu, memory, disk, load } = now;
  const busy = grown(before?.cpu?.busy ?? null, cpu?.busy ?? null);
  const idle = grown(before?.cpu?.idle ?? null, cpu?.idle ?? null);
  return {
    cpuShare: shareOf(busy, idle),
    loadOneMinute: load,
    memoryTotalBytes: memory?.totalBytes,
    memoryAvailableBytes: memory?.availableBytes,
    diskTotalBytes: disk?.totalBytes,
    diskFreeBytes: disk?.freeBytes,
    diskFullSeconds: secondsUntilFull(free),
    diskTrendSeconds: secondsWatched(free),
  };
}

/** With one more look, and without those that are too old to tell a trend of now. */
export function withLook(free: readonly FreeSpace[], look: HostLook, atMs: number): FreeSpace[] {
  const recent = free.filter((each) => each.atMs > atMs - trendMsMax);
  return look.disk ? [...recent, { atMs, bytes: look.disk.freeBytes }] : recent;
}
