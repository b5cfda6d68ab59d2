import { durationText } from '@quantadb/ui/charts/units';
import { Badge } from '@quantadb/ui/patterns/status';
import type { Ending } from './end-dialog.tsx';
import { SessionMenu } from './session-menu.tsx';
import { type BlockingLine, type NodeSessions, type Session, underWayMs } from './sessions.ts';

const indentMax = 8;

/** Whoever has to end first stands on top; who waits for it, below it. */
export function BlockingTree({ answer, onEnd }: { answer: NodeSessions; onEnd(ending: Ending): void }) {
  const { node, blocking, sessions } = answer;
  const known = new Map(sessions.map((session) => [session.pid, { ...session, node }]));
  return (
    <ul aria-label={`Who waits for whom on ${node}`} className="divide-y divide-line">
      {blocking.map((line) => (
        <li
          key={line.pid}
          aria-label={nameOf(line)}
          className="flex items-start justify-between gap-3 py-2 pr-4 text-[0.8125rem]"
          style={{ paddingLeft: `${1 + Math.min(line.depth, indentMax) * 1.5}rem` }}
        >
          <Line line={line} session={known.get(line.pid) ?? null} />
          {known.has(line.pid) ? (
            <SessionMenu session={known.get(line.pid) as Session} onEnd={onEnd} />
          ) : null}
        </li>
      ))}
    </ul>
  );
}

function nameOf({ pid, depth }: BlockingLine): string {
  const who = pid === 0 ? 'a prepared transaction' : `session ${pid}`;
  return depth === 0 ? `${who}, on top` : `${who}, waits at depth ${depth}`;
}

function Line({ line, session }: { line: BlockingLine; session: Session | null }) {
  const { pid, depth, waiting, alsoBlockedBy, isKnot } = line;
  return (
    <div className="min-w-0">
      <p className="flex flex-wrap items-center gap-x-2 gap-y-1">
        <span className="font-medium tabular-nums">
          {depth > 0 ? <span aria-hidden>↳ </span> : null}
          {pid === 0 ? 'A prepared transaction' : pid}
        </span>
        {waiting > 0 ? (
          <Badge tone="critical">{`${waiting} ${waiting === 1 ? 'waits' : 'wait'}`}</Badge>
        ) : null}
        {depth > 0 ? <Badge tone="warning">blocked</Badge> : null}
        {isKnot ? <Badge tone="critical">waits for one that waits for it</Badge> : null}
        {session ? <Facts session={session} /> : null}
        {pid === 0 ? (
          <span className="text-ink-soft">
            pg_prepared_xacts lists them: COMMIT or ROLLBACK PREPARED ends one
          </span>
        ) : null}
      </p>
      {alsoBlockedBy.length > 0 ? (
        <p className="text-ink-faint text-xs">also waits for {alsoBlockedBy.join(', ')}</p>
      ) : null}
      {session?.text ? (
        <pre className="mt-1 max-h-20 overflow-hidden whitespace-pre-wrap break-words font-mono text-ink-soft text-xs">
          {session.text}
        </pre>
      ) : null}
    </div>
  );
}

function Facts({ session }: { session: Session }) {
  const { user, database, application, state, wait } = session;
  const who = [user, database && `in ${database}`, application && `(${application})`]
    .filter(Boolean)
    .join(' ');
  return (
    <span className="text-ink-soft">
      {who} · {state ?? 'state unknown'}
      {wait?.startsWith('Lock') ? ` · waits for ${wait}` : ''} · {durationText(underWayMs(session))}
    </span>
  );
}
