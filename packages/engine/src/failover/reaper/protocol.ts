import type { PostmasterExit, PostmasterSignal, PostmasterStart } from '../../postgres/postmaster-host.ts';
import { QuantaError } from '../../shared/errors.ts';

/**
 * What daemon and reaper say to each other over their unix socket: one JSON document per line. The daemon asks with an
 * id and the reaper answers with the same id; besides that the reaper announces the end of the postmaster. The reaper
 * loads no library, so its side is checked here by hand.
 */
export const protocolVersion = 1;

/** The environment variable that names every process started below the reaper's postmaster. */
export const markVariable = 'QUANTADB_REAPER_MARK';

/** No line may be longer; the longest is the start of PostgreSQL with its whole environment. */
export const maxLineCharacters = 256 * 1024;

export interface ReaperStatus {
  reaperPid: number;
  /** True when the kernel ends the postmaster should the reaper die. */
  pdeathsig: boolean;
  /** `startedAtMs`: milliseconds since the Unix epoch, for displays. Null only when nothing of it is left. */
  postmaster: { pid: number; startedAtMs: number } | null;
  armed: boolean;
  /** CLOCK_MONOTONIC milliseconds. */
  deadlineMs: number | null;
  killing: boolean;
  /** Processes that outlived the last postmaster's own end and were killed. */
  strays: number[];
  lastExit: PostmasterExit | null;
}

export type ArmAnswer = { ok: true } | { ok: false; reason: 'killing' | 'too_late' };

export type ReaperRequest =
  | { method: 'hello'; params: { mark: string; dataDir: string } }
  | { method: 'start'; params: PostmasterStart }
  | { method: 'signal'; params: { signal: PostmasterSignal } }
  | { method: 'status'; params: null }
  | { method: 'arm'; params: { deadlineMs: number } }
  | { method: 'disarm'; params: null }
  | { method: 'kill'; params: { why: string } }
  | { method: 'shutdown'; params: null };

export type IdentifiedRequest = ReaperRequest & { id: number };

export function encodeRequest(request: IdentifiedRequest): string {
  return encodeLine({ version: protocolVersion, ...request });
}

/** @throws QuantaError PROTOCOL_VIOLATION when the message would be longer than a line may be */
export function encodeLine(message: object): string {
  const line = JSON.stringify(message);
  if (line.length > maxLineCharacters) {
    throw new QuantaError(
      'PROTOCOL_VIOLATION',
      `a message of ${line.length} characters is too long for the reaper`,
    );
  }
  return `${line}\n`;
}

/** Cuts a stream into lines and keeps the unfinished rest. */
export class LineSplitter {
  private rest = '';

  /** @throws QuantaError PROTOCOL_VIOLATION when a line is longer than `maxLineCharacters` */
  push(chunk: string): string[] {
    const lines = (this.rest + chunk).split('\n');
    this.rest = lines.pop() ?? '';
    for (const line of [...lines, this.rest]) {
      if (line.length > maxLineCharacters)
        throw violation(`a line of more than ${maxLineCharacters} characters`);
    }
    return lines;
  }
}

/** @throws QuantaError PROTOCOL_VIOLATION naming what is wrong with the line */
export function parseRequest(line: string): IdentifiedRequest {
  const message = parseObject(line);
  const id = message.id;
  if (typeof id !== 'number' || !Number.isSafeInteger(id)) throw violation('a request without an id');
  if (message.version !== protocolVersion) {
    throw new QuantaError(
      'PROTOCOL_VIOLATION',
      `the reaper speaks version ${protocolVersion}, not ${message.version}`,
      {
        hint: 'Stop PostgreSQL on this host with the version of QuantaDB that started it, then start the new one.',
      },
    );
  }
  return { id, ...parseCall(message.method, message.params) };
}

function parseCall(method: unknown, params: unknown): ReaperRequest {
  switch (method) {
    case 'status':
    case 'disarm':
    case 'shutdown':
      return { method, params: null };
    case 'hello':
      return { method, params: { mark: textOf(params, 'mark'), dataDir: textOf(params, 'dataDir') } };
    case 'start':
      return { method, params: parseStart(params) };
    case 'signal':
      return { method, params: { signal: parseSignal(textOf(params, 'signal')) } };
    case 'arm':
      return { method, params: { deadlineMs: numberOf(params, 'deadlineMs') } };
    case 'kill':
      return { method, params: { why: textOf(params, 'why') } };
    default:
      throw violation(`the method ${JSON.stringify(method)}`);
  }
}

function parseStart(params: unknown): PostmasterStart {
  const { args, env, osUser } = objectOf(params, 'start');
  if (!Array.isArray(args) || !args.every((each) => typeof each === 'string')) throw violation('args');
  const environment = objectOf(env, 'env');
  if (!Object.values(environment).every((each) => typeof each === 'string')) throw violation('env');
  return {
    file: textOf(params, 'file'),
    args,
    env: environment as Record<string, string>,
    cwd: textOf(params, 'cwd'),
    osUser:
      osUser === null
        ? null
        : { uid: numberOf(osUser, 'uid'), gid: numberOf(osUser, 'gid'), name: textOf(osUser, 'name') },
    logFile: textOf(params, 'logFile'),
  };
}

const signals: readonly PostmasterSignal[] = ['SIGINT', 'SIGTERM', 'SIGQUIT', 'SIGHUP'];

function parseSignal(text: string): PostmasterSignal {
  const signal = signals.find((each) => each === text);
  if (signal === undefined) throw violation(`the signal ${text}`);
  return signal;
}

/** @throws QuantaError PROTOCOL_VIOLATION when the line is no JSON object */
export function parseObject(line: string): Record<string, unknown> {
  try {
    return objectOf(JSON.parse(line), 'message');
  } catch (error) {
    if (error instanceof QuantaError) throw error;
    throw violation('a line that is no JSON');
  }
}

function objectOf(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw violation(name);
  return value as Record<string, unknown>;
}

function textOf(params: unknown, name: string): string {
  const value = objectOf(params, 'params')[name];
  if (typeof value !== 'string' || value.includes('\0')) throw violation(name);
  return value;
}

function numberOf(params: unknown, name: string): number {
  const value = objectOf(params, 'params')[name];
  if (typeof value !== 'number' || !Number.isFinite(value)) throw violation(name);
  return value;
}

function violation(what: string): QuantaError {
  return new QuantaError('PROTOCOL_VIOLATION', `the reaper's socket carried something unusable: ${what}`);
}
