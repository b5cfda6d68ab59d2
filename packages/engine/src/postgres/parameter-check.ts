import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { runCommand, runOrThrow } from './command.ts';
import type { NodePlace } from './layout.ts';
import { judgeParameters, type RefusedSetting } from './settings.ts';

/**
 * Asks PostgreSQL itself whether it would take these parameters, without starting it: one value it does not understand
 * in its configuration would make it refuse to start, on every node at once.
 */
export async function validateParameters(
  place: Pick<NodePlace, 'binDir' | 'dataDir' | 'osUser'>,
  parameters: Record<string, string>,
): Promise<{ accepted: Record<string, string>; refused: RefusedSetting[] }> {
  const { accepted, refused } = judgeParameters(parameters);
  if (await areTaken(place, accepted)) return withLibraries(place, { accepted, refused }, parameters);
  const valid: Record<string, string> = {};
  for (const [name, value] of Object.entries(accepted)) {
    if (await areTaken(place, { [name]: value })) valid[name] = value;
    else
      refused.push({ name, reason: 'invalid', detail: `PostgreSQL does not take ${JSON.stringify(value)}` });
  }
  return withLibraries(place, { accepted: valid, refused }, parameters);
}

/** A standby refuses to start with less than its primary has: these can be raised while the cluster runs, not lowered. */
const raisedOnly = [
  'max_connections',
  'max_locks_per_transaction',
  'max_prepared_transactions',
  'max_worker_processes',
];

/** What PostgreSQL or QuantaDB would refuse, in words for whoever asked. Nothing is changed. */
export async function refusedParameters(
  place: Pick<NodePlace, 'binDir' | 'dataDir' | 'osUser'>,
  pool: Pick<pg.Pool, 'query'>,
  parameters: Record<string, string>,
): Promise<{ name: string; detail: string }[]> {
  const { refused } = await validateParameters(place, parameters);
  const { rows } = await pool.query<{ name: string; setting: string; boot_val: string }>(
    'SELECT name, setting, boot_val FROM pg_settings WHERE name = ANY ($1)',
    [raisedOnly],
  );
  // One that is taken back falls to its default, which may be less as well.
  const lowered = rows.filter(
    ({ name, setting, boot_val }) => Number(parameters[name] ?? boot_val) < Number(setting),
  );
  return [
    ...refused.map(({ name, detail }) => ({ name, detail })),
    ...lowered.map(({ name, setting }) => ({
      name,
      detail: `it is ${setting} now, and standbys cannot run with less than their primary`,
    })),
  ];
}

async function areTaken(
  place: Pick<NodePlace, 'binDir' | 'dataDir' | 'osUser'>,
  parameters: Record<string, string>,
): Promise<boolean> {
  const settings = Object.entries(parameters).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  if (settings.length === 0) return true;
  const result = await runCommand({
    file: join(place.binDir, 'postgres'),
    // `-C` prints a setting and exits before anything is opened; no configuration file takes part.
    args: ['-D', place.dataDir, '-C', 'port', '-c', 'config_file=/dev/null', ...settings],
    osUser: place.osUser,
    timeoutMs: 10_000,
  });
  return result.code === 0;
}

/** A library that is not installed keeps the server from starting, too. */
async function withLibraries(
  place: Pick<NodePlace, 'binDir' | 'osUser'>,
  judged: { accepted: Record<string, string>; refused: RefusedSetting[] },
  parameters: Record<string, string>,
): Promise<{ accepted: Record<string, string>; refused: RefusedSetting[] }> {
  const name = 'shared_preload_libraries';
  const given = parameters[name];
  if (given === undefined || judged.refused.some((each) => each.name === name)) return judged;
  const spec = { file: join(place.binDir, 'pg_config'), args: ['--pkglibdir'], osUser: place.osUser };
  const directory = (await runOrThrow({ ...spec, timeoutMs: 10_000 })).stdout.trim();
  const installed: string[] = [];
  for (const library of given.split(',').map((each) => each.trim())) {
    if (library === '') continue;
    if (await exists(join(directory, `${library}.so`))) installed.push(library);
    else
      judged.refused.push({
        name,
        reason: 'invalid',
        detail: `library ${library} is not installed on this host`,
      });
  }
  return { accepted: { ...judged.accepted, [name]: installed.join(', ') }, refused: judged.refused };
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
