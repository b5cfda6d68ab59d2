import type { ClusterState } from '../contract/cluster-state.ts';
import type { Scheduled } from '../contract/schedule.ts';
import type { Clock } from '../shared/clock.ts';
import { messageOf } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import { NowAndThen } from '../shared/now-and-then.ts';
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
  private readonly beat: NowAndThen;

  constructor(options: TimetableOptions) {
    this.options = options;
    const { clock, logger } = options;
    const onError = (error: unknown) =>
      logger.warn({ error: messageOf(error) }, 'the timetable is looked at again');
    this.beat = new NowAndThen({ everyMs, clock, onError });
  }

  tick(): void {
    const state = this.options.state();
    if (this.options.leadership().isLeader && state) this.beat.run(() => this.look(state));
  }

  private async look(state: ClusterState): Promise<void> {
    const due = dueOf(state, this.options.clock.wallMs());
    if (due.kind === 'begin') await this.begin(due.entry);
    else if (due.kind !== 'none') await this.giveUp(due.entry, 'Its time is over.');
  }

  private async begin(entry: Scheduled): Promise<void> {
    const begun = await this.options.desk.startScheduled(entry);
    if (!begun.ok) await this.giveUp(entry, begun.refusal);
  }

  private async giveUp({ id }: Scheduled, why: string): Promise<void> {
    await this.options.commander.submit({ kind: 'unschedule', id, by: decider, why }, commandDeadlineMs);
  }
}
