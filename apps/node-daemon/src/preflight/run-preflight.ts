import { QuantaError } from '@quantadb/engine/shared/errors';
import { readSystem } from '../demo/installation.ts';
import { type DemoPorts, demoHosts, demoPaths, demoPorts, portBaseOf, portsInUse } from '../demo/layout.ts';
import { checkDisk, demoBytesMin } from './disk.ts';
import { findPostgres } from './find-postgres.ts';
import { checkHome } from './home.ts';
import { livingHolder } from './lock.ts';
import { osUserNamed } from './os-user.ts';
import { checkPorts } from './ports.ts';
import { type Problem, refuseAll } from './problem.ts';
import { checkRunDirectory, runDirectoryOf } from './run-directory.ts';

export interface PreflightOptions {
  home: string;
  isRoot: boolean;
  /** QUANTADB_POSTGRES_BIN */
  binDir: string | undefined;
  /** QUANTADB_PORT_BASE */
  portBase: string | undefined;
  allowUntested: boolean;
}

export interface Prepared {
  binDir: string;
  version: string;
  ports: DemoPorts;
  osUser: string | null;
}

const packagedUser = 'postgres';

/**
 * Everything that could be in the way of the local system, looked at before anything is touched.
 *
 * @throws QuantaError PREFLIGHT_FAILED with all problems and their next steps
 */
export async function runPreflight(options: PreflightOptions): Promise<Prepared> {
  const { home, isRoot } = options;
  const postgres = await findPostgres(options);
  const chosen = choosePorts(await recordedBase(home), options.portBase);
  const problems = [
    ...(postgres.ok ? [] : [postgres.problem]),
    ...(isRoot ? await checkUser(packagedUser) : []),
    ...(await checkHome(home, { isRoot })),
    ...(await checkDisk(home, demoBytesMin)),
    ...(await checkRunDirectories(home)),
    ...(chosen.ok ? await checkFreePorts(home, chosen.ports) : [chosen.problem]),
  ];
  refuseAll(problems);
  if (!postgres.ok || !chosen.ok) throw new QuantaError('INVARIANT_BROKEN', 'a problem was not told');
  const { binDir, version } = postgres;
  return { binDir, version, ports: chosen.ports, osUser: isRoot ? packagedUser : null };
}

export type ChosenPorts = { ok: true; ports: DemoPorts } | { ok: false; problem: Problem };

/**
 * The members of a cluster know each other by address, so an installation keeps the ports of its first start (pure).
 *
 * @param recorded the base of the first start (undefined: the well-known ports), or null before there was one
 */
export function choosePorts(recorded: string | undefined | null, wanted: string | undefined): ChosenPorts {
  if (recorded === null) return { ok: true, ports: demoPorts(wanted) };
  if (!wanted || wanted === recorded) return { ok: true, ports: demoPorts(recorded) };
  const known = recorded === undefined ? 'the default ports' : `QUANTADB_PORT_BASE=${recorded}`;
  return {
    ok: false,
    problem: {
      message: `the local system was made with ${known}, and its nodes know each other by these ports; QUANTADB_PORT_BASE is ${wanted} now`,
      nextStep: 'Unset QUANTADB_PORT_BASE, or give the other ports a QUANTADB_HOME of their own.',
    },
  };
}

async function recordedBase(home: string): Promise<string | undefined | null> {
  const system = await readSystem(home).catch((error: unknown) => {
    if (error instanceof QuantaError && error.code === 'NOT_FOUND') return null;
    throw error;
  });
  const first = system?.hosts[0];
  return first ? portBaseOf(first.api) : null;
}

async function checkUser(name: string): Promise<Problem[]> {
  try {
    await osUserNamed(name);
    return [];
  } catch (error) {
    if (!(error instanceof QuantaError)) throw error;
    return [{ message: error.message, nextStep: error.hint ?? '' }];
  }
}

async function checkRunDirectories(home: string): Promise<Problem[]> {
  const directories = demoHosts.map((name) => runDirectoryOf(home, name));
  return (await Promise.all(directories.map(checkRunDirectory))).flat();
}

/** What an earlier supervisor of this home has left running is adopted, so it may have its ports. */
async function checkFreePorts(home: string, ports: DemoPorts): Promise<Problem[]> {
  // The lock's own message says better that a living system has them.
  const holder = await livingHolder(demoPaths(home).lock);
  if (holder.isAlive) return [];
  return checkPorts(portsInUse(ports), (words) => words.some((word) => word.startsWith(`${home}/`)));
}
