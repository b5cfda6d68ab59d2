import type { NodeStatus } from '@quantadb/api/client-types';
import { bytesText } from '@quantadb/ui/charts/units';

/** Live bytes of every clone and rewind that runs. */
export function CloneProgress({ nodes }: { nodes: NodeStatus[] }) {
  const cloning = nodes.filter((node) => node.clone !== null);
  return cloning.map((node) => {
    const done = node.clone?.doneBytes ?? 0;
    const total = node.clone?.totalBytes ?? null;
    const isRewound = node.state === 'rewinding';
    const percent = total ? Math.min(100, Math.floor((done / total) * 100)) : null;
    return (
      <div key={node.name} className="rounded-lg border border-line bg-surface p-4">
        <div className="flex justify-between gap-3 text-[0.8125rem]">
          <p className="font-medium">
            {node.name} {isRewound ? 'is rewound' : 'receives its data'}
          </p>
          <p className="text-ink-soft tabular-nums">
            {bytesText(done)}
            {total ? ` of ${bytesText(total)} (${percent} %)` : ''}
          </p>
        </div>
        <div
          role="progressbar"
          aria-label={`${isRewound ? 'Rewind' : 'Clone'} of ${node.name}`}
          aria-valuemin={0}
          aria-valuemax={100}
          {...(percent === null ? {} : { 'aria-valuenow': percent })}
          className="mt-2 h-2 overflow-hidden rounded bg-muted-soft"
        >
          <div className="h-full bg-accent transition-[width]" style={{ width: `${percent ?? 8}%` }} />
        </div>
      </div>
    );
  });
}
