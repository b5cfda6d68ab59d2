'use client';

import { parseAsStringLiteral, useQueryState } from 'nuqs';
import { useClusterNow } from '../../lib/live.tsx';
import { RangePicker } from '../shell/range-picker.tsx';
import { chartGroups } from './charts.ts';
import { FigureGroup } from './figure-group.tsx';
import { NowTable } from './now-table.tsx';
import { rangeNames, ranges } from './ranges.ts';

/** What the nodes measure of themselves and their machines: now, and over time. */
export function FiguresPage({ clusterId }: { clusterId: string }) {
  const { told } = useClusterNow(clusterId);
  const [range, setRange] = useQueryState('range', parseAsStringLiteral(rangeNames).withDefault('1h'));
  return (
    <>
      <div className="flex flex-wrap items-center justify-between gap-3">
        <h1 className="font-semibold text-xl">Metrics</h1>
        <RangePicker names={rangeNames} range={range} onPick={(next) => void setRange(next)} />
      </div>
      <NowTable clusterId={clusterId} told={told} />
      {chartGroups.map((group) => (
        <FigureGroup key={group.title} clusterId={clusterId} group={group} spanMs={ranges[range]} />
      ))}
    </>
  );
}
