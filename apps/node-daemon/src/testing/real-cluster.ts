import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, open, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Operation } from '@quantadb/engine/contract/cluster-state';
import type { OperationRequest } from '@quantadb/engine/contract/operations';
import type { ClusterStatus, NodeStatus } from '@quantadb/engine/contract/status';
import { type Authority, createAuthority, issueHostCertificate } from '@quantadb/engine/security/pki';
import { pollUntil } from '@quantadb/engine/shared/deadline';
import { messageOf } from '@quantadb/engine/shared/errors';
import { freePort } from '@quantadb/engine/testing/free-port';
import type { SequencedWriter } from '@quantadb/engine/testing/sequenced-writer';
import pg from 'pg';
import { DaemonClient } from '../client.ts';
import type { HostConfig } from '../host-config.ts';
import type { NetworkLab } from './network-lab.ts';

const daemonFile = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const binDir = process.env.QUANTADB_POSTGRES_BIN ?? '/usr/lib/postgresql/15/bin';

export const credentials = { user: 'app', password: 'a password for tests', database: 'app' };

/** One host of the test: its configuration, its daemon while it runs, and a client of its socket. */
export interface TestHost {
  config: HostConfig;
  directory: string;
  daemon: ChildProcess | null;
  client: DaemonClient;
}

export interface RealClusterOptions {
  /** Hosts with networks of their own. */
  lab?: NetworkLab;
  /** `wan` where a test must not depend on how fast a busy machine starts a process. */
  timing?: HostConfig['timing'];
  /** Whether the data hosts have routers. */
  routers?: boolean;
  /** Those of the hosts that only vote, and those that only route. */
  witnesses?: string[];
  routerHosts?: string[];
  /** Of every host. */
  hooks?: HostConfig['hooks'];
  /** A daemon that ends in order is started again, as a service would be. */
  isSupervised?: boolean;
  /** Before anything is in a host's directory. */
  prepare?(name: string, directory: string): Promise<void>;
}

/** Real daemons, reapers and PostgreSQL servers on free ports below one directory of their own. */
export class RealCluster {
  readonly directory: string;
  readonly hosts = new Map<string, TestHost>();
  private readonly authority: Authority;
  /** Hosts with networks of their own; null when all of them share this machine's. */
  private readonly lab: NetworkLab | null;

  private readonly timing: HostConfig['timing'];
  private readonly isSupervised: boolean;
  /** From the clean-up on nothing is started again. */
  private isOver = false;
  private readonly hooks: HostConfig['hooks'];
  private readonly hasRouters: boolean;

  private constructor(
    directory: string,
    authority: Authority,
    options: {
      lab: NetworkLab | null;
      timing: HostConfig['timing'];
      routers: boolean;
      isSupervised: boolean;
      hooks: HostConfig['hooks'];
    },
  ) {
    this.directory = directory;
    this.authority = authority;
    this.lab = options.lab;
    this.timing = options.timing;
    this.hasRouters = options.routers;
    this.isSupervised = options.isSupervised;
    this.hooks = options.hooks;
  }

  static async create(names: string[], options: RealClusterOptions = {}): Promise<RealCluster> {
    const { lab = null, timing = 'lan', witnesses = [], routerHosts = [], prepare } = options;
    const { routers = false, isSupervised = false, hooks = [] } = options;
    const directory = await mkdtemp(join(process.env.QUANTADB_TEST_DIR ?? tmpdir(), 'qdb-'));
    await chmod(directory, 0o755);
    const cluster = new RealCluster(directory, await createAuthority({ name: 'test' }), {
      ...{ lab, timing, routers, isSupervised, hooks },
    });
    for (const name of names) {
      await prepare?.(name, join(directory, name));
      const kind = routerHosts.includes(name) ? 'router' : witnesses.includes(name) ? 'witness' : 'data';
      await cluster.addHost(name, kind);
    }
    return cluster;
  }

  host(name: string): TestHost {
    const host = this.hosts.get(name);
    if (!host) throw new Error(`no host ${name}`);
    return host;
  }

  async startDaemon(name: string): Promise<void> {
    const host = this.host(name);
    const log = await open(join(host.directory, 'daemon.log'), 'a');
    const command = [process.execPath, daemonFile, join(host.directory, 'host.json')];
    const inNetwork = this.lab ? ['ip', 'netns', 'exec', this.lab.namespaceOf(name)] : [];
    const [program = '', ...args] = [...inNetwork, ...command];
    const daemon = spawn(program, args, {
      stdio: ['ignore', log.fd, log.fd],
      detached: true,
      env: { ...process.env, ...(this.isSupervised ? { QUANTADB_SUPERVISED: '1' } : {}) },
    });
    await once(daemon, 'spawn');
    await log.close();
    daemon.once('exit', (code) => {
      if (host.daemon === daemon) host.daemon = null;
      if (this.isSupervised && code === 0 && !this.isOver) void this.startDaemon(name).catch(() => undefined);
    });
    host.daemon = daemon;
    const answers = async () => {
      if (host.daemon !== daemon) throw new Error(`the daemon of ${name} ended: ${await this.logOf(name)}`);
      return host.client.node().catch(() => undefined);
    };
    await pollUntil(answers, { what: `the daemon of ${name} answers`, timeoutMs: 30_000, intervalMs: 50 });
  }

