import { resolve } from 'node:path';
import { z } from 'zod';
import type {
  PostmasterExit,
  PostmasterHost,
  PostmasterSignal,
  PostmasterStart,
} from '../../postgres/postmaster-host.ts';
import { pollUntil } from '../../shared/deadline.ts';
import { QuantaError } from '../../shared/errors.ts';
import type { Logger } from '../../shared/logger.ts';
import { ReaperConnection } from './connection.ts';
import type { ArmAnswer, ReaperStatus } from './protocol.ts';
import { spawnReaper } from './spawn.ts';

export type { ReaperStatus } from './protocol.ts';

export interface ReaperOptions {
  socketPath: string;
  /** Names every process below this host's postmaster; the same for every daemon of this data directory. */
  mark: string;
  dataDir: string;
  /** The reaper's own log; appended to. */
  logFile: string;
  /** How long before the deadline the kill begins. */
  killAheadMs: number;
  logger: Logger;
}

const callTimeoutMs = 2_000;
const startTimeoutMs = 10_000;
const killTimeoutMs = 20_000;
const spawnTimeoutMs = 10_000;
const idleExitMs = 60_000;

const optionsSchema = z.object({
  // sun_path of unix(7) holds 108 bytes with the final zero.
  socketPath: z.string().refine((path) => path.startsWith('/') && Buffer.byteLength(path) < 108, {
    message: 'must be an absolute path shorter than 108 bytes',
  }),
  mark: z.string().regex(/^[^\0\n]+$/),
  dataDir: z.string().startsWith('/'),
  killAheadMs: z.number().min(0).max(60_000),
});

const helloSchema = z.object({ reaperPid: z.number().int(), killAheadMs: z.number() });
const startedSchema = z.object({ pid: z.number().int(), marksReadable: z.boolean() });
const doneSchema = z.null();
const disarmSchema = z.object({ ok: z.boolean() });
const armSchema: z.ZodType<ArmAnswer> = z.union([
  z.object({ ok: z.literal(true) }),
  z.object({ ok: z.literal(false), reason: z.enum(['killing', 'too_late']) }),
]);
const statusSchema: z.ZodType<ReaperStatus> = z.object({
  reaperPid: z.number().int(),
  pdeathsig: z.boolean(),
  postmaster: z.object({ pid: z.number().int(), startedAtMs: z.number() }).nullable(),
  armed: z.boolean(),
  deadlineMs: z.number().nullable(),
  killing: z.boolean(),
  strays: z.array(z.number().int()),
  lastExit: z.object({ code: z.number().nullable(), signal: z.string().nullable() }).nullable(),
});

/**
 * The daemon's end of the reaper. Every call fails with DEADLINE_EXCEEDED when the reaper does not answer in time
 * (2 s; start 10 s, kill 20 s), with PEER_UNREACHABLE once the connection is lost, and with the reaper's own refusal.
 */
export class ReaperClient implements PostmasterHost {
  /** True when a living reaper was found, and with it perhaps a running PostgreSQL. */
  readonly adopted: boolean;
  readonly reaperPid: number;
  private readonly connection: ReaperConnection;
  private readonly logger: Logger;

  private constructor(
    connection: ReaperConnection,
    found: { adopted: boolean; reaperPid: number; logger: Logger },
  ) {
    this.connection = connection;
    this.adopted = found.adopted;
    this.reaperPid = found.reaperPid;
    this.logger = found.logger;
  }

  /**
   * Finds the reaper of this data directory, or starts one.
   *
   * @throws QuantaError CONFIG_INVALID for unusable options; REFUSED when the living reaper serves another data directory;
   *   DEADLINE_EXCEEDED when it does not answer; PREFLIGHT_FAILED when the reaper's program is missing
   */
  static async connectOrSpawn(given: ReaperOptions): Promise<ReaperClient> {
    const options = { ...given, ...checked(given) };
    const living = await greet(options);
    if (living)
      return new ReaperClient(living.connection, { ...living, adopted: true, logger: options.logger });
    const child = await spawnReaper({
      socketPath: options.socketPath,
      mark: options.mark,
      dataDir: options.dataDir,
      logFile: options.logFile,
      killAheadMs: options.killAheadMs,
      idleExitMs,
    });
    let spawnError: Error | null = null;
    child.once('error', (error) => {
      spawnError = error;
    });
    child.unref();
    const spawned = await pollUntil(
      async () => {
        const found = await greet(options);
        if (found) return found;
        if (spawnError || child.exitCode !== null || child.signalCode !== null)
          throw startFailed(options, spawnError);
        return undefined;
      },
      { what: 'the start of the reaper', timeoutMs: spawnTimeoutMs, intervalMs: 10 },
    );
    // Another daemon may have started one at the same moment, and ours gave way to it.
    const adopted = spawned.reaperPid !== child.pid;
    return new ReaperClient(spawned.connection, { ...spawned, adopted, logger: options.logger });
  }

