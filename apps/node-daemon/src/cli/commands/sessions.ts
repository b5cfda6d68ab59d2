import type { SessionEnd } from '@quantadb/engine/contract/sessions';
import { QuantaError } from '@quantadb/engine/shared/errors';
import type { Command } from 'commander';
import { confirm } from '../change.ts';
import type { ConsoleClient } from '../console-client.ts';
import { sessionsText } from '../sessions.ts';
import { findConsole } from '../target.ts';
import { UsageError } from '../usage-error.ts';
import { type GlobalOptions, print, wholeNumber } from './options.ts';

interface Asked {
  node: string;
  pid: number;
  how: SessionEnd;
}

export function addSessions(program: Command, options: () => GlobalOptions): void {
  program
    .command('sessions')
    .description('what PostgreSQL is doing now on every node, and who waits for whom')
    .option('--of <node>', 'only of this node')
    .option('--all', 'also the server’s processes and QuantaDB’s own sessions')
    .action(async (own: { of?: string; all?: boolean }) => {
      const { console, clusterId } = await place(options());
      const nodes = await console.sessions(clusterId, own.of ?? null);
      print(options(), nodes, () => sessionsText(nodes, { isAll: own.all ?? false }));
    });
  const session = program.command('session').description('one session');
  session
    .command('cancel <node> <pid>')
    .description('give up the statement it runs')
    .action((node: string, pid: string) =>
      end(options(), { node, pid: wholeNumber('<pid>', pid), how: 'cancel' }),
    );
  session
    .command('terminate <node> <pid>')
    .description('end it; needs a --reason')
    .action((node: string, pid: string) =>
      end(options(), { node, pid: wholeNumber('<pid>', pid), how: 'terminate' }),
    );
}

async function end(options: GlobalOptions, { node, pid, how }: Asked): Promise<void> {
  const reason = options.reason ?? '';
  if (how === 'terminate' && reason.trim() === '') throw new UsageError('--reason says why it is terminated');
  const { console, clusterId } = await place(options);
  const [told] = await console.sessions(clusterId, node);
  if (told?.problem) throw new QuantaError('REFUSED', `${node} could not be asked: ${told.problem}`);
  const found = told?.sessions.find((session) => session.pid === pid);
  if (!told || !found) throw new QuantaError('NOT_FOUND', `${node} has no session ${pid} now`);
  if (!options.json)
    process.stdout.write(
      `${sessionsText([{ ...told, sessions: [found], leftOut: 0, blocking: [] }], { isAll: true })}\n\n`,
    );
  await confirm({ yes: options.yes ?? false, json: options.json ?? false });
  const { startedAt } = found;
  const answer = await console.endSession(clusterId, { node, pid, how, startedAt, reason });
  print(options, answer, () => answer.words);
}

/** Every node of a cluster is asked through its console. @throws QuantaError PEER_UNREACHABLE without one */
async function place(options: GlobalOptions): Promise<{ console: ConsoleClient; clusterId: string }> {
  const console = await findConsole(options);
  if (!console)
    throw new QuantaError('PEER_UNREACHABLE', 'sessions are asked through the console, and none answers', {
      hint: 'Name one with --console <url> --token <token>, or ask PostgreSQL itself: pg_stat_activity.',
    });
  return { console, clusterId: (await console.cluster(options.cluster)).id };
}
