// pgbench straight to PostgreSQL, through the router, and through whichever of PgBouncer and HAProxy is installed, one
// after the other on one machine, in turns. `npm run bench -- router [seconds=4] [rounds=3] [clients=1,16,64]`.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../packages/engine/dist/testing/free-port.js';
import { application, startRouter, startServers } from './lib/router.mjs';
import { inWorkspace } from './lib/workspace.mjs';

const given = (name, usual) =>
  process.argv.find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1) ?? usual;
const seconds = Number(given('seconds', '4'));
const rounds = Number(given('rounds', '3'));
const clientCounts = given('clients', '1,16,64').split(',').map(Number);
/** Of every pooler: small enough that 64 direct connections fit beside them into PostgreSQL's usual hundred. */
const poolSize = 12;

await inWorkspace(async (directory) => {
  const servers = await startServers(0);
  const stops = [];
  try {
    const { port, runDir } = servers.primary.place;
    pgbench(port, ['-i', '-q', '-s', '10']);
    const routes = [{ name: 'direct', port, pid: null }];
    for (const open of [openRouter, openPgBouncer, openHaproxy]) {
      const route = await open({ directory, servers, port, runDir });
      if (!route) continue;
      routes.push(route);
      stops.push(route.stop);
    }
    const rows = [];
    for (const protocol of ['simple', 'extended', 'prepared'])
      for (const clients of clientCounts) rows.push(...measure(routes, { protocol, clients }));
    print(rows);
    const memory = await idleClients(routes.find(({ name }) => name === 'quantadb'));
    process.stderr.write(`memory per idle client: ${memory.toFixed(1)} KiB\n`);
    process.stdout.write(
      `${JSON.stringify({ name: 'router', cpus: cpus().length, seconds, rounds, rows, idleClientKib: memory })}\n`,
    );
  } finally {
    for (const stop of stops) await stop();
    await servers.cluster.cleanUp();
  }
});

/** @returns {Promise<{ name: string, port: number, pid: number, stop(): unknown }>} */
async function openRouter({ servers }) {
  return { name: 'quantadb', ...(await startRouter(servers, { poolSize })) };
}

async function openPgBouncer({ directory, runDir, port }) {
  if (!isInstalled('pgbouncer')) return null;
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

async function openHaproxy({ directory, port }) {
  if (!isInstalled('haproxy')) return null;
  const own = await freePort();
  const file = join(directory, 'haproxy.cfg');
  const timeouts = 'timeout connect 5s\n timeout client 1h\n timeout server 1h';
  writeFileSync(
    file,
    `global\n nbthread 1\ndefaults\n mode tcp\n ${timeouts}\nlisten pg\n bind 127.0.0.1:${own}\n server a 127.0.0.1:${port}\n`,
  );
  return served('haproxy', own, ['haproxy', '-f', file]);
}

/** As the user `postgres`, because PgBouncer does not run as root. */
async function served(name, port, command) {
  const asUser = process.getuid?.() === 0 ? ['setpriv', '--reuid=postgres', '--clear-groups'] : [];
  const [file, ...args] = [...asUser, ...command];
  const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  await delay(1000);
  return { name, port, pid: child.pid, stop: () => child.kill('SIGKILL') };
}

function isInstalled(program) {
  return spawnSync('which', [program], { env: { PATH: `${process.env.PATH}:/usr/sbin` } }).status === 0;
}

/** All routes in turns, so that a busy moment of the machine meets all of them; the median counts. */
function measure(routes, { protocol, clients }) {
  const samples = routes.map(() => []);
  for (let round = 0; round < rounds; round += 1) {
    routes.forEach((route, index) => {
      // PgBouncer before 1.21 knows no prepared statements in transaction mode.
      if (route.name === 'pgbouncer' && protocol === 'prepared') return;
      const before = cpuMs(route.pid);
      const args = ['-n', '-S', '-M', protocol, '-c', String(clients), '-j', '1', '-T', String(seconds)];
      const text = pgbench(route.port, args);
      spawnSync('sleep', ['0.3']);
      const number = (form) => Number(form.exec(text)?.[1] ?? Number.NaN);
      const statements = number(/actually processed: (\d+)/);
      // A machine so busy that not even the connections were made in time says nothing.
      if (!(statements > 0)) return;
      samples[index].push({
        tps: number(/tps = ([\d.]+)/),
        latencyMs: number(/latency average = ([\d.]+)/),
        cpuMicros: route.pid === null ? null : ((cpuMs(route.pid) - before) * 1000) / statements,
      });
    });
  }
  return routes.flatMap(({ name }, index) => {
    const taken = samples[index].sort((left, right) => left.tps - right.tps);
    const median = taken[Math.floor(taken.length / 2)];
    return median ? [{ name, protocol, clients, ...median }] : [];
  });
}

function pgbench(port, args) {
  // Without TLS, which not every route offers: encryption would be most of what is measured.
  const env = { ...process.env, PGPASSWORD: application.password, PGSSLMODE: 'disable' };
  return execFileSync('pgbench', ['-h', '127.0.0.1', '-p', String(port), '-U', 'app', ...args, 'app'], {
    ...{ env, encoding: 'utf8', timeout: 120_000, stdio: ['ignore', 'pipe', 'pipe'] },
  });
}

function cpuMs(pid) {
  if (pid === null) return 0;
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** What a logged-in client that says nothing costs, in KiB of resident memory. */
async function idleClients(route, count = 1000) {
  const { default: pg } = await import('pg');
  const rss = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${route.pid}/status`, 'utf8'))?.[1]);
  const before = rss();
  const clients = [];
  for (let done = 0; done < count; done += 50) {
    const more = Array.from({ length: 50 }, () => {
      const { role: user, database, password } = application;
      return new pg.Client({ host: '127.0.0.1', port: route.port, user, database, password });
    });
    await Promise.all(more.map((client) => client.connect()));
    clients.push(...more);
  }
  await delay(2000);
  const kib = (rss() - before) / count;
  await Promise.all(clients.map((client) => client.end()));
  return kib;
}

function print(rows) {
  const direct = (row) =>
    rows.find(
      (each) => each.name === 'direct' && each.protocol === row.protocol && each.clients === row.clients,
    );
  for (const row of rows) {
    const share = (row.tps / (direct(row)?.tps ?? row.tps)).toFixed(2);
    const cpu = row.cpuMicros === null ? '' : `${row.cpuMicros.toFixed(0)} µs of CPU each`;
    const words = [row.protocol.padEnd(9), `${row.clients} clients`.padEnd(12), row.name.padEnd(10)];
    process.stderr.write(
      `${[...words, `${Math.round(row.tps)} tps`.padEnd(11), `${share} of direct`, cpu].join('  ')}\n`,
    );
  }
}
