// Other people's poolers in front of the same servers: each with as many server connections as ours, one process or thread
// where it lets us choose, and no logging of connections.

import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../../packages/engine/dist/testing/free-port.js';
import { application } from '../lib/router.mjs';

/**
 * @typedef {{ name: string, port: number, pid: number | null, options?: string, stop(): unknown }} Route
 * @typedef {{ directory: string, servers: object, poolSize: number, clientsMax: number }} Place
 */

/** @param {Place} place @returns {Promise<Route | null>} null where it is not installed */
export async function openPgBouncer({ directory, servers, poolSize }) {
  if (!isInstalled('pgbouncer')) return null;
  const { runDir, port } = servers.primary.place;
  const own = await freePort();
  const users = join(directory, 'pgbouncer.users');
  const file = join(directory, 'pgbouncer.ini');
  writeFileSync(users, `"${application.role}" "${application.password}"\n`);
  const settings = [
    `[databases]\napp = host=${runDir} port=${port} dbname=app\n[pgbouncer]\nlisten_addr = 127.0.0.1`,
    `listen_port = ${own}\nauth_type = scram-sha-256\nauth_file = ${users}\npool_mode = transaction`,
    `default_pool_size = ${poolSize}\nmax_client_conn = 20000\nunix_socket_dir =\nlog_connections = 0\nlog_disconnections = 0`,
  ];
  writeFileSync(file, `${settings.join('\n')}\n`);
  return served('pgbouncer', own, ['pgbouncer', '-q', file]);
}

/** It passes bytes on: as many connections to the server as there are clients. @param {Place} place */
export async function openHaproxy({ directory, servers }) {
  if (!isInstalled('haproxy')) return null;
  const own = await freePort();
  const file = join(directory, 'haproxy.cfg');
  const timeouts = 'timeout connect 5s\n timeout client 1h\n timeout server 1h';
  const listen = `listen pg\n bind 127.0.0.1:${own}\n server a 127.0.0.1:${servers.primary.place.port}\n`;
  writeFileSync(file, `global\n nbthread 1\n maxconn 2000\ndefaults\n mode tcp\n ${timeouts}\n${listen}`);
  return served('haproxy', own, ['haproxy', '-f', file]);
}

/**
 * A process and a server connection for each client, which is all it knows: with fewer, clients wait for others to leave.
 *
 * @param {Place} place @param {boolean} splits reads go to the standbys as well
 */
export async function openPgpool({ directory, servers, clientsMax }, splits = false) {
  if (!isInstalled('pgpool')) return null;
  const own = await freePort();
  const name = splits ? 'pgpool split' : 'pgpool';
  const home = join(directory, name.replace(' ', '-'));
  spawnSync('install', ['-d', '-m', '700', '-o', 'postgres', home]);
  const write = (file, lines) => writeFileSync(join(home, file), `${lines.join('\n')}\n`, { mode: 0o644 });
  const backends = (splits ? [servers.primary, ...servers.standbys] : [servers.primary]).flatMap(
    (node, i) => [
      `backend_hostname${i} = '127.0.0.1'\nbackend_port${i} = ${node.place.port}\nbackend_weight${i} = 1`,
      `backend_flag${i} = '${i === 0 ? 'ALWAYS_PRIMARY|' : ''}DISALLOW_TO_FAILOVER'`,
    ],
  );
  write('pool_passwd', [`${application.role}:TEXT${application.password}`]);
  write('pool_hba.conf', ['host all all 127.0.0.1/32 scram-sha-256']);
  write('pcp.conf', []);
  write('pgpool.conf', [
    `listen_addresses = '127.0.0.1'\nport = ${own}\nunix_socket_directories = '${home}'\npcp_socket_dir = '${home}'`,
    `pcp_port = ${await freePort()}\npid_file_name = '${home}/pid'\nlogdir = '${home}'\nbackend_clustering_mode = 'streaming_replication'`,
    `num_init_children = ${clientsMax}\nmax_pool = 1\nenable_pool_hba = on\npool_passwd = 'pool_passwd'`,
    `load_balance_mode = ${splits ? 'on' : 'off'}\nsr_check_period = 0\nhealth_check_period = 0\nlog_min_messages = error`,
    ...backends,
  ]);
  const files = ['-f', 'pgpool.conf', '-a', 'pool_hba.conf', '-F', 'pcp.conf'];
  const args = files.map((each, i) => (i % 2 === 1 ? join(home, each) : each));
  return served(name, own, ['pgpool', '-n', ...args]);
}

/** As the user `postgres`, because PgBouncer does not run as root. */
async function served(name, port, command) {
  const asUser = process.getuid?.() === 0 ? ['setpriv', '--reuid=postgres', '--clear-groups'] : [];
  const [file, ...args] = [...asUser, ...command];
  const child = spawn(file, args, { stdio: 'ignore', detached: true });
  await delay(2000);
  // Its children go with it.
  return { name, port, pid: child.pid, stop: () => killGroup(child.pid) };
}

function killGroup(pid) {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    // It has ended before.
    if (error.code !== 'ESRCH') throw error;
  }
}

function isInstalled(program) {
  return spawnSync('which', [program], { env: { PATH: `${process.env.PATH}:/usr/sbin` } }).status === 0;
}
