// Patroni as Debian packages it, on etcd, with three PostgreSQL servers of the same version on the same disk: measured
// beside QuantaDB so that both figures come from one machine and one run. Everything lives below one directory.

import { spawn } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { osUserNamed } from '../../apps/node-daemon/dist/preflight/os-user.js';
import { pollUntil } from '../../packages/engine/dist/shared/deadline.js';
import { freePort } from '../../packages/engine/dist/testing/free-port.js';
import { childrenOf, endProcessesIn, signalProcess } from '../lib/workspace.mjs';

const programs = { patroni: '/usr/bin/patroni', etcd: '/usr/bin/etcd' };
const binDir = process.env.QUANTADB_POSTGRES_BIN ?? '/usr/lib/postgresql/15/bin';
const names = ['peer-1', 'peer-2', 'peer-3'];
const credentials = { user: 'app', password: 'a password for tests', database: 'app' };
const superuser = { user: 'postgres', password: 'of the superuser', database: 'postgres' };
const replication = { username: 'replicator', password: 'of the standbys' };
const startDeadlineMs = 120_000;

/** What an operator can set, in seconds: the defaults of Patroni's documentation, and the lowest its code allows. */
export const patroniTimings = {
  default: { ttl: 30, loop_wait: 10, retry_timeout: 10 },
  lowest: { ttl: 20, loop_wait: 1, retry_timeout: 3 },
};

/** @returns {string | null} what to install, or null when everything is there */
export function patroniMissing() {
  const missing = Object.values(programs).filter((file) => !existsSync(file));
  if (missing.length === 0) return null;
  return (
    `${missing.join(' and ')} ${missing.length > 1 ? 'are' : 'is'} not there: ` +
    'apt-get install -y --no-install-recommends patroni etcd-server, and keep the services Debian would start from ' +
    'starting (systemctl disable --now patroni etcd, or an /usr/sbin/policy-rc.d that exits with 101 before installing)'
  );
}

/** @param {{ directory: string, timing: { ttl: number, loop_wait: number, retry_timeout: number } }} options */
export async function startPatroni({ directory, timing }) {
  const peers = new PatroniCluster(directory, timing);
  try {
    await peers.start();
  } catch (error) {
    await peers.stop();
    throw error;
  }
  return peers;
}

class PatroniCluster {
  credentials = credentials;

  constructor(directory, timing) {
    this.directory = directory;
    this.timing = timing;
    this.nodes = new Map();
    this.osUser = null;
  }

  async start() {
    this.osUser = userInfo().uid === 0 ? await osUserNamed('postgres') : null;
    this.makeDirectory(this.directory);
    const ports = await Promise.all(Array.from({ length: 2 + names.length * 2 }, freePort));
    const [etcdPort, etcdPeerPort] = ports;
    this.startEtcd(etcdPort, etcdPeerPort);
    for (const [index, name] of names.entries()) {
      const [sql, rest] = ports.slice(2 + index * 2, 4 + index * 2);
      this.addNode(name, { sql, rest, etcd: etcdPort });
    }
    await this.restartHost('peer-1');
    await this.until('the first server leads', async () => (await this.leader()) !== null);
    await this.createApplication();
    await Promise.all(names.slice(1).map((name) => this.restartHost(name)));
    await this.untilWell();
  }

  endpoints() {
    return [...this.nodes.values()].map((node) => ({ host: '127.0.0.1', port: node.sql }));
  }

  async primary() {
    await this.until('a leader', async () => (await this.leader()) !== null);
    return this.leader();
  }

  /** Three members, two streaming, one of them synchronous in PostgreSQL and eligible in etcd. */
  async untilWell() {
    await this.until('every server streams', async () => {
      const leader = await this.leader();
      if (leader === null) return false;
      const standbys = await this.ask(leader, 'SELECT state, sync_state FROM pg_stat_replication');
      const members = await this.members();
      return (
        standbys.filter((each) => each.state === 'streaming').length === names.length - 1 &&
        standbys.some((each) => each.sync_state === 'sync') &&
        members.filter((each) => each.role === 'sync_standby').length === 1 &&
        new Set(members.map((each) => each.timeline)).size === 1
      );
    });
  }

  async isBack(name) {
    const leader = await this.leader();
    if (leader === null || leader === name) return leader === name;
    const sql = "SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'";
    const rows = await this.ask(leader, sql).catch(() => []);
    return rows.some((row) => row.application_name === name);
  }

  async connect(name) {
    return this.open(name, credentials);
  }

  async timelines() {
    return (await this.members()).map((member) => member.timeline);
  }

  async killHost(name) {
    const node = this.nodes.get(name);
    const postmaster = this.postmasterOf(name);
    const victims = [node.process?.pid, postmaster, ...(postmaster ? childrenOf(postmaster) : [])];
    for (const pid of victims) if (pid) signalProcess(pid, 'SIGKILL');
  }

  async restartHost(name) {
    const node = this.nodes.get(name);
    node.process = this.spawn(programs.patroni, [join(node.directory, 'patroni.json')], node.directory);
  }

  async crashPostmaster(name) {
    signalProcess(this.postmasterOf(name), 'SIGKILL');
  }

  async crashBackend(name) {
    const client = await this.open(name, superuser);
    const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
    signalProcess(rows[0].pid, 'SIGKILL');
    await client.end().catch(() => undefined);
  }

