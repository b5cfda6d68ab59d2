import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PrismaPg } from '@prisma/adapter-pg';
import {
  bindMigrationAwareSqlAdapterFactory,
  type SqlDriverAdapter,
  type SqlMigrationAwareDriverAdapterFactory,
} from '@prisma/driver-adapter-utils';
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

interface Migration {
  name: string;
  script: string;
}

/**
 * A migration happens whole or not at all, and is marked as finished by the same transaction: Prisma's adapter would send one
 * statement after the other, each of its own, and a console that is killed in between would leave half of it behind.
 */
function withWholeScripts(adapter: SqlDriverAdapter, migrations: readonly Migration[]): SqlDriverAdapter {
  adapter.executeScript = async (script) => {
    const name = migrations.find((each) => each.script.trim() === script.trim())?.name;
    // What is sent as one text is one transaction to PostgreSQL.
    const sql = name === undefined ? script : [takeOurLock, script, markFinished(name)].join('\n;\n');
    await adapter.executeRaw({ sql, args: [], argTypes: [] });
  };
  return adapter;
}

/** Held for as long as a migration runs in the server, also when the console that sent it is gone. */
const takeOurLock = 'SELECT pg_advisory_xact_lock(4716005)';
/** The engine's own, which it holds for as long as it lives. */
const takeEngineLock = 'SELECT pg_advisory_xact_lock(72707369)';
const isUnfinished = 'finished_at IS NULL AND rolled_back_at IS NULL';
const lockDeadline = '60s';

function markFinished(name: string): string {
  // Names are those of our own directories: digits, letters and underscores.
  return `UPDATE "_prisma_migrations" SET finished_at = now() WHERE migration_name = '${name}' AND ${isUnfinished}`;
}

/**
 * What a console began and did not end, because it was killed or the database refused a statement, has not happened: it is
 * tried again.
 *
 * @throws when another console still runs it after a minute
 */
async function takeBackUnfinished(pool: pg.Pool): Promise<void> {
  const client = await pool.connect();
  try {
    const { rows } = await client.query<{ there: boolean }>(
      "SELECT to_regclass('_prisma_migrations') IS NOT NULL AS there",
    );
    if (!rows[0]?.there) return;
    const open = await client.query(`SELECT 1 FROM "_prisma_migrations" WHERE ${isUnfinished}`);
    if (open.rows.length === 0) return;
    const takeBack = `UPDATE "_prisma_migrations" SET rolled_back_at = now() WHERE ${isUnfinished}`;
    const wait = `SET LOCAL lock_timeout = '${lockDeadline}'`;
    await client.query(['BEGIN', wait, takeEngineLock, takeOurLock, takeBack, 'COMMIT'].join('; '));
  } finally {
    client.release(true);
  }
}

/** Runs `work` with an engine; its connections, and with them its advisory lock, end with the work. */
async function withEngine<T>(
  connectionString: string,
  work: (engine: bindings.SchemaEngine) => Promise<T>,
  migrations: readonly Migration[] = [],
): Promise<T> {
  await loadEngine();
  const content = await readFile(schemaFile, 'utf8');
  const pool = new pg.Pool({ connectionString });
  try {
    if (migrations.length > 0) await takeBackUnfinished(pool);
    const factory = new PrismaPg(pool);
    const whole: SqlMigrationAwareDriverAdapterFactory = {
      provider: factory.provider,
      adapterName: factory.adapterName,
      connect: async () => withWholeScripts(await factory.connect(), migrations),
      connectToShadowDb: () => factory.connectToShadowDb(),
    };
    const adapter = bindMigrationAwareSqlAdapterFactory(whole);
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

/**
 * Applies what is missing; several consoles may start at once (the engine takes an advisory lock), and one that is killed
 * in the middle leaves nothing half done.
 */
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
  const migrations = migrationDirectories.map(({ path, migrationFile }) => ({
    name: path,
    script: migrationFile.content.value,
  }));
  const applied = await withEngine(
    connectionString,
    (engine) => engine.applyMigrations({ migrationsList, filters }),
    migrations,
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