  async start(start: PostmasterStart): Promise<{ pid: number }> {
    const { pid, marksReadable } = await this.connection.call(
      { method: 'start', params: start },
      { answer: startedSchema, timeoutMs: startTimeoutMs },
    );
    if (!marksReadable) {
      this.logger.warn(
        { pid },
        'the reaper may not read the environment of PostgreSQL: a process that leaves its family cannot be found; give it CAP_SYS_PTRACE',
      );
    }
    return { pid };
  }

  async signal(signal: PostmasterSignal): Promise<void> {
    await this.connection.call(
      { method: 'signal', params: { signal } },
      { answer: doneSchema, timeoutMs: callTimeoutMs },
    );
  }

  status(): Promise<ReaperStatus> {
    return this.connection.call(
      { method: 'status', params: null },
      { answer: statusSchema, timeoutMs: callTimeoutMs },
    );
  }

  /** @param deadlineMs absolute CLOCK_MONOTONIC milliseconds; an earlier one than before changes nothing */
  arm(deadlineMs: number): Promise<ArmAnswer> {
    return this.connection.call(
      { method: 'arm', params: { deadlineMs } },
      { answer: armSchema, timeoutMs: callTimeoutMs },
    );
  }

  /** Not ok while a postmaster runs. */
  disarm(): Promise<{ ok: boolean }> {
    return this.connection.call(
      { method: 'disarm', params: null },
      { answer: disarmSchema, timeoutMs: callTimeoutMs },
    );
  }

  /** Ends the postmaster and every process it started; resolves when all are gone. */
  async kill(why: string): Promise<void> {
    await this.connection.call(
      { method: 'kill', params: { why } },
      { answer: doneSchema, timeoutMs: killTimeoutMs },
    );
  }

  /**
   * Ends the reaper itself.
   *
   * @throws QuantaError REFUSED while a postmaster runs
   */
  async shutdown(): Promise<void> {
    await this.connection.call(
      { method: 'shutdown', params: null },
      { answer: doneSchema, timeoutMs: callTimeoutMs },
    );
    this.connection.close();
  }

  /** The listener is called when the postmaster and everything it left behind are gone. */
  onExit(listener: (exit: PostmasterExit) => void): () => void {
    return this.connection.onExit(listener);
  }

  /**
   * The connection was lost without `close()`: PEER_UNREACHABLE when the reaper is gone, REFUSED when a newer daemon
   * took over (then PostgreSQL is in its hands: kill nothing). A listener that comes too late is called nevertheless.
   */
  onClosed(listener: (error: Error | null) => void): () => void {
    return this.connection.onLost(listener);
  }

  /** Leaves reaper and PostgreSQL running, for the next daemon. */
  close(): void {
    this.connection.close();
  }
}

function checked(options: ReaperOptions): z.infer<typeof optionsSchema> {
  const result = optionsSchema.safeParse({ ...options, dataDir: resolve(options.dataDir) });
  if (result.success) return result.data;
  const details = result.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`).join('; ');
  throw new QuantaError('CONFIG_INVALID', `the reaper cannot be used: ${details}`, {
    hint: 'Choose a run directory with a shorter path.',
  });
}

/** Null when nobody listens, or the one who did ended at this moment. */
async function greet(
  options: ReaperOptions,
): Promise<{ connection: ReaperConnection; reaperPid: number } | null> {
  const connection = await ReaperConnection.open(options.socketPath, callTimeoutMs);
  if (!connection) return null;
  try {
    const { mark, dataDir, logger } = options;
    const { reaperPid, killAheadMs } = await connection.call(
      { method: 'hello', params: { mark, dataDir } },
      { answer: helloSchema, timeoutMs: callTimeoutMs },
    );
    if (killAheadMs !== options.killAheadMs) {
      logger.warn(
        { reaperPid, killAheadMs, wanted: options.killAheadMs },
        'the living reaper keeps its own kill-ahead time until it is replaced',
      );
    }
    return { connection, reaperPid };
  } catch (error) {
    connection.close();
    if (error instanceof QuantaError && error.code === 'PEER_UNREACHABLE') return null;
    throw error;
  }
}

function startFailed({ logFile }: ReaperOptions, cause: Error | null): QuantaError {
  return new QuantaError('PREFLIGHT_FAILED', 'the reaper ended right after its start', {
    hint: `Its reason is at the end of ${logFile}.`,
    cause,
  });
}