  async startAll(): Promise<void> {
    await Promise.all([...this.hosts.keys()].map((name) => this.startDaemon(name)));
  }

  /** The demo's shape: a cluster founded on the first node, the others added one by one. */
  async form(first: string, others: string[]): Promise<void> {
    const { user, database, password } = credentials;
    const application = { role: user, database, password };
    const hba = this.lab ? [`host all all ${this.lab.network} scram-sha-256`] : [];
    await this.run(first, { kind: 'create-cluster', cluster: 'demo', application, parameters: {}, hba });
    for (const name of others) await this.addNode(first, name);
    await this.untilHealthy(first);
  }

  addNode(via: string, name: string): Promise<Operation> {
    const { addresses, kind } = this.host(name).config;
    return this.run(via, { kind: 'add-node', host: { name, addresses, kind } });
  }

  /** Plan, confirm, follow to the end. A refusal or a failure throws with its reason. */
  async run(via: string, request: OperationRequest): Promise<Operation> {
    const once = async () => this.endOf(via, await this.start(via, request), request.kind);
    // Secrets that are asked with are in the decider's memory alone: when a busy machine has changed it, the answer is to ask anew.
    return once().catch((error: unknown) => {
      if (messageOf(error).includes('ask anew and give them again')) return once();
      throw error;
    });
  }

  async endOf(via: string, operationId: string, what: string): Promise<Operation> {
    const { client } = this.host(via);
    const ended = async () => {
      const operations = await client.operations().catch(() => []);
      const operation = operations.find((each) => each.id === operationId);
      return operation && operation.state !== 'running' ? operation : undefined;
    };
    const operation = await pollUntil(ended, { what, timeoutMs: 120_000, intervalMs: 50 });
    if (operation.state === 'failed') throw new Error(`${what} failed: ${operation.error}`);
    return operation;
  }

  /** Plans again, as a person would, when the cluster has moved on by itself meanwhile. */
  private async start(via: string, request: OperationRequest): Promise<string> {
    const { client } = this.host(via);
    const attempt = async () => {
      const plan = await client.plan(request);
      if (plan.refusal) throw new Error(`refused: ${plan.refusal}`);
      const start = { request, planHash: plan.hash, requestedBy: 'test', reason: '' };
      return client.start(start).catch((error: unknown) => {
        if (messageOf(error).includes('since the plan was made')) return undefined;
        throw error;
      });
    };
    const what = `${request.kind} starts`;
    return (await pollUntil(attempt, { what, timeoutMs: 20_000, intervalMs: 100 })).operationId;
  }

  async status(via?: string): Promise<ClusterStatus | null> {
    const candidates = via ? [this.host(via)] : [...this.hosts.values()].filter((host) => host.daemon);
    for (const host of candidates) {
      const status = await host.client.status().catch(() => null);
      if (status) return status;
    }
    return null;
  }

  until(
    what: string,
    isTrue: (status: ClusterStatus) => boolean,
    timeoutMs = 60_000,
  ): Promise<ClusterStatus> {
    let last: ClusterStatus | null = null;
    const reached = async () => {
      last = await this.status();
      return last && isTrue(last) ? last : undefined;
    };
    return pollUntil(reached, { what, timeoutMs, intervalMs: 100 }).catch((error: unknown) => {
      throw new Error(`${messageOf(error)}; last seen: ${JSON.stringify(last)}`);
    });
  }

  untilHealthy(via?: string): Promise<ClusterStatus> {
    return this.until(`healthy (${via ?? 'any'})`, (status) => status.health === 'healthy');
  }

  async primary(): Promise<NodeStatus> {
    const status = await this.until('a primary', (each) => each.primary !== null);
    const node = status.nodes.find((each) => each.name === status.primary);
    if (!node) throw new Error('the primary is no node');
    return node;
  }

  /** SIGKILL of daemon, reaper and PostgreSQL, as if the host had lost its power. */
  async killNode(name: string): Promise<void> {
    const host = this.host(name);
    const { pids } = await host.client.node();
    const all = [host.daemon?.pid ?? null, pids.reaper, pids.postgres, ...pids.routers];
    for (const pid of all) if (pid !== null) sendKill(pid);
    // One that is in the middle of a flush ends only after it.
    const gone = async () => {
      const left = await Promise.all(all.map((pid) => pid !== null && isRunning(pid)));
      return host.daemon || left.includes(true) ? undefined : true;
    };
    await pollUntil(gone, { what: 'its processes are gone', timeoutMs: 20_000, intervalMs: 10 });
  }

