import { join } from 'node:path';
import { QuantaError } from '@quantadb/engine/shared/errors';

/** Where everything of the local system lives and listens (pure). */

export const demoHosts = ['node-1', 'node-2', 'node-3', 'spare-1'] as const;
export type DemoHost = (typeof demoHosts)[number];
export const demoCluster = 'demo';
export const application = { role: 'app', database: 'app' };

export interface HostPorts {
  postgres: number;
  api: number;
  raft: number;
}

export interface DemoPorts {
  console: number;
  /** The control plane's own PostgreSQL. */
  metadata: number;
  /** One router per data node of the cluster. */
  routers: number[];
  hosts: Record<DemoHost, HostPorts>;
}

const portMax = 65_535;
const portSpan = 40;

/**
 * The well-known ports, or with a base B: console B, metadata database B+9, routers B+1…, PostgreSQL B+11…, API B+21…,
 * Raft B+31….
 *
 * @throws QuantaError CONFIG_INVALID for a base that is no port
 */
export function demoPorts(baseText: string | undefined): DemoPorts {
  if (baseText === undefined || baseText === '') {
    return numbered(defaultFirst);
  }
  const base = Number(baseText);
  if (!Number.isInteger(base) || base < 1024 || base + portSpan > portMax) {
    throw new QuantaError('CONFIG_INVALID', `QUANTADB_PORT_BASE is ${baseText}`, {
      hint: `Give a number between 1024 and ${portMax - portSpan}, or leave it unset.`,
    });
  }
  return numbered({
    console: base,
    metadata: base + 9,
    routers: base + 1,
    postgres: base + 11,
    api: base + apiOffset,
    raft: base + 31,
  });
}

const defaultFirst = { console: 3000, metadata: 5500, routers: 6432, postgres: 5501, api: 7101, raft: 7201 };
const apiOffset = 21;

/**
 * The QUANTADB_PORT_BASE that an installation was made with, from the address of its first host's API; undefined for the
 * well-known ports.
 */
export function portBaseOf(api: string): string | undefined {
  const port = Number(new URL(api).port);
  return port === defaultFirst.api ? undefined : String(port - apiOffset);
}

function numbered(first: {
  console: number;
  metadata: number;
  routers: number;
  postgres: number;
  api: number;
  raft: number;
}): DemoPorts {
  const portsOf = (index: number): HostPorts => {
    return { postgres: first.postgres + index, api: first.api + index, raft: first.raft + index };
  };
  const hosts = Object.fromEntries(
    demoHosts.map((name, index) => [name, portsOf(index)]),
  ) as DemoPorts['hosts'];
  const { console, metadata } = first;
  return { console, metadata, routers: [0, 1, 2].map((index) => first.routers + index), hosts };
}

/** Every port that must be free before anything is started. */
export function portsInUse(ports: DemoPorts): number[] {
  const ofHosts = Object.values(ports.hosts).flatMap(({ postgres, api, raft }) => [postgres, api, raft]);
  return [ports.console, ports.metadata, ...ports.routers, ...ofHosts];
}

export interface DemoPaths {
  home: string;
  lock: string;
  system: string;
  secrets: string;
  /** There once the first start has made the whole cluster. */
  formed: string;
  pki: string;
}

export function demoPaths(home: string): DemoPaths {
  return {
    home,
    lock: join(home, 'lock'),
    system: join(home, 'system.json'),
    secrets: join(home, 'secrets.json'),
    formed: join(home, 'formed'),
    pki: join(home, 'pki'),
  };
}

export function hostDirectory(home: string, name: string): string {
  return join(home, 'hosts', name);
}
