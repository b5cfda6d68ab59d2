import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import * as bindings from '@prisma/schema-engine-wasm/schema_engine_bg';
import pg from 'pg';

/**
 * Prisma Migrate's own engine, from its npm package: no binary is downloaded, and what is written is exactly what
 * `prisma migrate` writes (`_prisma_migrations`), so that its command line can be used on the same database.
 */

const migrationsDirectory = fileURLToPath(new URL('../migrations/', import.meta.url));
const schemaFile = fileURLToPath(new URL('../schema.prisma', import.meta.url));
const lockfile = { path: 'migration_lock.toml', content: 'provider = "postgresql"\n' };

/** Tables that raw SQL makes and owns, because Prisma cannot describe partitions. */
const externalTables = [
  'public.metric_sample',
  'public.node_figures',
  'public.node_figures_rollup',
  'public.socket_io_attachments',
  'public.statement_figures',
  'public.statement_source',
  'public.statement_text',
];
const filters = { externalTables, externalEnums: [] };

let isLoaded = false;

/** Runs `work` with an engine; its connections, and with them its advisory lock, end with the work. */
async function withEngine<T>(
  connectionString: string,
  work: (engine: bindings.SchemaEngine) => Promise<T>,
): Promise<T> {
  await loadEngine();
  const content = await readFile(schemaFile, 'utf8');
  const pool = new pg.Pool({ connectionString });
  try {
    const adapter = bindMigrationAwareSqlAdapterFactory(new PrismaPg(pool));
    const datamodels: [string, string][] = [['schema.prisma', content]];
    return await work(await bindings.SchemaEngine.new({ datamodels }, () => undefined, adapter));
  } finally {
    await pool.end();
  }
}

async function loadEngine(): Promise<void> {
  if (isLoaded) return;
  const entry = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg');
  const file = join(dirname(entry), 'schema_engine_bg.wasm');
  const module = new WebAssembly.Module(await readFile(file));
  const instance = new WebAssembly.Instance(module, { './schema_engine_bg.js': bindings as never });
  bindings.__wbg_set_wasm(instance.exports);
  (instance.exports.__wbindgen_start as () => void)();
  isLoaded = true;
}

/** Applies what is missing; several consoles may start at once (the engine takes an advisory lock). */
export async function applyMigrations(connectionString: string): Promise<string[]> {
  const names = (await readdir(migrationsDirectory, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
  const migrationDirectories = await Promise.all(
    names.map(async (path) => {
      const value = await readFile(join(migrationsDirectory, path, 'migration.sql'), 'utf8');
      return { path, migrationFile: { path: 'migration.sql', content: { tag: 'ok' as const, value } } };
    }),
  );
  const baseDir = migrationsDirectory;
  const migrationsList = { baseDir, lockfile, shadowDbInitScript: '', migrationDirectories };
  const applied = await withEngine(connectionString, (engine) =>
    engine.applyMigrations({ migrationsList, filters }),
  );
  return applied.appliedMigrationNames;
}

/** SQL that leads from an empty database to the schema: what a developer starts a migration from. */
export async function diffFromEmpty(connectionString: string): Promise<string> {
  const files = [{ path: 'schema.prisma', content: await readFile(schemaFile, 'utf8') }];
  const { stdout } = await withEngine(connectionString, (engine) =>
    engine.diff({
      from: { tag: 'empty' },
      to: { tag: 'schemaDatamodel', files },
      script: true,
      exitCode: null,
      filters,
    }),
  );
  return stdout ?? '';
}
