'use client';

import { Stale } from '@quantadb/ui/patterns/stale';
import { Empty, Failed, Loading } from '@quantadb/ui/patterns/states';
import { Panel } from '@quantadb/ui/primitives/panel';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { parseAsBoolean, parseAsInteger, parseAsString, parseAsStringLiteral, useQueryStates } from 'nuqs';
import { useState } from 'react';
import { useNow } from '../../lib/live.tsx';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import { BlockingTree } from './blocking-tree.tsx';
import { EndDialog, type Ending } from './end-dialog.tsx';
import { Filters } from './filters.tsx';
import { type Answer, concernsOf, type Session, shownSessions, stateNames, tangles } from './sessions.ts';
import { SessionsTable } from './sessions-table.tsx';

const refreshEveryMs = 2000;
/** Two looks and a deadline of four seconds may go by. */
const staleAfterMs = 10_000;

const shape = {
  node: parseAsString,
  state: parseAsStringLiteral(stateNames),
  tangle: parseAsStringLiteral(tangles),
  /** Seconds. */
  older: parseAsInteger,
  all: parseAsBoolean.withDefault(false),
};

/** What every PostgreSQL of the cluster is doing now, who waits for whom, and how to end it. */
export function SessionsPage({ clusterId }: { clusterId: string }) {
  const trpc = useTRPC();
  const [filter, setFilter] = useQueryStates(shape, { history: 'replace' });
  const [ending, setEnding] = useState<Ending | null>(null);
  const nowMs = useNow(1000);
  const { node } = filter;
  const answer = useQuery({
    ...trpc.sessions.list.queryOptions({ clusterId, ...(node === null ? {} : { node }) }),
    refetchInterval: refreshEveryMs,
    placeholderData: keepPreviousData,
  });
  const { data, error, dataUpdatedAt, isPlaceholderData } = answer;
  return (
    <>
      <div className="flex flex-wrap items-center justify-between gap-3">
        <h1 className="font-semibold text-xl">Sessions</h1>
        <p className="text-ink-soft text-xs">As they are, every two seconds</p>
      </div>
      <Filters clusterId={clusterId} filter={filter} onChange={(next) => void setFilter(next)} />
      {!data && !error ? <Loading label="Asking every node for its sessions" /> : null}
      {error ? <Failed {...problemOf(error)} onRetry={() => void answer.refetch()} /> : null}
      {data ? (
        <Stale
          ageMs={isPlaceholderData ? 0 : Math.max(0, nowMs - dataUpdatedAt)}
          afterMs={staleAfterMs}
          className="flex flex-col gap-4"
        >
          <Told data={data} filter={filter} onEnd={setEnding} />
        </Stale>
      ) : null}
      {ending ? (
        <EndDialog
          clusterId={clusterId}
          ending={ending}
          onEnded={() => void answer.refetch()}
          onClose={() => setEnding(null)}
        />
      ) : null}
    </>
  );
}

type Chosen = ReturnType<typeof useQueryStates<typeof shape>>[0];

function Told({ data, filter, onEnd }: { data: Answer; filter: Chosen; onEnd(ending: Ending): void }) {
  const { node, state, tangle, older, all } = filter;
  const rows = shownSessions(data.nodes, { node, state, tangle, olderThanSeconds: older, isAll: all });
  const leftOut = data.nodes.filter((each) => each.leftOut > 0);
  const tangled = data.nodes.filter(({ blocking }) => blocking.length > 0);
  return (
    <div className="flex flex-col gap-4">
      {data.nodes
        .filter(({ problem }) => problem !== null)
        .map(({ node: name, problem }) => (
          <p key={name} role="status" className="text-sm text-warning">
            {name} could not be asked: {problem}
          </p>
        ))}
      {tangled.map((each) => (
        <Panel key={each.node} isFlush title={`Who waits for whom on ${each.node}`}>
          <BlockingTree answer={each} onEnd={onEnd} />
        </Panel>
      ))}
      <Concerns rows={shownSessions(data.nodes, { ...none, node })} />
      <Panel isFlush title={`${rows.length} ${rows.length === 1 ? 'session' : 'sessions'}`}>
        {rows.length === 0 ? (
          <Empty
            title={data.nodes.every(({ problem }) => problem) ? 'Nobody answers' : 'No session like this now'}
          >
            {data.nodes.every(({ problem }) => problem)
              ? null
              : 'Sessions of applications are shown; the filters above leave out the others.'}
          </Empty>
        ) : (
          <SessionsTable rows={rows} isTextHidden={data.isTextHidden} onEnd={onEnd} />
        )}
      </Panel>
      {leftOut.map((each) => (
        <p key={each.node} className="text-ink-faint text-xs">
          {each.node} has {each.leftOut} more, none of them older or in anybody’s way.
        </p>
      ))}
      <p className="text-ink-faint text-xs">
        Clients of a router come from where it runs; what they call themselves is their own word.
        {data.isTextHidden ? ' Statements are shown to operators.' : ''}
      </p>
    </div>
  );
}

const none = { state: null, tangle: null, olderThanSeconds: null, isAll: true };

/** Said once above the list, because each of them does harm that shows elsewhere. */
function Concerns({ rows }: { rows: Session[] }) {
  const count = (what: string) => rows.filter((row) => concernsOf(row).includes(what)).length;
  const idle = count('idle in a transaction');
  const old = count('holds up vacuum');
  if (idle === 0 && old === 0) return null;
  return (
    <div
      role="status"
      className="rounded-md border border-warning bg-warning-soft px-4 py-2 text-sm text-warning"
    >
      {idle > 0 ? (
        <p>
          {idle === 1 ? 'A session does' : `${idle} sessions do`} nothing in an open transaction for a minute
          or more: locks stay taken until it ends.
        </p>
      ) : null}
      {old > 0 ? (
        <p>
          {old === 1 ? 'A session' : `${old} sessions`} may still want rows as they were 500,000 transactions
          ago: vacuum cannot remove them.
        </p>
      ) : null}
    </div>
  );
}
