// Makes this machine ready: Node.js, Debian packages, npm packages, build. Every step looks first and does nothing when
// nothing is missing. Only `node:*` is imported, because this runs before anything is installed.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  filesBelow,
  fingerprint,
  isMain,
  readIfPresent,
  readJson,
  root,
  workspaceDirectories,
} from './lib/files.mjs';
import { runLoud, runQuiet } from './lib/run.mjs';

const leastNode = { major: 20, minor: 19 };
const clusterConfiguration = '/etc/postgresql-common/createcluster.conf';
const aptDeadlineMs = 30 * 60_000;
const packageStamp = join(root, 'node_modules/.quantadb-setup');
const buildStamp = join(root, 'node_modules/.quantadb-build');

/** @typedef {{ name: string, file: string, testsOnly: boolean }} SystemPackage */

/** @type {SystemPackage[]} A package is there when its file is: how it came onto the machine does not matter. */
const systemPackages = [
  { name: 'postgresql-common', file: '/usr/bin/pg_lsclusters', testsOnly: false },
  { name: 'postgresql-15', file: '/usr/lib/postgresql/15/bin/postgres', testsOnly: false },
  { name: 'pgbackrest', file: '/usr/bin/pgbackrest', testsOnly: false },
  { name: 'openssl', file: '/usr/bin/openssl', testsOnly: false },
  { name: 'util-linux', file: '/usr/bin/setpriv', testsOnly: false },
  { name: 'iproute2', file: '/usr/sbin/ip', testsOnly: true },
  { name: 'nftables', file: '/usr/sbin/nft', testsOnly: true },
  { name: 'python3-psycopg2', file: '/usr/lib/python3/dist-packages/psycopg2/__init__.py', testsOnly: true },
  { name: 'python3-psycopg', file: '/usr/lib/python3/dist-packages/psycopg/__init__.py', testsOnly: true },
  {
    name: 'python3-sqlalchemy',
    file: '/usr/lib/python3/dist-packages/sqlalchemy/__init__.py',
    testsOnly: true,
  },
  { name: 'prometheus', file: '/usr/bin/promtool', testsOnly: true },
  { name: 'chromium', file: '/usr/bin/chromium', testsOnly: true },
];

/** What is missing cannot be installed from here; the message says what to do. */
export class SetupError extends Error {
  /**
   * @param {string} message
   * @param {number} exitCode 1 when a step failed, 2 when the person has to do something first
   */
  constructor(message, exitCode) {
    super(message);
    this.name = 'SetupError';
    this.exitCode = exitCode;
  }
}

/**
 * Installs and builds what is missing, one printed line per step taken.
 *
 * @param {{ forTests: boolean }} options
 * @throws {SetupError}
 */
export function setUp({ forTests }) {
  const begunAt = Date.now();
  checkNode();
  installSystemPackages(forTests);
  installNpmPackages();
  build();
  say(`ready after ${((Date.now() - begunAt) / 1000).toFixed(1)} s`);
}

/** @param {() => void | Promise<void>} action reports a SetupError as text and exit code, without a stack. */
export async function reportingSetupErrors(action) {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(`setup: ${error.message}`);
    process.exitCode = error.exitCode;
  }
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > leastNode.major || (major === leastNode.major && minor >= leastNode.minor)) return;
  const least = `${leastNode.major}.${leastNode.minor}`;
  throw new SetupError(`Node.js ${process.versions.node} is too old. Install Node.js ${least} or newer.`, 2);
}

/** @param {boolean} forTests */
function installSystemPackages(forTests) {
  const wanted = systemPackages.filter((each) => forTests || !each.testsOnly);
  const missing = wanted.filter((each) => !existsSync(each.file));
  if (missing.length === 0) return;
  const names = missing.map((each) => each.name);
  if (!existsSync('/usr/bin/apt-get')) {
    const files = missing.map((each) => each.file).join(', ');
    throw new SetupError(
      `this is not Debian or Ubuntu; install what provides ${files}, then start again.`,
      2,
    );
  }
  if (process.getuid?.() !== 0) throw new SetupError(commandForRoot(names), 2);
  if (names.some((name) => name.startsWith('postgresql'))) keepPostgresFromCreatingCluster();
  aptInstall(names);
  const absent = missing.filter((each) => !existsSync(each.file));
  if (absent.length > 0) {
    const files = absent.map((each) => `${each.file} (${each.name})`).join(', ');
    throw new SetupError(`the packages were installed, but ${files} is still missing.`, 1);
  }
}

