// PostgreSQL as somebody sets it up by hand: a primary and two standbys of the same version and the same settings, and the same
// synchronous_standby_names. Everything lives below one directory.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { osUserNamed } from '../../apps/node-daemon/dist/preflight/os-user.js';
import { createAuthority, issueHostCertificate } from '../../packages/engine/dist/security/pki.js';
import { pollUntil } from '../../packages/engine/dist/shared/deadline.js';
import { freePort } from '../../packages/engine/dist/testing/free-port.js';
import { signalProcess } from '../lib/workspace.mjs';

const binDir = process.env.QUANTADB_POSTGRES_BIN ?? '/usr/lib/postgresql/15/bin';
const names = ['plain-1', 'plain-2', 'plain-3'];
const startDeadlineMs = 60_000;

/** @param {{ directory: string, settings: Record<string, string> }} options settings: all but where things are */
export async function startPlain({ directory, settings }) {
  const plain = new PlainCluster(directory, settings);
  try {
    await plain.start();
  } catch (error) {
    await plain.stop();
    throw error;
  }
  return plain;
}

class PlainCluster {
  constructor(directory, settings) {
    this.directory = directory;
    this.settings = settings;
    this.servers = new Map();
    this.osUser = null;
  }

  async start() {
    this.osUser = userInfo().uid === 0 ? await osUserNamed('postgres') : null;
    this.makeDirectory(this.directory);
    await this.writeCertificate();
    const first = join(this.directory, names[0]);
    await this.run('initdb', [
      '-D',
      first,
      '-U',
      'postgres',
      '-k',
      '-E',
      'UTF8',
      '--locale=C.UTF-8',
      '-A',
      'trust',
    ]);
    await this.startServer(names[0], '');
    const from = `host=127.0.0.1 port=${this.servers.get(names[0]).port} user=postgres`;
    for (const name of names.slice(1)) {
      await this.run('pg_basebackup', ['-d', from, '-D', join(this.directory, name), '-c', 'fast', '-R']);
      await this.startServer(name, `${from} application_name=${name} sslmode=prefer`);
    }
    const standbys = names.slice(1).map((name) => `"${name}"`);
    await this.ask(`ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (${standbys.join(', ')})'`);
    await this.ask('SELECT pg_reload_conf()');
    await this.untilSynchronous();
  }

  async untilSynchronous() {
    const isSynchronous = async () => {
      const rows = await this.ask("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'quorum'");
      return rows.length === names.length - 1 ? true : undefined;
    };
    await pollUntil(isSynchronous, {
      what: 'two standbys count',
      timeoutMs: startDeadlineMs,
      intervalMs: 100,
    });
  }

  /** For pgbench. */
  get place() {
    return {
      host: '127.0.0.1',
      port: this.servers.get(names[0]).port,
      user: 'postgres',
      database: 'postgres',
    };
  }

  get primary() {
    return names[0];
  }

  /** Each server and its directory. */
  get hosts() {
    return names.map((name) => [name, join(this.directory, name)]);
  }

  async ask(sql) {
    const client = new pg.Client(this.place);
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query(sql)).rows;
    } finally {
      await client.end();
    }
  }

  /** As the other one of a pair does between two turns. */
  async restart() {
    const before = [...this.servers];
    await this.stop();
    for (const [name, { upstream }] of before) await this.startServer(name, upstream);
    await this.untilSynchronous();
  }

  async stop() {
    for (const { process: server } of [...this.servers.values()].reverse()) {
      if (server.exitCode !== null) continue;
      const ended = once(server, 'exit');
      signalProcess(server.pid, 'SIGINT');
      await ended;
    }
  }

  async startServer(name, upstream) {
    // A standby looks for its primary where it was.
    const port = this.servers.get(name)?.port ?? (await freePort());
    const own = {
      ...this.settings,
      ...{ port, listen_addresses: '127.0.0.1', unix_socket_directories: '', cluster_name: name },
      ...{
        ssl: 'on',
        ssl_cert_file: join(this.directory, 'host.crt'),
        ssl_key_file: join(this.directory, 'host.key'),
      },
      ...(upstream ? { primary_conninfo: upstream } : {}),
    };
    const args = Object.entries(own).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
    const log = openSync(join(this.directory, `${name}.log`), 'a');
    const data = join(this.directory, name);
    const options = { ...this.owner(), stdio: ['ignore', log, log], cwd: this.directory };
    const server = spawn(join(binDir, 'postgres'), ['-D', data, ...args], options);
    this.servers.set(name, { port, upstream, process: server });
    const answers = async () => {
      if (server.exitCode !== null) throw new Error(`${name} ended: see ${this.directory}/${name}.log`);
      const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' });
      client.on('error', () => undefined);
      return client.connect().then(
        () => client.end().then(() => true),
        () => undefined,
      );
    };
    await pollUntil(answers, { what: `${name} answers`, timeoutMs: startDeadlineMs, intervalMs: 100 });
  }

  async writeCertificate() {
    const authority = await createAuthority({ name: 'plain' });
    const issued = await issueHostCertificate(authority, { host: 'plain', addresses: ['127.0.0.1'] });
    for (const [file, text] of Object.entries({ 'host.crt': issued.certPem, 'host.key': issued.keyPem })) {
      const path = join(this.directory, file);
      writeFileSync(path, text, { mode: 0o600 });
      if (this.osUser) chownSync(path, this.osUser.uid, this.osUser.gid);
    }
  }

  async run(program, args) {
    const child = spawn(join(binDir, program), args, {
      ...this.owner(),
      stdio: 'ignore',
      cwd: this.directory,
    });
    const [code] = await once(child, 'exit');
    if (code !== 0) throw new Error(`${program} ended with ${code}`);
  }

  owner() {
    return this.osUser ? { uid: this.osUser.uid, gid: this.osUser.gid } : {};
  }

  makeDirectory(path) {
    mkdirSync(path, { recursive: true, mode: 0o755 });
    if (this.osUser) chownSync(path, this.osUser.uid, this.osUser.gid);
  }
}
