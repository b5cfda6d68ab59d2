import { Failed } from '@quantadb/ui/patterns/states';
import { Button } from '@quantadb/ui/primitives/button';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { useTimes } from '../../lib/time.ts';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import type { Intent } from '../operations/intent.ts';
import { useMay } from '../shell/me.ts';
import { sizeText } from './backups-table.tsx';
import { ageText, type Overview, type Planning, type Target, type TimeLine, timeLineOf } from './prepare.ts';

const steps = 2000;

interface RestorePlannerProps {
  clusterId: string;
  overview: Overview;
  onChoose(intent: Intent): void;
}

/** Every moment that can be restored to on one line; choosing one asks the cluster what that would take. */
export function RestorePlanner({ clusterId, overview, onChoose }: RestorePlannerProps) {
  const trpc = useTRPC();
  const times = useTimes();
  const may = useMay();
  const line = timeLineOf(overview);
  const [position, setPosition] = useState(steps);
  const plan = useMutation(trpc.backups.planRestore.mutationOptions());
  if (!line) return null;
  const atMs = Math.round(line.fromMs + ((line.toMs - line.fromMs) * position) / steps);
  const ask = (target: Target) => plan.mutate({ clusterId, target });
  const chosen: Target = position === steps ? { kind: 'latest' } : { kind: 'time', atMs, inclusive: true };
  return (
    <Panel title="Restore to a moment">
      <Line line={line} />
      <label className="mt-2 block">
        <span className="sr-only">Moment to restore to</span>
        <input
          type="range"
          className="w-full"
          min={0}
          max={steps}
          value={position}
          aria-valuetext={position === steps ? 'latest' : times.moment(atMs)}
          onChange={(event) => setPosition(Number(event.target.value))}
        />
      </label>
      <div className="mt-1 flex flex-wrap items-center justify-between gap-2 text-[0.8125rem]">
        <span className="text-ink-soft text-xs">{times.moment(line.fromMs)}</span>
        <strong>{position === steps ? 'The latest moment' : times.moment(atMs)}</strong>
        <span className="text-ink-soft text-xs">{times.moment(line.toMs)}</span>
      </div>
      {may.operate ? (
        <div className="mt-3 flex flex-wrap gap-2">
          <Button tone="primary" isBusy={plan.isPending} onClick={() => ask(chosen)}>
            What would that take?
          </Button>
          {overview.points.slice(-4).map((point) => (
            <Button
              key={`${point.name}-${point.lsn}`}
              onClick={() => ask({ kind: 'name', name: point.name })}
            >
              {point.name}
            </Button>
          ))}
        </div>
      ) : null}
      {plan.error ? <Failed {...problemOf(plan.error)} /> : null}
      {plan.data ? <Answer planning={plan.data} overview={overview} onAsk={ask} /> : null}
      {plan.data?.ok && plan.variables && may.operate ? (
        <LookFirst target={plan.variables.target} onChoose={onChoose} />
      ) : null}
    </Panel>
  );
}

function LookFirst({ target, onChoose }: { target: Target; onChoose(intent: Intent): void }) {
  return (
    <Button
      className="mt-3"
      onClick={() => onChoose({ kind: 'start-backup', work: { kind: 'look', target } })}
    >
      Look first: open it in a scratch server
    </Button>
  );
}

function Line({ line }: { line: TimeLine }) {
  const label = `${line.bands.length} stretches that can be restored to`;
  return (
    <div className="relative h-8 rounded bg-critical-soft" role="img" aria-label={label}>
      {line.bands.map((band) => (
        <span
          key={band.key}
          className="absolute inset-y-0 rounded bg-good-soft"
          style={{ left: `${band.leftPercent}%`, width: `${band.widthPercent}%` }}
        />
      ))}
      {line.marks.map((mark) => (
        <span
          key={mark.key}
          title={mark.label}
          className="absolute inset-y-0 border-accent border-l-2"
          style={{ left: `${mark.leftPercent}%` }}
        />
      ))}
    </div>
  );
}

function Answer({
  planning,
  overview,
  onAsk,
}: {
  planning: Planning;
  overview: Overview;
  onAsk(target: Target): void;
}) {
  if (!planning.ok) {
    return (
      <div role="alert" className="mt-3 text-[0.8125rem]">
        <p className="font-medium">{planning.refusal.message}</p>
        <div className="mt-2 flex flex-wrap gap-2">
          {planning.refusal.nearest.map(({ words, target }) => (
            <Button key={words} onClick={() => onAsk(target)}>
              {words}
            </Button>
          ))}
        </div>
      </div>
    );
  }
  const { plan } = planning;
  const facts: [string, string][] = [
    ['Backup', `${plan.label}, ${sizeText(plan.databaseBytes)}`],
    ['WAL', `at most ${plan.walSegmentsMax} segments, along timeline ${plan.timeline}`],
    ['Takes', plan.expectedMs === null ? 'unknown until a drill has measured it' : ageText(plan.expectedMs)],
    ['Not in it', plan.lost],
  ];
  return (
    <div className="mt-3 text-[0.8125rem]" aria-live="polite">
      <dl className="grid gap-x-4 gap-y-1 sm:grid-cols-[8rem_1fr]">
        {facts.map(([title, text]) => (
          <div key={title} className="contents">
            <dt className="text-ink-faint">{title}</dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      {plan.warnings.map((warning) => (
        <p key={warning} className="mt-1 text-warning">
          {warning}
        </p>
      ))}
      <p className="mt-3 text-ink-soft">Into a new cluster, on a host that is in none:</p>
      <code className="mt-1 block overflow-x-auto text-xs">{commandOf(plan, overview)}</code>
      <p className="mt-3 text-ink-soft">
        Or where the cluster runs, giving up what came after; the data of now is kept beside:
      </p>
      <code className="mt-1 block overflow-x-auto text-xs">{`quantadb backup restore ${targetOf(plan)} --in-place`}</code>
    </div>
  );
}

type Plan = Extract<Planning, { ok: true }>['plan'];

function targetOf(plan: Plan): string {
  const { recovery } = plan;
  const targets: Record<typeof recovery.kind, string> = {
    latest: '--latest',
    backup: `--label ${plan.label}`,
    time: recovery.kind === 'time' ? `--time ${new Date(recovery.atMs).toISOString()}` : '',
    lsn: recovery.kind === 'lsn' ? `--lsn ${recovery.lsn} --timeline ${plan.timeline}` : '',
    xid: recovery.kind === 'xid' ? `--xid ${recovery.xid}` : '',
    name: recovery.kind === 'name' ? `--point '${recovery.name}'` : '',
  };
  return targets[recovery.kind];
}

function commandOf(plan: Plan, { config }: Overview): string {
  const { repository } = config ?? {};
  const place =
    repository?.type === 's3'
      ? `--s3-bucket ${repository.bucket} --s3-endpoint ${repository.endpoint} --s3-region ${repository.region} --path ${repository.path}`
      : `--path ${repository?.path ?? ''}`;
  return `quantadb backup restore ${targetOf(plan)} --from ${config?.stanza ?? ''} ${place} --into <new cluster> --host <spare host>`;
}
