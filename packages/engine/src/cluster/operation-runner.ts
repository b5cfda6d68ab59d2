import type { ClusterState, Operation } from '../contract/cluster-state.ts';
import { type Clock, systemClock } from '../shared/clock.ts';
import { messageOf, QuantaError, sentenceOf } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import type { Commander } from './commander.ts';
import type { CommandOf } from './commands.ts';
import type { Leadership } from './store.ts';

const commandDeadlineMs = 5000;

/** One step: does its work, or finds that it is done already (after a crash), and says what came of it. */
export type StepHandler = (context: StepContext) => Promise<string>;

export interface StepContext {
  operation: Operation;
  /** Aborted when this node stops being the decider (the next one goes on from this step), or when somebody cancels. */
  signal: AbortSignal;
  state(): ClusterState;
  /** Says how far a long step has come. */
  progress(detail: string): Promise<void>;
}

export interface OperationRunnerOptions {
  commander: Commander;
  logger: Logger;
  clock?: Clock;
  state(): ClusterState | null;
  leadership(): Leadership;
  handlers: Record<Operation['kind'], StepHandler[]>;
  /** Takes back what a cancelled operation has begun, where stopping is not enough. */
  undo: Partial<Record<Operation['kind'], StepHandler[]>>;
}

/** Thrown by a step that has moved the decision to another node: nothing has failed, this node just stops here. */
export class HandedOver extends Error {}

/** The log did not take what this runner said of the operation: it looks again before it goes on. */
class Overtaken extends Error {}

type Outcome = { kind: 'done'; detail: string } | { kind: 'failed'; error: string } | { kind: 'cancelled' };

/**
 * Runs the operation in ClusterState, step by step, on the decider. Steps are durable: a crash loses at most the one that
 * ran, and a step ends, or the operation with it, by a single command.
 */
export class OperationRunner {
  private readonly options: OperationRunnerOptions;
  private readonly clock: Clock;
  private running: AbortController | null = null;
  /** Of the step that runs now: what a cancellation stops. */
  private step: AbortController | null = null;

  constructor(options: OperationRunnerOptions) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
  }

  tick(): void {
    const { isLeader, leaderSinceMs } = this.options.leadership();
    const operation = this.options.state()?.operation;
    if (!isLeader || leaderSinceMs === null) {
      this.running?.abort();
      this.step?.abort();
      return;
    }
    if (operation?.cancel) this.step?.abort();
    if (!operation || this.running) return;
    const controller = new AbortController();
    this.running = controller;
    const startedMs = this.clock.monotonicMs();
    void this.run(operation.id, controller.signal)
      .catch((error) =>
        this.options.logger.warn(
          { operation: operation.id, error: messageOf(error) },
          'operation interrupted',
        ),
      )
      .finally(() => {
        this.running = null;
        this.options.logger.info(
          { operation: operation.id, tookMs: this.clock.monotonicMs() - startedMs },
          'operation runner idle',
        );
      });
  }

  private async run(id: string, signal: AbortSignal): Promise<void> {
    const handlers = this.options.handlers[this.operation(id).kind];
    for (const [index, handler] of handlers.entries()) {
      if (signal.aborted) return;
      const operation = this.operation(id);
      if (operation.cancel) return this.takeBack(operation, signal);
      const step = operation.steps[index];
      if (!step || step.state === 'done' || step.state === 'skipped') continue;
      // An older release said so by a command of its own, and its decider ended in between.
      if (step.state === 'failed') return this.end(id, { state: 'failed', error: step.detail });
      await this.mark(id, index, { state: 'running', detail: step.detail });
      const outcome = await this.attempt({ id, index, handler, signal });
      if (outcome.kind === 'failed') return this.end(id, { state: 'failed', error: outcome.error });
      if (outcome.kind === 'done') await this.mark(id, index, { state: 'done', detail: outcome.detail });
      else return this.takeBack(this.operation(id), signal);
    }
    await this.end(id, { state: 'done', error: null });
  }

  private async attempt(work: {
    id: string;
    index: number;
    handler: StepHandler;
    signal: AbortSignal;
  }): Promise<Outcome> {
    const { id, index, handler, signal } = work;
    const step = new AbortController();
    this.step = step;
    const progress = (detail: string) => this.mark(id, index, { state: 'running', detail });
    try {
      const context = { operation: this.operation(id), signal: step.signal, state: this.state, progress };
      return { kind: 'done', detail: await handler(context) };
    } catch (error) {
      const isOurs = !signal.aborted && this.options.leadership().isLeader;
      if (!isOurs || error instanceof HandedOver || error instanceof Overtaken) throw error;
      if (step.signal.aborted) return { kind: 'cancelled' };
      return { kind: 'failed', error: sentenceOf(error) };
    } finally {
      this.step = null;
    }
  }

  /** What was begun is taken back by steps that find out what there is, so that the next decider may do it again. */
  private async takeBack(operation: Operation, signal: AbortSignal): Promise<void> {
    const by = operation.cancel?.by ?? 'somebody';
    const done: string[] = [];
    const context = { operation, signal, state: this.state, progress: async () => undefined };
    for (const handler of this.options.undo[operation.kind] ?? []) {
      try {
        done.push(await handler(context));
      } catch (error) {
        if (signal.aborted || error instanceof HandedOver) throw error;
        const failure = `cancelled by ${by}, but what was begun could not be taken back: ${sentenceOf(error)}`;
        return this.end(operation.id, { state: 'failed', error: failure });
      }
    }
    const words = done.length > 0 ? `: ${done.join('; ')}` : '';
    await this.end(operation.id, { state: 'cancelled', error: `cancelled by ${by}${words}` });
  }

  private readonly state = (): ClusterState => {
    const now = this.options.state();
    if (!now) throw new QuantaError('INVARIANT_BROKEN', 'an operation runs without a cluster');
    return now;
  };

  private operation(id: string): Operation {
    const { operation } = this.state();
    if (operation?.id !== id) throw new Overtaken('the operation has ended');
    return operation;
  }

  private mark(
    id: string,
    step: number,
    change: { state: 'running' | 'done'; detail: string },
  ): Promise<void> {
    return this.say({ kind: 'step-operation', id, step, change });
  }

  private end(id: string, end: Pick<CommandOf<'end-operation'>, 'state' | 'error'>): Promise<void> {
    return this.say({ kind: 'end-operation', id, ...end });
  }

  private async say(command: CommandOf<'step-operation'> | CommandOf<'end-operation'>): Promise<void> {
    const said = await this.options.commander.submit(command, commandDeadlineMs);
    if (!said.ok) throw new Overtaken(said.reason);
  }
}