  endpoints(names = this.dataNames()): { host: string; port: number }[] {
    return names.map((name) => ({ host: this.addressOf(name), port: this.portOf(name) }));
  }

  private dataNames(): string[] {
    return [...this.hosts.values()]
      .filter(({ config }) => config.kind === 'data')
      .map(({ config }) => config.name);
  }

  portOf(name: string): number {
    const port = this.host(name).config.addresses.postgres?.port;
    if (port === undefined) throw new Error(`${name} has no PostgreSQL`);
    return port;
  }

  async connect(name: string): Promise<pg.Client> {
    const client = new pg.Client({ host: this.addressOf(name), port: this.portOf(name), ...credentials });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  async logOf(name: string): Promise<string> {
    const text = await readFile(join(this.host(name).directory, 'daemon.log'), 'utf8').catch(() => '');
    return text.slice(-4000);
  }

  /** Every process of every host is ended, whatever state it is in, and nothing of it stays on disk. */
  async cleanUp(writer?: SequencedWriter, unmount?: () => Promise<unknown>): Promise<void> {
    this.isOver = true;
    await writer?.stop().catch(() => undefined);
    for (const host of this.hosts.values()) if (host.daemon?.pid) sendKill(host.daemon.pid);
    const gone = async () => {
      const pids = await processesBelow(this.directory);
      for (const pid of pids) sendKill(pid);
      return pids.length === 0 ? true : undefined;
    };
    await pollUntil(gone, { what: 'every process of the test is gone', timeoutMs: 20_000, intervalMs: 50 });
    await unmount?.();
    await rm(this.directory, { recursive: true, force: true });
  }

  private addressOf(name: string): string {
    return this.lab?.addressOf(name) ?? '127.0.0.1';
  }

  private async addHost(name: string, kind: HostConfig['kind']): Promise<void> {
    const directory = join(this.directory, name);
    await mkdir(join(directory, 'tls'), { recursive: true });
    const issued = await issueHostCertificate(this.authority, {
      host: name,
      addresses: [this.addressOf(name)],
    });
    const tls = {
      ca: join(directory, 'tls/ca.crt'),
      cert: join(directory, 'tls/host.crt'),
      key: join(directory, 'tls/host.key'),
    };
    await writeFile(tls.ca, this.authority.certPem);
    await writeFile(tls.cert, issued.certPem);
    await writeFile(tls.key, issued.keyPem, { mode: 0o600 });
    const [raft, api, postgres] = await Promise.all([freePort(), freePort(), freePort()]);
    const address = this.addressOf(name);
    const at = (port: number) => ({ host: address, port });
    const config: HostConfig = {
      version: 1,
      name,
      kind,
      addresses: { raft: at(raft), api: at(api), postgres: kind === 'data' ? at(postgres) : null },
      listenHost: address,
      stateDir: join(directory, 'state'),
      dataDir: join(directory, 'pg/data'),
      runDir: join(directory, 'run'),
      binDir,
      osUser: process.getuid?.() === 0 ? 'postgres' : null,
      tls,
      timing: this.timing,
      console: null,
      router:
        kind === 'router' || (this.hasRouters && kind === 'data')
          ? { port: await freePort(), listenHost: null, settings: {}, workers: kind === 'router' ? 2 : 1 }
          : null,
      logLevel: process.env.QUANTADB_TEST_LOG === 'debug' ? 'debug' : 'info',
      ...{ hooks: this.hooks, metricsTokenFile: null },
    };
    await writeFile(join(directory, 'host.json'), JSON.stringify(config));
    const client = DaemonClient.overSocket(join(config.runDir, 'daemon.sock'));
    this.hosts.set(name, { config, directory, daemon: null, client });
  }
}

/** Processes that were started with, or stand in, the test's directory: its daemons, reapers and servers. */
async function processesBelow(directory: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(pids.map(async (pid) => ((await belongsTo(pid, directory)) ? pid : null)));
  return found.filter((pid): pid is number => pid !== null && pid !== process.pid);
}

async function isRunning(pid: number): Promise<boolean> {
  return isAlive(await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''));
}

/** @param stat of proc(5): one that has ended may stand there until its parent has looked */
function isAlive(stat: string): boolean {
  return stat !== '' && !stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
}

async function belongsTo(pid: number, directory: string): Promise<boolean> {
  const read = (file: string) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '');
  const [stat, commandLine, environment, place] = await Promise.all([
    read('stat'),
    read('cmdline'),
    read('environ'),
    readlink(`/proc/${pid}/cwd`).catch(() => ''),
  ]);
  // A backend writes its title over both of the others, and one that a test has stopped outlives its postmaster.
  const marks = [commandLine, environment, place];
  return isAlive(stat) && marks.some((mark) => mark.includes(directory));
}

function sendKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