/** @param {string[]} names */
function commandForRoot(names) {
  const first = names.some((name) => name.startsWith('postgresql'))
    ? 'sudo mkdir -p /etc/postgresql-common && ' +
      `echo 'create_main_cluster = false' | sudo tee -a ${clusterConfiguration} && `
    : '';
  const install = `sudo apt-get install -y --no-install-recommends ${names.join(' ')}`;
  return `packages are missing. Run this, then start again:\n  ${first}sudo apt-get update && ${install}`;
}

/** Debian would create and start a cluster of its own on port 5432. A cluster that exists is not touched. */
function keepPostgresFromCreatingCluster() {
  const before = readIfPresent(clusterConfiguration) ?? '';
  const others = before.split('\n').filter((line) => !/^\s*create_main_cluster\s*=/.test(line));
  const after = `${others.join('\n').trimEnd()}\ncreate_main_cluster = false\n`.trimStart();
  if (after === before) return;
  say(`writing create_main_cluster = false to ${clusterConfiguration}`);
  mkdirSync(dirname(clusterConfiguration), { recursive: true });
  writeFileSync(clusterConfiguration, after);
}

/** @param {string[]} names */
function aptInstall(names) {
  const install = [
    'install',
    '-y',
    '--no-install-recommends',
    '-o',
    'Dpkg::Options::=--force-confold',
    ...names,
  ];
  say(`installing ${names.join(', ')}`);
  // Package lists that are there but old end in a download error; fresh ones mend that, so that is tried once.
  if (hasPackageLists() && apt(install).ok) return;
  say('fetching the package lists');
  const updated = apt(['update']);
  const installed = updated.ok ? apt(install) : updated;
  if (installed.ok) return;
  console.error(installed.output.trim());
  throw new SetupError(`apt-get could not install ${names.join(', ')}; its messages above say why.`, 1);
}

function hasPackageLists() {
  const lists = '/var/lib/apt/lists';
  return existsSync(lists) && readdirSync(lists).some((name) => /_Packages(\.\w+)?$/.test(name));
}

/** @param {string[]} args */
function apt(args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return runQuiet('/usr/bin/apt-get', ['-q', '-o', 'DPkg::Lock::Timeout=120', ...args], {
    env,
    timeoutMs: aptDeadlineMs,
  });
}

function installNpmPackages() {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  if (readIfPresent(packageStamp) === lock) return;
  if (!installedMatchesLock()) {
    say('installing npm packages');
    if (!npm(['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'])) {
      throw new SetupError('npm ci failed; its messages above say why.', 1);
    }
  }
  writeFileSync(packageStamp, lock);
}

/** Whether npm's own record of what is installed agrees with the lock: then somebody ran `npm install` by hand. */
function installedMatchesLock() {
  const recordFile = join(root, 'node_modules/.package-lock.json');
  if (!existsSync(recordFile)) return false;
  /** @type {{ packages: Record<string, { version?: string, link?: boolean, optional?: boolean }> }} */
  const wanted = readJson(join(root, 'package-lock.json'));
  /** @type {typeof wanted} */
  const installed = readJson(recordFile);
  return Object.entries(wanted.packages).every(([path, { version, link, optional }]) => {
    if (!path.startsWith('node_modules/') || optional) return true;
    return link ? existsSync(join(root, path)) : installed.packages[path]?.version === version;
  });
}

/** @param {string[]} args */
function npm(args) {
  const cli = process.env.npm_execpath;
  if (cli?.endsWith('.js')) return runLoud(process.execPath, [cli, ...args]);
  return runLoud('npm', args);
}

function build() {
  const before = fingerprint(buildInputs());
  if (readIfPresent(buildStamp) === before && everythingIsBuilt()) return;
  say('building');
  const turbo = join(root, 'node_modules/turbo/bin/turbo');
  const env = { ...process.env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' };
  const { ok, output } = runQuiet(process.execPath, [turbo, 'run', 'build', '--output-logs=errors-only'], {
    env,
  });
  if (!ok) {
    console.error(output.trim());
    throw new SetupError('the build failed; the messages above say why.', 1);
  }
  // The fingerprint is of before: a file that was saved during the build is built the next time.
  writeFileSync(buildStamp, before);
}

function buildInputs() {
  const names = ['package.json', 'package-lock.json', 'tsconfig.base.json', 'turbo.json'];
  return [...names, ...workspaceDirectories()].flatMap((name) => {
    const path = join(root, name);
    return name.includes('.') ? [path] : filesBelow(path);
  });
}

function everythingIsBuilt() {
  return workspaceDirectories().every((directory) => {
    if (!readJson(join(root, directory, 'package.json')).scripts?.build) return true;
    return existsSync(join(root, directory, 'dist'));
  });
}

/** @param {string} line */
function say(line) {
  console.log(`setup: ${line}`);
}

if (isMain(import.meta.url)) {
  await reportingSetupErrors(() => setUp({ forTests: process.argv.includes('--for-tests') }));
}
