import { spawn } from 'node:child_process';
import { QuantaError } from '../shared/errors.ts';
import { asUser, withDeathSignal } from './death-signal.ts';
import type { OsUser } from './postmaster-host.ts';

export interface CommandSpec {
  file: string;
  args: string[];
  osUser: OsUser | null;
  timeoutMs: number;
  /** Written to standard input, which is closed in any case. */
  input?: string;
  env?: Record<string, string>;
  signal?: AbortSignal | undefined;
  /** The program's own, once it runs. */
  onStart?: (pid: number) => void;
  /** Called with every chunk of standard error, for progress. Only the last `outputBytesMax` are kept. */
  onErrorOutput?: (text: string) => void;
  /** The kernel kills it when this process dies: nobody else knows that it still writes. */
  diesWithUs?: boolean;
  /** Of each output so much is kept, when the usual is too little. */
  outputBytesMax?: number;
}

export interface CommandResult {
  code: number | null;
  /** The end of what was printed, at most `outputBytesMax` bytes of each. */
  stdout: string;
  stderr: string;
}

/** pg_waldump can print gigabytes; only the end of any output is ever of interest. */
const outputBytesMax = 256 * 1024;

/**
 * What PostgreSQL's programs see of our environment: messages in English, because some are parsed, and no libpq defaults
 * (PGHOST, ~/.pgpass, ~/.postgresql) of whoever started the daemon.
 */
export function toolEnvironment(): Record<string, string> {
  return { LC_ALL: 'C', PATH: '/usr/local/bin:/usr/bin:/bin', HOME: '/nonexistent' };
}

/**
 * Runs one of PostgreSQL's programs to its end, as PostgreSQL's OS user.
 *
 * @throws QuantaError DEADLINE_EXCEEDED after `timeoutMs`, POSTGRES_FAILED when it cannot be started, or the signal's
 *   reason when that was aborted; the program is killed first
 */
export async function runCommand(spec: CommandSpec): Promise<CommandResult> {
  spec.signal?.throwIfAborted();
  const { file, args, ...user } = spec.diesWithUs ? withDeathSignal(spec) : asUser(spec);
  const child = spawn(file, args, {
    cwd: '/',
    env: { ...toolEnvironment(), ...spec.env },
    stdio: ['pipe', 'pipe', 'pipe'],
    ...user,
  });
  if (child.pid !== undefined) spec.onStart?.(child.pid);
  const stdout = new OutputTail(spec.outputBytesMax ?? outputBytesMax);
  const stderr = new OutputTail(spec.outputBytesMax ?? outputBytesMax);
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => {
    stderr.push(chunk);
    spec.onErrorOutput?.(chunk.toString('utf8'));
  });
  // A program that ends without reading its input closes the pipe; its exit code says whether that was a failure.
  child.stdin.on('error', () => child.stdin.destroy());
  child.stdin.end(spec.input ?? '');
  let failure: unknown;
  const end = (why: unknown) => {
    failure ??= why;
    child.kill('SIGKILL');
  };
  const late = new QuantaError('DEADLINE_EXCEEDED', `${spec.file} took longer than ${spec.timeoutMs} ms`);
  const timer = setTimeout(() => end(late), spec.timeoutMs);
  const onAbort = () => end(spec.signal?.reason);
  spec.signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', (cause) =>
        reject(new QuantaError('POSTGRES_FAILED', `${spec.file} could not be started`, { cause })),
      );
      child.once('close', (exitCode) => resolve(exitCode));
    });
    if (failure) throw failure;
    return { code, stdout: stdout.text(), stderr: stderr.text() };
  } finally {
    clearTimeout(timer);
    spec.signal?.removeEventListener('abort', onAbort);
  }
}

/** Like `runCommand`, for programs whose failure is unexpected. */
export async function runOrThrow(spec: CommandSpec, hint?: string): Promise<CommandResult> {
  const result = await runCommand(spec);
  if (result.code === 0) return result;
  const words = lastLines(result.stderr, 5) || lastLines(result.stdout, 5);
  throw new QuantaError(
    'POSTGRES_FAILED',
    `${spec.file} failed (exit code ${result.code}): ${words}`,
    hint === undefined ? {} : { hint },
  );
}

export function lastLines(text: string, count: number): string {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-count)
    .join('\n');
}

class OutputTail {
  private readonly bytesMax: number;
  private chunks: Buffer[] = [];
  private bytes = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  push(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.bytes += chunk.length;
    if (this.bytes <= this.bytesMax * 2) return;
    this.chunks = [Buffer.concat(this.chunks).subarray(-this.bytesMax)];
    this.bytes = this.bytesMax;
  }

  text(): string {
    return Buffer.concat(this.chunks).subarray(-this.bytesMax).toString('utf8');
  }
}
