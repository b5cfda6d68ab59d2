import { z } from 'zod';
import { readSwitches, suffixForm, switchTextMax } from './read-split.ts';

/** What a session is promised of its reads, from the cheapest to the dearest. */
export const consistencyLevels = [
  'eventual', // any standby within the limits of lag
  'bounded', // at most so long ago
  'session', // what it wrote itself can be read
  'strong', // the primary
] as const;

/** How a server for a read is chosen. */
export const balanceStrategies = [
  'round-robin',
  'weighted',
  'least-connections',
  'least-lag',
  'latency-aware',
] as const;

const milliseconds = z.number().int().min(0);

const switches = z
  .string()
  .max(switchTextMax)
  .superRefine((text, context) => {
    const read = readSwitches(text);
    if (!read.ok) context.addIssue({ code: 'custom', message: read.reason });
  });
const suffix = z.string().regex(suffixForm, 'up to 32 letters, digits and _ . $ -');

const fields = {
  pooling: z.enum(['transaction', 'session']),
  /** Server connections per user, database and server. */
  poolSize: z.number().int().min(1).max(10_000),
  /** Reads go to standbys. Off: a pooled web session spreads over connections, so read-your-writes cannot hold there. */
  split: z.boolean(),
  /** The same for single users, databases, and connections that ask by the end of the database name (`read-split`). */
  splitUsers: switches,
  splitDatabases: switches,
  splitOnSuffix: suffix,
  splitOffSuffix: suffix,
  consistency: z.enum(consistencyLevels),
  balance: z.enum(balanceStrategies),
  lagBytesMax: z.number().int().min(0),
  lagMsMax: milliseconds,
  /** What `bounded` means. */
  boundedLagMs: milliseconds,
  /** Quick reads of several clients may share a server connection, one behind the other. */
  sharing: z.boolean(),
  sharedConnections: z.number().int().min(1).max(64),
  sharedDepth: z.number().int().min(1).max(256),
  /** Statements that usually take longer share with nobody. */
  sharedStatementMs: z.number().min(0),
  /** Server connections to one server, all pools together: less than its max_connections. */
  serverConnectionsMax: z.number().int().min(1).max(10_000),
  clientsMax: z.number().int().min(1).max(100_000),
  /** Sessions that may wait for a server in one pool. */
  queueMax: z.number().int().min(1).max(100_000),
  /** How long a statement waits for a server, also while there is no primary. */
  queueTimeoutMs: milliseconds,
  loginTimeoutMs: milliseconds,
  connectTimeoutMs: milliseconds,
  serverIdleMs: milliseconds,
  serverLifeMs: milliseconds,
  /** How long sessions may stay in a router that another one has replaced. */
  replacedLifeMs: milliseconds.max(24 * 3_600_000),
};

/** What a person may set of a router. */
export const routerSettingsSchema = z.strictObject(fields);
export type RouterSettings = z.infer<typeof routerSettingsSchema>;

/** Of a setting that is one of a few words. */
export const routerChoices: Partial<Record<keyof RouterSettings, readonly string[]>> = {
  pooling: fields.pooling.options,
  consistency: consistencyLevels,
  balance: balanceStrategies,
};

/** Fit for production. */
export const usualRouterSettings: RouterSettings = {
  pooling: 'transaction',
  poolSize: 20,
  split: false,
  splitUsers: '',
  splitDatabases: '',
  splitOnSuffix: '',
  splitOffSuffix: '',
  consistency: 'session',
  balance: 'least-connections',
  lagBytesMax: 16 * 1024 * 1024,
  lagMsMax: 10_000,
  boundedLagMs: 1_000,
  sharing: true,
  sharedConnections: 4,
  sharedDepth: 96,
  sharedStatementMs: 5,
  serverConnectionsMax: 80,
  clientsMax: 10_000,
  queueMax: 10_000,
  queueTimeoutMs: 30_000,
  loginTimeoutMs: 30_000,
  connectTimeoutMs: 5_000,
  serverIdleMs: 600_000,
  serverLifeMs: 3_600_000,
  replacedLifeMs: 3_600_000,
};

/** As another daemon tells them: a release that knows more of them, or fewer, must not make the rest unreadable. */
export const toldRouterSettingsSchema = z.object(fields).partial();

/** What a router does now, and has counted since its start. */
export const routerTrafficSchema = z.object({
  clients: z.number().int(),
  /** Sessions whose transaction has not ended. */
  busy: z.number().int(),
  waiting: z.number().int(),
  /** It lets no transaction begin. */
  isDraining: z.boolean(),
  /** Connections to servers. */
  servers: z.number().int(),
  /** By name. */
  counters: z
    .record(z.string(), z.number())
    // All names in one look: a schema of their own costs more than everything else in a report, once a second for each router.
    .refine((counters) => Object.keys(counters).every((name) => name.length <= 40), 'a name is too long'),
  /** In force there; null from older releases. */
  settings: toldRouterSettingsSchema.nullable().default(null),
});

/** Those that differ from the usual ones, as a person wrote them. */
export const ownRouterSettingsSchema = routerSettingsSchema.partial();
export type OwnRouterSettings = z.infer<typeof ownRouterSettingsSchema>;

export const routerSettingNames = Object.keys(fields) as [keyof RouterSettings, ...(keyof RouterSettings)[]];

/** By name; null takes one back to what is usual. */
export const routerChangesSchema = z
  .partialRecord(
    z.enum(routerSettingNames),
    z.union([z.string().max(switchTextMax), z.number(), z.boolean(), z.null()]),
  )
  .refine((changes) => Object.keys(changes).length > 0, 'at least one setting')
  .superRefine((changes, context) => {
    const set = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== null));
    const { error } = ownRouterSettingsSchema.safeParse(set);
    for (const { path, message } of error?.issues ?? [])
      context.addIssue({ code: 'custom', path, message: `${path.join('.')}: ${message}` });
  });
export type RouterChanges = z.infer<typeof routerChangesSchema>;

/** Settings that came with feature level 5: an older daemon cannot read a command that names one. */
export const level5RouterSettings: readonly string[] = [
  'splitUsers',
  'splitDatabases',
  'splitOnSuffix',
  'splitOffSuffix',
] satisfies (keyof RouterSettings)[];

/** The same of level 9. */
export const level9RouterSettings: readonly string[] = ['replacedLifeMs'] satisfies (keyof RouterSettings)[];

/** The later ones count: usual, then the cluster's, then the host's own. */
export function routerSettingsOf(...own: (OwnRouterSettings | undefined)[]): RouterSettings {
  return routerSettingsSchema.parse(Object.assign({}, usualRouterSettings, ...own));
}
