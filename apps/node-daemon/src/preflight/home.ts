import { stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Problem } from './problem.ts';

export interface Home {
  path: string;
  /** One line for the person when the home is not where one would look for it. */
  note: string | null;
}

export const rootHome = '/var/lib/quantadb';
const othersMayEnter = 0o001;

/**
 * Where the local system lives. As root PostgreSQL runs as another user, who cannot pass through a directory that is
 * closed to others (a clone below /root): then it moves to where system services keep their data.
 */
export async function chooseHome(options: {
  wanted: string | undefined;
  repository: string;
  isRoot: boolean;
}): Promise<Home> {
  if (options.wanted) return { path: resolve(options.wanted), note: null };
  const path = resolve(options.repository, '.quantadb');
  if (!options.isRoot) return { path, note: null };
  const closed = await closedDirectoryAbove(path);
  if (closed === null) return { path, note: null };
  return {
    path: rootHome,
    note: `Data lives in ${rootHome}, because the user postgres cannot enter ${closed}.`,
  };
}

/** A home that somebody chose stays where it is: it is refused when PostgreSQL's user cannot enter it. */
export async function checkHome(path: string, options: { isRoot: boolean }): Promise<Problem[]> {
  const closed = options.isRoot ? await closedDirectoryAbove(join(path, 'hosts')) : null;
  if (closed === null) return [];
  return [
    {
      message: `the user postgres, whom PostgreSQL runs as, cannot enter ${closed}`,
      nextStep: `Choose another QUANTADB_HOME, or run: chmod o+x ${closed}`,
    },
  ];
}

async function closedDirectoryAbove(path: string): Promise<string | null> {
  for (let at = dirname(path); ; at = dirname(at)) {
    const found = await stat(at).catch(() => null);
    if (found && (found.mode & othersMayEnter) === 0) return at;
    if (dirname(at) === at) return null;
  }
}
