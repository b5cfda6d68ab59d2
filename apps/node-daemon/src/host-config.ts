import { readFile } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { addressesSchema, hostKindSchema, nodeNameSchema } from '@quantadb/engine/contract/cluster-state';
import { ownRouterSettingsSchema } from '@quantadb/engine/contract/router-settings';
import { workersMax } from '@quantadb/engine/router/worker/crew-questions';
import { writeDurably } from '@quantadb/engine/shared/durable-file';
import { messageOf, QuantaError } from '@quantadb/engine/shared/errors';
import { applyEdits, modify, type ParseError, parse, printParseErrorCode } from 'jsonc-parser';
import { z } from 'zod';
import { hookKinds } from './hooks/hook-events.ts';

const absolutePath = z.string().refine(isAbsolute, 'an absolute path');

const hookKindsSchema = z.array(z.enum(hookKinds)).min(1);
/** Who is told of what happens: a program of this host, or an address. */
const hookSchema = z.union([
  z.strictObject({
    on: hookKindsSchema,
    run: z
      .array(z.string().max(1000))
      .min(1)
      .max(20)
      .refine(([file = '']) => isAbsolute(file), 'an absolute path first'),
  }),
  z.strictObject({ on: hookKindsSchema, post: z.url(), secretFile: absolutePath.optional() }),
]);
export type Hook = z.infer<typeof hookSchema>;

/** `host.json`: all that a daemon must know before it knows anything else. */
export const hostConfigSchema = z.object({
  version: z.literal(1),
  name: nodeNameSchema,
  kind: hostKindSchema,
  addresses: addressesSchema,
  /** The address the ports are opened on; `addresses` are what others dial. */
  listenHost: z.string().min(1),
  stateDir: absolutePath,
  dataDir: absolutePath,
  /** For unix sockets: keep it short, the system allows 107 bytes for a whole path. */
  runDir: absolutePath,
  /** PostgreSQL's programs. */
  binDir: absolutePath,
  /** Whom PostgreSQL runs as when the daemon is root; null: the daemon's own user. */
  osUser: z.string().min(1).nullable(),
  tls: z.object({ ca: absolutePath, cert: absolutePath, key: absolutePath }),
  timing: z.enum(['lan', 'wan']),
  /** The control plane to dial; null for a host that is steered from its own command line only. */
  console: z.url().nullable().default(null),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']),
  hooks: z.array(hookSchema).max(20).default([]),
  /** Null: whoever reaches the API port reads `/metrics`. */
  metricsTokenFile: absolutePath.nullable().default(null),
  /** Null: this host has no router. */
  router: z
    .object({
      port: z.number().int().min(1).max(65_535),
      /** Null: `listenHost`. */
      listenHost: z.string().min(1).nullable().default(null),
      settings: ownRouterSettingsSchema.default({}),
      /** Processes behind the port. */
      workers: z.number().int().min(1).max(workersMax).default(1),
    })
    .nullable()
    .default(null),
});
export type HostConfig = z.infer<typeof hostConfigSchema>;

/** @throws QuantaError CONFIG_INVALID naming the file and the field */
export async function loadHostConfig(path: string): Promise<HostConfig> {
  const parsed = hostConfigSchema.safeParse(await readJson(path));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new QuantaError(
    'CONFIG_INVALID',
    `${path}: ${issue?.path.join('.') || 'the file'}: ${issue?.message ?? 'not understood'}`,
    {
      hint: 'Correct the file, or enrol the host again.',
    },
  );
}

/** JSON with comments: people change this file. */
async function readJson(path: string): Promise<unknown> {
  try {
    const problems: ParseError[] = [];
    const value: unknown = parse(await readFile(path, 'utf8'), problems, { allowTrailingComma: true });
    const [problem] = problems;
    if (!problem) return value;
    throw new Error(`${printParseErrorCode(problem.error)} at character ${problem.offset}`);
  } catch (error) {
    throw new QuantaError('CONFIG_INVALID', `${path} cannot be read: ${messageOf(error)}`, {
      hint: 'Name the file that was written when the host was enrolled, and check who may read it.',
      cause: error,
    });
  }
}

/** Changes settings in the file and leaves everything else of it, comments too, as people wrote it. */
export async function changeHostConfig(path: string, change: Partial<HostConfig>): Promise<void> {
  let text = await readFile(path, 'utf8');
  for (const [key, value] of Object.entries(change)) text = applyEdits(text, modify(text, [key], value, {}));
  await writeDurably(path, text);
}

const meanings: Record<keyof HostConfig, string> = {
  version: 'Of the shape of this file.',
  name: 'In every list; fixed once the host is enrolled.',
  kind: '"data" runs PostgreSQL; "witness" only votes on who is primary; "router" only takes clients to the others.',
  addresses: 'What other hosts and clients dial.',
  listenHost: 'The address the ports are opened on: 0.0.0.0 for every one of the machine.',
  stateDir: 'What the daemon must not lose: votes, the log of the cluster, seals.',
  dataDir: 'PostgreSQL’s data.',
  runDir: 'Unix sockets. Keep it short: the system allows 107 bytes for a whole path.',
  binDir: 'PostgreSQL’s programs.',
  osUser: 'Whom PostgreSQL runs as when the daemon is root; null: the daemon’s own user.',
  tls: 'The certificate of this host.',
  timing: '"lan", or "wan" between sites: everything takes four times as long.',
  console: 'The control plane to dial; null: this host is steered from its own command line only.',
  logLevel: '"debug", "info", "warn" or "error".',
  hooks:
    'Programs and addresses that are told of "role-change", "failover-end" and "operation-end": see docs/operations/hooks.md.',
  metricsTokenFile:
    'A file with the token that /metrics asks for (docs/monitoring/README.md); null: whoever reaches the API port may read it.',
  router:
    'Its port, how many processes serve it, and what differs from the usual settings (docs/router.md); null: no router on this host.',
};

/** The file as people find it: every setting with what it means. */
export function hostConfigText(config: HostConfig): string {
  const values = Object.entries(config).map(([key, value]) => {
    const json = JSON.stringify(value, null, 2).replaceAll('\n', '\n  ');
    return `  // ${meanings[key as keyof HostConfig]}\n  ${JSON.stringify(key)}: ${json}`;
  });
  return `// A host of QuantaDB. Changed? "systemctl reload quantadb-${config.name}": PostgreSQL goes on.\n{\n${values.join(',\n')}\n}\n`;
}
