import { execFile } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pollUntil } from '../../shared/deadline.ts';
import { silentLogger } from '../../shared/logger.ts';
import { freePort } from '../../testing/free-port.ts';
import { withFreshConnection } from '../connection.ts';
import { type NodePlace, slotNameOf, type Upstream } from '../layout.ts';
import type { OsUser } from '../postmaster-host.ts';
import { PostgresSupervisor } from '../supervisor.ts';
import { DirectPostmasterHost } from './direct-host.ts';

const run = promisify(execFile);
export const binDir = '/usr/lib/postgresql/15/bin';

const agreedByNobody = { hba: [], hosts: null, applyDelayMs: 0 };

/** One supervised server on this machine, with everything below one directory. */
export interface TestNode {
  place: NodePlace;
  host: DirectPostmasterHost;
  supervisor: PostgresSupervisor;
}

/** Servers that share a certificate authority; `cleanUp` ends and removes all of it, whatever state it is in. */
export class TestCluster {
  readonly directory: string;
  readonly osUser: OsUser | null;
  private readonly nodes: TestNode[] = [];

  private constructor(directory: string, osUser: OsUser | null) {
    this.directory = directory;
    this.osUser = osUser;
  }

  static async create(): Promise<TestCluster> {
    const directory = await mkdtemp(join(process.env.QUANTADB_TEST_DIR ?? '/tmp', 'qpg-'));
    await chmod(directory, 0o755);
    const cluster = new TestCluster(directory, await findOsUser());
    await makeAuthority(directory);
    return cluster;
  }

  async node(name: string): Promise<TestNode> {
    const base = join(this.directory, name);
    await mkdir(join(base, 'state'), { recursive: true });
    await chmod(base, 0o755);
    await chmod(join(base, 'state'), 0o755);
    const tls = await issueCertificate(this.directory, name);
    const place: NodePlace = {
      nodeName: name,
      clusterName: 'demo',
      binDir,
      dataDir: join(base, 'data'),
      stateDir: join(base, 'state'),
      runDir: join(base, 'run'),
      port: await freePort(),
      listenHost: '127.0.0.1',
      tls,
      osUser: this.osUser,
    };
    // Without root the clone is created right beside the data directory by this very user.
    if (this.osUser) await chown(base, this.osUser.uid, this.osUser.gid);
    const host = new DirectPostmasterHost();
    const node = {
      place,
      host,
      supervisor: new PostgresSupervisor({ ...place, host, logger: silentLogger }),
    };
    this.nodes.push(node);
    return node;
  }

  /**
   * A fresh system that was promoted to timeline 2, as every cluster begins.
   *
   * @param beforePromotion for a repository: the history of timeline 2 is archived at once, and never again
   */
  async primary(
    name: string,
    beforePromotion?: (node: TestNode) => Promise<void>,
    parameters: Record<string, string> = {},
  ): Promise<TestNode> {
    const node = await this.node(name);
    await node.supervisor.initialise();
    await node.supervisor.applyParameters({ ...agreedByNobody, parameters });
    const started = await node.supervisor.startStandby({ upstream: null, deadlineMs: 30_000 });
    if (!started.ok) throw new Error(started.detail);
    await beforePromotion?.(node);
    await node.supervisor.promote({ timeline: 2, deadlineMs: 30_000 });
    return node;
  }

  /** A clone of `upstream` that streams from it. */
  async standby(
    name: string,
    upstream: TestNode,
    parameters: Record<string, string> = {},
  ): Promise<TestNode> {
    const node = await this.node(name);
    await sql(upstream, `SELECT pg_create_physical_replication_slot('${slotNameOf(name)}', true)`);
    const target = upstreamOf(upstream, node);
    await node.supervisor.clone({
      upstream: target,
      onProgress: () => undefined,
      signal: AbortSignal.timeout(120_000),
      expectedBytes: null,
      stallMs: 60_000,
      timeoutMs: 120_000,
    });
    await node.supervisor.applyParameters({ ...agreedByNobody, parameters });
    const started = await node.supervisor.startStandby({ upstream: target, deadlineMs: 30_000 });
    if (!started.ok) throw new Error(started.detail);
    await untilStreaming(node);
    return node;
  }

