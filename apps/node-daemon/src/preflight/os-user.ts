import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { OsUser } from '@quantadb/engine/postgres/postmaster-host';
import { QuantaError } from '@quantadb/engine/shared/errors';

const run = promisify(execFile);
const lookupTimeoutMs = 5000;
/** Made by the packages of PostgreSQL, and by that of pgBackRest. */
const packagedUser = 'postgres';

/**
 * PostgreSQL refuses to run as root, so root lends it another user.
 *
 * @throws QuantaError PREFLIGHT_FAILED when there is no such user
 */
export async function osUserNamed(name: string | null): Promise<OsUser | null> {
  if (name === null) return null;
  try {
    const [uid, gid] = await Promise.all(
      ['-u', '-g'].map(async (flag) =>
        Number((await run('id', [flag, name], { timeout: lookupTimeoutMs })).stdout),
      ),
    );
    return { uid: uid ?? 0, gid: gid ?? 0, name };
  } catch (error) {
    throw new QuantaError('PREFLIGHT_FAILED', `there is no user ${name} on this machine`, {
      cause: error,
      hint: `Install PostgreSQL from the system's packages, which create it, or run \`adduser --system ${name}\`.`,
    });
  }
}

/** For a host that runs no PostgreSQL and may hold a repository: null when root has nobody to lend, or is not who asks. */
export async function repositoryUser(named: OsUser | null): Promise<OsUser | null> {
  if (named || process.getuid?.() !== 0) return named;
  return osUserNamed(packagedUser).catch(() => null);
}
