import { durationText } from '@quantadb/ui/charts/units';
import type { Tone } from '@quantadb/ui/patterns/status';
import { Timeline } from '@quantadb/ui/patterns/timeline';
import { useTimes } from '../../lib/time.ts';
import type { OperationView } from './intent.ts';

const tones: Record<OperationView['steps'][number]['state'], Tone> = {
  pending: 'muted',
  running: 'working',
  done: 'good',
  failed: 'critical',
  skipped: 'muted',
};

export function operationTone(state: string): Tone {
  if (state === 'done') return 'good';
  if (state === 'running') return 'working';
  return state === 'failed' ? 'critical' : 'muted';
}

export function Steps({ operation }: { operation: OperationView }) {
  const times = useTimes();
  return (
    <Timeline
      label="Steps"
      items={operation.steps.map((step) => ({
        key: step.name,
        tone: tones[step.state],
        title: step.name,
        detail: times.sentence(step.detail, step.endedAtMs ?? step.startedAtMs ?? undefined) || step.state,
        ...(step.startedAtMs !== null && step.endedAtMs !== null
          ? { aside: durationText(step.endedAtMs - step.startedAtMs) }
          : {}),
      }))}
    />
  );
}
