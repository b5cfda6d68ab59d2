import { TimeSeries } from '@quantadb/ui/charts/time-series';
import { bytesText, durationText } from '@quantadb/ui/charts/units';
import { Empty, Failed, Loading } from '@quantadb/ui/patterns/states';
import { Dialog } from '@quantadb/ui/primitives/dialog';
import { useQuery } from '@tanstack/react-query';
import { useTimes } from '../../lib/time.ts';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import { numberText, shareText } from '../figures/charts.ts';
import { type Answer, blocksHitShare, type Drawn, pointsOf, type Statement, shareOf } from './queries.ts';
import { meanText } from './queries-table.tsx';

const dayMs = 24 * 3_600_000;

const drawings: { drawn: Drawn; title: string; format(value: number | null): string; topMin: number }[] = [
  { drawn: 'busy', title: 'Time it took in each second', format: meanText, topMin: 1 },
  { drawn: 'calls', title: 'Calls in each second', format: numberText, topMin: 1 },
  {
    drawn: 'mean',
    title: 'Time of a call',
    format: meanText,
    topMin: 0.1,
  },
];

/** One statement: its text, what it took, and how that went over time. */
export function StatementDetail({
  statement,
  answer,
  where,
  onClose,
}: {
  statement: Statement;
  answer: Answer;
  where: { clusterId: string; node?: string; from: string; to: string };
  onClose(): void;
}) {
  const { queryId, user, database, text } = statement;
  const facts: [string, string][] = [
    ['Who', `${user} in ${database}`],
    ['Time', `${durationText(statement.totalMs)}, ${shareText(shareOf(statement, answer.all))} of all`],
    ['Calls', `${numberText(statement.calls)}, ${meanText(statement.meanMs)} each`],
    ['Rows', numberText(statement.rows)],
    [
      'Blocks',
      `${numberText(statement.blocksHit + statement.blocksRead)}, ${shareText(blocksHitShare(statement))} found in shared buffers`,
    ],
    ['Temporary blocks', numberText(statement.tempBlocks)],
    ['WAL', bytesText(statement.walBytes)],
    ['queryid', queryId],
  ];
  return (
    <Dialog isOpen onClose={onClose} title="Statement">
      <div className="flex flex-col gap-4">
        {text === null ? (
          <p className="text-ink-soft text-sm">
            {answer.isTextHidden
              ? 'Its text is shown to operators.'
              : 'Its text is not known, or has a secret in it.'}
          </p>
        ) : (
          <pre className="max-h-64 overflow-auto whitespace-pre-wrap break-words rounded-md bg-muted-soft p-3 font-mono text-xs">
            {text}
          </pre>
        )}
        <dl className="grid grid-cols-[8rem_minmax(0,1fr)] gap-x-4 gap-y-1 text-[0.8125rem]">
          {facts.map(([title, value]) => (
            <div key={title} className="contents">
              <dt className="text-ink-faint">{title}</dt>
              <dd className="break-words">{value}</dd>
            </div>
          ))}
        </dl>
        <Charts statement={statement} where={where} />
      </div>
    </Dialog>
  );
}

function Charts({
  statement: { queryId, user, database },
  where,
}: {
  statement: Statement;
  where: { clusterId: string; node?: string; from: string; to: string };
}) {
  const trpc = useTRPC();
  const times = useTimes();
  const history = useQuery({
    ...trpc.statements.history.queryOptions({ ...where, queryId, user, database }),
    placeholderData: (last) => last,
  });
  const { data, error } = history;
  if (error) return <Failed {...problemOf(error)} onRetry={() => void history.refetch()} />;
  if (!data) return <Loading label="Loading how it went over time" />;
  if (data.buckets.length === 0) return <Empty title="Nothing is known of it in this time" />;
  const [fromMs, toMs] = [Date.parse(where.from), Date.parse(where.to)];
  const timeText = toMs - fromMs > dayMs ? times.moment : times.clock;
  return (
    <div className="flex flex-col gap-4">
      {drawings.map(({ drawn, title, format, topMin }) => (
        <TimeSeries
          key={drawn}
          label={title}
          points={pointsOf(data, drawn, 'this statement')}
          series={['this statement']}
          heightPx={130}
          {...{ format, topMin, fromMs, toMs, timeText }}
        />
      ))}
    </div>
  );
}
