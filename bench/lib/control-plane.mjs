// A console of its own with its metadata database, as an installation runs them, for the benchmarks of the control plane.

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { LocalControlPlane } from '../../apps/node-daemon/dist/demo/local-control-plane.js';
import { osUserNamed } from '../../apps/node-daemon/dist/preflight/os-user.js';
import { AuthorityKeeper } from '../../packages/api/dist/hosts/authority.js';
import { Enrolment } from '../../packages/api/dist/hosts/enrolment.js';
import { createCertificateRequest } from '../../packages/engine/dist/security/pki.js';
import { setupTokenOf } from '../../packages/engine/dist/security/setup-token.js';
import { freePort } from '../../packages/engine/dist/testing/free-port.js';
import { createPrismaClient } from '../../prisma/dist/client.js';
import { say } from './figures.mjs';
import { processesOf } from './processes.mjs';

const binDir = process.env.QUANTADB_POSTGRES_BIN ?? '/usr/lib/postgresql/15/bin';
const password = () => randomBytes(18).toString('base64url');
const addresses = (port) => ({
  raft: { host: '127.0.0.1', port },
  api: { host: '127.0.0.1', port: port + 1 },
  postgres: { host: '127.0.0.1', port: port + 2 },
});

/** @param {string} home a directory of the benchmark's own */
export async function startControlPlane(home) {
  const ports = { console: await freePort(), metadata: await freePort() };
  const secrets = {
    metadata: { password: password() },
    console: { secret: randomBytes(32).toString('hex') },
  };
  // The benchmark asks with one token, as often as a hundred people would.
  process.env.QUANTADB_REQUESTS_PER_MINUTE = '1000000';
  process.env.QUANTADB_READS_PER_MINUTE = '1000000';
  const osUser = await osUserNamed(process.getuid?.() === 0 ? 'postgres' : null);
  const plane = new LocalControlPlane({ home, ports, binDir, osUser, secrets, say });
  await plane.start();
  const { secret } = secrets.console;
  const databaseUrl = `postgres://quantadb:${secrets.metadata.password}@127.0.0.1:${ports.metadata}/postgres`;
  return { url: plane.url, databaseUrl, secret, stop: () => plane.stop() };
}

/** The first administrator, signed in, and a token of his that may read. */
export async function firstPerson({ url, secret }) {
  const call = async (path, body, headers = {}) => {
    const sent = { method: 'POST', headers: { origin: url, 'content-type': 'application/json', ...headers } };
    const response = await fetch(`${url}${path}`, { ...sent, body: JSON.stringify(body) });
    if (response.ok) return response;
    throw new Error(`${path}: ${response.status} ${await response.text()}`);
  };
  const person = { name: 'Ada', email: 'admin@example.com', password: password() };
  await call('/api/v1/setup', { token: setupTokenOf(secret), ...person });
  const { headers } = await call('/api/auth/sign-in/email', person);
  const cookie = headers
    .getSetCookie()
    .map((each) => each.split(';')[0])
    .join('; ');
  const token = await call('/api/v1/tokens', { name: 'benchmark', role: 'viewer' }, { cookie });
  return { cookie, token: (await token.json()).token };
}

/** Enrols hosts as the console would, each with a key and a certificate of its own. */
export async function enrol({ databaseUrl, secret }, names) {
  const prisma = createPrismaClient(databaseUrl);
  try {
    const enrolment = new Enrolment(prisma, await AuthorityKeeper.open(prisma, secret));
    const hosts = [];
    for (const [at, name] of names.entries()) {
      const { token } = await enrolment.createToken({
        hostName: name,
        lifetimeMs: 60_000,
        createdBy: 'bench',
      });
      const { requestPem, keyPem } = await createCertificateRequest(name);
      const request = { token, name, kind: 'data', certificateRequest: requestPem };
      const { certificate } = await enrolment.enrol({ ...request, addresses: addresses(10_000 + 3 * at) });
      hosts.push({ name, certificate, key: keyPem, addresses: addresses(10_000 + 3 * at) });
    }
    return hosts;
  } finally {
    await prisma.$disconnect();
  }
}

/** What the console and PostgreSQL have used until now, and how much memory the console has. */
export function usageOf(directory) {
  const all = processesOf(directory);
  const consoles = all.filter(({ command }) => command.includes('console/dist/server.js'));
  const servers = all.filter(
    ({ command }) => command.startsWith('postgres') || /bin\/postgres /.test(command),
  );
  const sum = (each) => each.reduce((total, { seconds }) => total + seconds, 0);
  const memory = readFileSync(`/proc/${consoles[0].pid}/status`, 'utf8');
  const megabytes = Number(/VmRSS:\s+(\d+)/.exec(memory)?.[1]) / 1024;
  const [{ pid }] = consoles;
  // Nanoseconds that its first thread was ready and had no core: what others on this machine took from it.
  const [, waited] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ').map(Number);
  return {
    pid,
    consoleSeconds: sum(consoles),
    postgresSeconds: sum(servers),
    megabytes: Math.round(megabytes),
    waitedSeconds: waited / 1e9,
  };
}

/** Also of threads and of what comes of them later. */
export function pinTo(core, pids) {
  for (const pid of pids)
    execFileSync('taskset', ['-a', '-c', '-p', String(core), String(pid)], { stdio: 'ignore' });
}
