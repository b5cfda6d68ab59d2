import type { Session } from '@quantadb/engine/contract/sessions';
import { table } from './format.ts';

/** Sessions of several nodes, as the command shows them (pure). */

export interface ToldSessions {
  node: string;
  sessions: Session[];
  leftOut: number;
  blocking: { pid: number; depth: number; waiting: number; alsoBlockedBy: number[]; isKnot: boolean }[];
  problem: string | null;
}

const textMax = 80;

export function sessionsText(nodes: readonly ToldSessions[], options: { isAll: boolean }): string {
  return nodes.map((node) => nodeText(node, options)).join('\n\n');
}

function nodeText(told: ToldSessions, { isAll }: { isAll: boolean }): string {
  const { node, sessions, leftOut, blocking, problem } = told;
  if (problem !== null) return `${node} could not be asked: ${problem}`;
  const tangled = new Set(blocking.map(({ pid }) => pid));
  const shown = sessions.filter(({ kind, pid }) => isAll || kind === 'client' || tangled.has(pid));
  const rows = shown.map((session) => [
    String(session.pid),
    session.user ?? '-',
    session.database ?? '-',
    session.application || '-',
    session.client ?? 'local',
    session.state ?? '-',
    session.wait ?? '-',
    ageText(session.transactionMs),
    oneLine(session.text),
  ]);
  const header = [
    'pid',
    'user',
    'database',
    'application',
    'from',
    'state',
    'waits for',
    'transaction',
    'statement',
  ];
  return [
    `${node}:`,
    ...(blocking.length > 0 ? [...blockingLines(told), ''] : []),
    rows.length > 0 ? table(header, rows) : 'no session of a client',
    ...(leftOut > 0 ? [`and ${leftOut} more`] : []),
  ].join('\n');
}

/** Whoever has to end first stands on the left. */
function blockingLines({ blocking, sessions }: ToldSessions): string[] {
  const known = new Map(sessions.map((session) => [session.pid, session]));
  return blocking.map(({ pid, depth, waiting, alsoBlockedBy, isKnot }) => {
    const session = known.get(pid);
    const facts = [
      ...(waiting > 0 ? [`${waiting} ${waiting === 1 ? 'waits' : 'wait'} for it`] : []),
      ...(session?.state ? [session.state] : []),
      ...(alsoBlockedBy.length > 0 ? [`also waits for ${alsoBlockedBy.join(', ')}`] : []),
      ...(isKnot ? ['waits for one that waits for it'] : []),
    ];
    const who = pid === 0 ? 'a prepared transaction' : String(pid);
    return `${'  '.repeat(depth)}${who}  ${facts.join(', ')}`;
  });
}

function oneLine(text: string | null): string {
  const line = (text ?? '(not shown)').replaceAll(/\s+/g, ' ').trim();
  return line.length > textMax ? `${line.slice(0, textMax - 1)}…` : line;
}

function ageText(ms: number | null): string {
  if (ms === null) return '-';
  return ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.floor(ms / 60_000)} min`;
}