  async cleanUp(): Promise<void> {
    for (const node of this.nodes) {
      await node.host.kill('end of the test');
      await node.supervisor.close();
    }
    await rm(this.directory, { recursive: true, force: true });
  }
}

export function upstreamOf(upstream: TestNode, node: TestNode): Upstream {
  return {
    name: upstream.place.nodeName,
    host: '127.0.0.1',
    port: upstream.place.port,
    slot: slotNameOf(node.place.nodeName),
    applicationName: node.place.nodeName,
  };
}

/** One statement on a connection of its own. */
export async function sql<Row extends Record<string, unknown> = Record<string, unknown>>(
  node: TestNode,
  text: string,
): Promise<Row[]> {
  return withFreshConnection(node.place, { what: text, timeoutMs: 30_000 }, async (client) => {
    return (await client.query<Row>(text)).rows;
  });
}

export async function untilStreaming(node: TestNode): Promise<void> {
  const isStreaming = async () => {
    const taken = await node.supervisor.sample();
    return taken.ok && taken.sample.receiver?.status === 'streaming' ? true : undefined;
  };
  await pollUntil(isStreaming, { what: `${node.place.nodeName} streams`, timeoutMs: 30_000, intervalMs: 20 });
}

/**
 * Waits until the standby has received everything the primary has written up to now. What it had before its receiver began
 * counts as received only once it is replayed.
 */
export async function untilReceived(node: TestNode, primary: TestNode): Promise<string> {
  const [row] = await sql<{ lsn: string }>(primary, 'SELECT pg_current_wal_flush_lsn() AS lsn');
  const target = row?.lsn ?? '';
  const hasIt = async () => {
    const [answer] = await sql<{ has: boolean }>(
      node,
      `SELECT GREATEST(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) >= '${target}' AS has`,
    );
    return answer?.has === true ? true : undefined;
  };
  await pollUntil(hasIt, { what: `${node.place.nodeName} has ${target}`, timeoutMs: 30_000, intervalMs: 10 });
  return target;
}

/** PostgreSQL refuses to run as root, so root lends it the packaged user. */
async function findOsUser(): Promise<OsUser | null> {
  if (userInfo().uid !== 0) return null;
  const [uid, gid] = await Promise.all(
    ['-u', '-g'].map(async (flag) => Number((await run('id', [flag, 'postgres'])).stdout)),
  );
  return { uid: uid ?? 0, gid: gid ?? 0, name: 'postgres' };
}

async function makeAuthority(directory: string): Promise<void> {
  await openssl(directory, [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
    ...['-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=test authority'],
  ]);
}

/** A certificate as the control plane issues it: the host's name as CN, its addresses as alternative names. */
export async function issueCertificate(directory: string, name: string): Promise<NodePlace['tls']> {
  const file = name.replaceAll(':', '-');
  await openssl(directory, [
    ...['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
    ...['-keyout', `${file}.key`, '-out', `${file}.csr`, '-subj', `/CN=${name}`],
  ]);
  await writeFile(join(directory, `${file}.ext`), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
  return certify(directory, file);
}

/** Another certificate for the key that `name` has. */
export async function renewCertificate(directory: string, name: string): Promise<void> {
  await certify(directory, name.replaceAll(':', '-'));
}

async function certify(directory: string, file: string): Promise<NodePlace['tls']> {
  await openssl(directory, [
    ...[
      'x509',
      '-req',
      '-in',
      `${file}.csr`,
      '-CA',
      'ca.crt',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-days',
      '2',
    ],
    ...['-extfile', `${file}.ext`, '-out', `${file}.crt`],
  ]);
  const path = (suffix: string) => join(directory, `${file}.${suffix}`);
  return { ca: join(directory, 'ca.crt'), cert: path('crt'), key: path('key') };
}

async function openssl(directory: string, args: string[]): Promise<void> {
  await run('openssl', args, { cwd: directory, timeout: 30_000 });
}
