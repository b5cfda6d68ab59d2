'use client';

import type { ClusterStatus } from '@quantadb/api/client-types';
import { Mark } from '@quantadb/ui/patterns/status';
import { useTimes } from '../../lib/time.ts';
import { someOfWords } from './words.ts';

type NoQuorumStatus = NonNullable<ClusterStatus['noQuorum']>;

/** Above everything else while no majority answers: who still serves what, as of when, and what ends it. */
export function NoQuorum({ noQuorum }: { noQuorum: NoQuorumStatus }) {
  const times = useTimes();
  const { readers, closed, missing, needed } = noQuorum;
  return (
    <section role="alert" className="rounded-lg border border-critical bg-critical-soft px-4 py-3">
      <h2 className="flex items-center gap-2 font-semibold text-critical">
        <Mark tone="critical" />
        No quorum since {times.clock(noQuorum.sinceMs)}: nobody may take writes
      </h2>
      <ul className="mt-1 flex flex-col gap-0.5">
        {readers.map(({ node, asOfMs }) => (
          <li key={node}>
            <span className="font-medium">{node}</span> serves reads only
            {asOfMs === null ? '' : `, as of ${times.clock(asOfMs)}`}.
          </li>
        ))}
        {closed.map(({ node, reason }) => (
          <li key={node}>
            <span className="font-medium">{node}</span> serves nobody: {times.sentence(reason)}.
          </li>
        ))}
      </ul>
      {needed > 0 ? (
        <p className="mt-1 font-medium">Bring back {someOfWords(missing, needed)}.</p>
      ) : (
        <p className="mt-1">The voters that answer are about to elect a leader.</p>
      )}
    </section>
  );
}