  async switchOver() {
    const leader = await this.primary();
    const candidate = (await this.members()).find((member) => member.role === 'sync_standby')?.name;
    const response = await fetch(`http://127.0.0.1:${this.nodes.get(leader).rest}/switchover`, {
      method: 'POST',
      body: JSON.stringify({ leader, candidate }),
      signal: AbortSignal.timeout(120_000),
    });
    if (!response.ok) throw new Error(`the switchover failed: ${response.status} ${await response.text()}`);
  }

  async stop() {
    await endProcessesIn(this.directory);
  }

  startEtcd(clientPort, peerPort) {
    const directory = join(this.directory, 'etcd');
    this.makeDirectory(directory);
    const client = `http://127.0.0.1:${clientPort}`;
    const peer = `http://127.0.0.1:${peerPort}`;
    const settings = {
      name: 'etcd-1',
      'data-dir': join(directory, 'data'),
      'listen-client-urls': client,
      'advertise-client-urls': client,
      'listen-peer-urls': peer,
      'initial-advertise-peer-urls': peer,
      'initial-cluster': `etcd-1=${peer}`,
    };
    const args = Object.entries(settings).map(([name, value]) => `--${name}=${value}`);
    this.spawn(programs.etcd, args, directory);
  }

  addNode(name, { sql, rest, etcd }) {
    const directory = join(this.directory, name);
    this.makeDirectory(directory);
    const at = (port) => `127.0.0.1:${port}`;
    const configuration = {
      scope: 'bench',
      name,
      restapi: { listen: at(rest), connect_address: at(rest) },
      etcd3: { hosts: [at(etcd)] },
      bootstrap: this.bootstrap(),
      postgresql: {
        listen: at(sql),
        connect_address: at(sql),
        data_dir: join(directory, 'data'),
        bin_dir: binDir,
        pgpass: join(directory, 'pgpass'),
        // Only so that the cluster is up sooner: a clone would wait minutes for a spread checkpoint.
        basebackup: [{ checkpoint: 'fast' }],
        authentication: {
          replication,
          superuser: { username: superuser.user, password: superuser.password },
        },
        parameters: { unix_socket_directories: directory },
      },
    };
    // JSON is YAML as well.
    writeFileSync(join(directory, 'patroni.json'), JSON.stringify(configuration));
    this.nodes.set(name, { directory, sql, rest, process: null });
  }

  bootstrap() {
    return {
      dcs: {
        ...this.timing,
        maximum_lag_on_failover: 1048576,
        synchronous_mode: true,
        postgresql: { use_pg_rewind: true, use_slots: true },
      },
      initdb: [{ encoding: 'UTF8' }, { locale: 'C.UTF-8' }, 'data-checksums'],
      pg_hba: [
        'local all all trust',
        'host replication replicator 127.0.0.1/32 scram-sha-256',
        'host all all 127.0.0.1/32 scram-sha-256',
      ],
    };
  }

  async createApplication() {
    const leader = await this.primary();
    await this.ask(leader, `CREATE ROLE ${credentials.user} LOGIN PASSWORD '${credentials.password}'`);
    await this.ask(leader, `CREATE DATABASE ${credentials.database} OWNER ${credentials.user}`);
  }

  async members() {
    for (const node of this.nodes.values()) {
      const answer = await this.rest(node, '/cluster');
      if (answer?.ok) return (await answer.json()).members;
    }
    return [];
  }

  /** Asked of the servers themselves: what etcd remembers may be a dead leader. */
  async leader() {
    for (const [name, node] of this.nodes) if ((await this.rest(node, '/primary'))?.ok) return name;
    return null;
  }

  rest(node, path) {
    const options = { signal: AbortSignal.timeout(3000) };
    return fetch(`http://127.0.0.1:${node.rest}${path}`, options).catch(() => null);
  }

  async open(name, who) {
    const client = new pg.Client({ host: '127.0.0.1', port: this.nodes.get(name).sql, ...who });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  async ask(name, sql) {
    const client = await this.open(name, superuser);
    try {
      return (await client.query(sql)).rows;
    } finally {
      await client.end();
    }
  }

  postmasterOf(name) {
    const file = join(this.nodes.get(name).directory, 'data/postmaster.pid');
    return existsSync(file) ? Number(readFileSync(file, 'utf8').split('\n')[0]) : null;
  }

  spawn(file, args, directory) {
    const log = openSync(join(directory, 'log'), 'a');
    const ids = this.osUser ? { uid: this.osUser.uid, gid: this.osUser.gid } : {};
    const env = { PATH: '/usr/bin:/bin', HOME: directory, LC_ALL: 'C.UTF-8' };
    const child = spawn(file, args, {
      cwd: directory,
      env,
      stdio: ['ignore', log, log],
      detached: true,
      ...ids,
    });
    child.on('error', (error) => process.stderr.write(`${file}: ${error.message}\n`));
    return child;
  }

  makeDirectory(path) {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    if (this.osUser) chownSync(path, this.osUser.uid, this.osUser.gid);
  }

  until(what, isTrue) {
    const condition = async () => ((await isTrue().catch(() => false)) ? true : undefined);
    return pollUntil(condition, { what: `Patroni: ${what}`, timeoutMs: startDeadlineMs, intervalMs: 100 });
  }
}
