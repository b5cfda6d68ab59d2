import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseEnv } from 'node:util';
import { QuantaError } from '@quantadb/engine/shared/errors';
import { z } from 'zod';

/** Copies of the console's own database, made and put back on the console's machine. */

/** A part of the control plane, which is loaded only where one is run. */
interface MetadataCopies {
  backUpNow(databaseUrl: string, directory: string): Promise<string>;
  restoreInto(settings: { databaseUrl: string; secret: string }, path: string): Promise<PutBack>;
}

interface PutBack {
  madeAt: string | null;
  people: number;
  hosts: number;
  clusters: number;
  authorityFingerprint: string;
}

const copiesFile = fileURLToPath(
  new URL('../../../../packages/api/dist/metadata-restore.js', import.meta.url),
);

const settingsSchema = z.object({
  QUANTADB_DATABASE_URL: z.string().min(1),
  QUANTADB_SECRET: z.string().regex(/^[0-9a-f]{64}$/, '64 hexadecimal digits'),
  QUANTADB_PUBLIC_URL: z.url(),
  QUANTADB_METADATA_BACKUP_DIRECTORY: z.string().startsWith('/').optional(),
});
type Settings = z.infer<typeof settingsSchema>;

/**
 * @param to a directory; undefined: the one of the settings
 * @returns the file that was written
 */
export async function backUpMetadata(file: string, to: string | undefined): Promise<string> {
  const settings = await readSettings(file);
  const directory = to === undefined ? settings.QUANTADB_METADATA_BACKUP_DIRECTORY : resolve(to);
  if (directory === undefined)
    throw new QuantaError('CONFIG_INVALID', 'no directory is named', {
      hint: 'Give --to, or set QUANTADB_METADATA_BACKUP_DIRECTORY, with which the console makes copies by itself.',
    });
  const { backUpNow } = await loadCopies();
  return backUpNow(settings.QUANTADB_DATABASE_URL, directory);
}

/** @returns what was put back, and what is left to do, in sentences */
export async function restoreMetadata(file: string, copy: string): Promise<PutBack & { next: string[] }> {
  const settings = await readSettings(file);
  const { restoreInto } = await loadCopies();
  const { QUANTADB_DATABASE_URL: databaseUrl, QUANTADB_SECRET: secret } = settings;
  const back = await restoreInto({ databaseUrl, secret }, resolve(copy));
  return { ...back, next: nextSteps(resolve(file), settings.QUANTADB_PUBLIC_URL) };
}

/** What is told of a restore (pure). */
export function restoredText({
  madeAt,
  people,
  hosts,
  clusters,
  next,
  ...rest
}: PutBack & { next: string[] }): string {
  const of = madeAt === null ? '' : `, as they were at ${madeAt}`;
  return [
    `Restored: ${counted(people, 'person', 'people')}, ${counted(hosts, 'host')}, ${counted(clusters, 'cluster')}${of}.`,
    `The authority: ${rest.authorityFingerprint}`,
    ...next,
  ].join('\n');
}

function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

function nextSteps(file: string, publicUrl: string): string[] {
  return [
    `Next: quantadb console install ${file}`,
    `Hosts dial ${publicUrl} with the certificates they have: let that address lead to this machine.`,
  ];
}

async function readSettings(file: string): Promise<Settings> {
  const path = resolve(file);
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new QuantaError('CONFIG_INVALID', `${path} cannot be read`, {
      hint: `Make one with: quantadb console init ${path} --database … --public-url …; as the user who may read it.`,
      cause,
    });
  });
  const parsed = settingsSchema.safeParse(parseEnv(text));
  if (parsed.success) return parsed.data;
  const { path: [variable = ''] = [], message } = parsed.error.issues[0] ?? { message: '' };
  throw new QuantaError('CONFIG_INVALID', `${path}: ${String(variable)}: ${message}`);
}

async function loadCopies(): Promise<MetadataCopies> {
  return import(pathToFileURL(copiesFile).href).catch((cause: unknown) => {
    throw new QuantaError('CONFIG_INVALID', 'the console is not built', {
      hint: 'Run: npm run build',
      cause,
    });
  });
}
