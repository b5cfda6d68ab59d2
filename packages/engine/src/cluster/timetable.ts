import type { ClusterState } from '../contract/cluster-state.ts';
import type { Scheduled } from '../contract/schedule.ts';
import type { Clock } from '../shared/clock.ts';
import { messageOf } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import type { Commander } from './commander.ts';
import type { OperationDesk } from './operation-desk.ts';
import { dueOf } from './scheduling.ts';
import type { Leadership } from './store.ts';

interface TimetableOptions {
  desk: Pick<OperationDesk, 'startScheduled'>;
  commander: Commander;
  clock: Clock;
  logger: Logger;
  state(): ClusterState | null;
  leadership(): Leadership;
}

const everyMs = 1000;
const commandDeadlineMs = 5000;
const decider = 'the decider';

/** The decider begins what was scheduled, planned anew, when its time has come. */
export class Timetable {
  private readonly options: TimetableOptions;
  private nextAtMs = 0;
  private isBusy = false;

  constructor(options: TimetableOptions) {
    this.options = options;
  }

  tick(): void {
    const { clock, logger } = this.options;
    const nowMs = clock.monotonicMs();
    const state = this.options.state();
    if (!this.options.leadership().isLeader || !state || this.isBusy || nowMs < this.nextAtMs) return;
    this.nextAtMs = nowMs + everyMs;
    const due = dueOf(state, clock.wallMs());
    if (due.kind === 'none') return;
    this.isBusy = true;
    const work = due.kind === 'begin' ? this.begin(due.entry) : this.giveUp(due.entry, 'Its time is over.');
    void work
      .catch((error) => logger.warn({ error: messageOf(error) }, 'the timetable is looked at again'))
      .finally(() => {
        this.isBusy = false;
      });
  }

  private async begin(entry: Scheduled): Promise<void> {
    const begun = await this.options.desk.startScheduled(entry);
    if (!begun.ok) await this.giveUp(entry, begun.refusal);
  }

  private async giveUp({ id }: Scheduled, why: string): Promise<void> {
    await this.options.commander.submit({ kind: 'unschedule', id, by: decider, why }, commandDeadlineMs);
  }
}
