import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { QuantaError } from '@quantadb/engine/shared/errors';
import type { Hook } from '../host-config.ts';
import type { HookEvent } from './hook-events.ts';

const programDeadlineMs = 30_000;
const answerDeadlineMs = 10_000;
const outputMax = 2000;

/**
 * Hands one event to one hook: a program gets it as JSON on its standard input, an address as the body of a POST.
 *
 * @throws QuantaError REFUSED or DEADLINE_EXCEEDED with what the other side said
 */
export async function deliver(hook: Hook, event: HookEvent & { at: string }): Promise<void> {
  const body = JSON.stringify(event);
  if ('post' in hook) return post(hook, body);
  return runProgram(hook.run, event, body);
}

async function post({ post: url, secretFile }: Extract<Hook, { post: string }>, body: string): Promise<void> {
  const secret = secretFile ? (await readFile(secretFile, 'utf8')).trim() : null;
  // The receiver can check that it was us: HMAC-SHA256 of the body.
  const signature = secret && createHmac('sha256', secret).update(body).digest('hex');
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(signature ? { 'x-quantadb-signature': `sha256=${signature}` } : {}),
    },
    body,
    redirect: 'error',
    signal: AbortSignal.timeout(answerDeadlineMs),
  });
  await response.body?.cancel();
  if (!response.ok) throw new QuantaError('REFUSED', `it answered with ${response.status}`);
}

async function runProgram(command: string[], event: HookEvent, body: string): Promise<void> {
  const [file = '', ...args] = command;
  await refuseLoose(file);
  const child = spawn(file, args, {
    stdio: ['pipe', 'ignore', 'pipe'],
    cwd: '/',
    env: {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      QUANTADB_EVENT: event.event,
      QUANTADB_CLUSTER: event.cluster,
      QUANTADB_NODE: event.node,
      QUANTADB_ROLE: event.role ?? '',
      QUANTADB_PRIMARY: event.primary ?? '',
    },
    timeout: programDeadlineMs,
    killSignal: 'SIGKILL',
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString('utf8')).slice(-outputMax);
  });
  // A program that does not read what it is told closes the pipe; that is its own business.
  child.stdin.on('error', () => undefined);
  child.stdin.end(body);
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve, reject) => {
    child.once('error', (cause) =>
      reject(new QuantaError('REFUSED', `${file} could not be started: ${cause.message}`, { cause })),
    );
    child.once('close', (exitCode, exitSignal) => resolve([exitCode, exitSignal]));
  });
  if (code === 0) return;
  const why = signal
    ? `it was ended by ${signal} after at most ${programDeadlineMs / 1000} s`
    : `exit code ${code}`;
  throw new QuantaError('REFUSED', `${file}: ${why}${said.trim() ? `: ${said.trim()}` : ''}`);
}

/** The daemon is often root: what anybody may write must not be run by it. */
async function refuseLoose(file: string): Promise<void> {
  const { mode, uid } = await stat(file);
  const ours = process.getuid?.() ?? 0;
  if ((uid === 0 || uid === ours) && (mode & 0o022) === 0) return;
  throw new QuantaError('REFUSED', `${file} may be written by others`, {
    hint: 'It must belong to root (or the daemon’s user) and be writable by nobody else: chmod go-w.',
  });
}
