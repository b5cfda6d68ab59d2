import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { releaseVersion } from '@quantadb/engine/shared/version';

/** What a router's process runs, beside its own program: the engine's parts that it loads. */
const parts = ['router', 'contract', 'shared', 'postgres'];

/** Names the program of a router as it is on the disk now: a daemon goes on with no process that runs another one. */
export async function routerBuild(program: string): Promise<string> {
  const engine = join(dirname(fileURLToPath(import.meta.resolve('@quantadb/engine/shared/version'))), '..');
  const files = [program, ...(await Promise.all(parts.map((part) => filesBelow(join(engine, part))))).flat()];
  const seen = await Promise.all(
    files.map(async (file) => {
      const { size, mtimeMs } = await stat(file);
      return `${file} ${size} ${mtimeMs}`;
    }),
  );
  return createHash('sha256')
    .update([releaseVersion, process.version, ...seen.sort()].join('\n'))
    .digest('hex');
}

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.js'))
    .map((entry) => join(entry.parentPath, entry.name));
}
