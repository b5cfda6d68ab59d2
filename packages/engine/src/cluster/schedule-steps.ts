import type { Operation } from '../contract/cluster-state.ts';
import { schedulableSchema, scheduledSchema } from '../contract/schedule.ts';
import { momentWords } from '../shared/words.ts';
import type { Commander } from './commander.ts';
import type { StepHandler } from './operation-runner.ts';
import { submitOrRefuse } from './step-helpers.ts';

interface ScheduleResources {
  commander: Commander;
}

/** Into what the cluster agrees on, where whoever decides by then finds it. */
export function writeDown({ commander }: ScheduleResources): StepHandler {
  return async ({ operation }) => {
    const entry = entryOf(operation);
    await submitOrRefuse(commander, { kind: 'schedule', entry });
    return `it begins at ${momentWords(entry.atMs)} as ${entry.id}`;
  };
}

export function takeBack({ commander }: ScheduleResources): StepHandler {
  return async ({ operation }) => {
    const id = String(operation.params.id);
    await submitOrRefuse(commander, { kind: 'unschedule', id, by: operation.requestedBy, why: null });
    return 'it does not begin';
  };
}

function entryOf({ id, params, requestedBy, reason }: Operation) {
  const { atMs, withinMinutes, request } = params;
  return scheduledSchema.parse({
    ...{ atMs, withinMinutes, requestedBy, reason },
    id: `${id}-due`,
    request: schedulableSchema.parse(JSON.parse(String(request))),
  });
}
