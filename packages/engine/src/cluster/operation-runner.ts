import type { ClusterState, Operation } from '../contract/cluster-state.ts';
import { type Clock, systemClock } from '../shared/clock.ts';
import { messageOf, QuantaError } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import type { Commander } from './commander.ts';
import type { Leadership } from './store.ts';

const commandDeadlineMs = 5000;

/** One step: does its work, or finds that it is done already (after a crash), and says what came of it. */
export type StepHandler = (context: StepContext) => Promise<string>;

export interface StepContext {
  operation: Operation;
  /** Aborted when this node stops being the decider: the next one goes on from this step. */
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
}

/** Thrown by a step that has moved the decision to another node: nothing has failed, this node just stops here. */
export class HandedOver extends Error {}

/** Runs the operation in ClusterState, step by step, on the decider. Steps are durable: a crash loses at most the one that ran. */
export class OperationRunner {
  private readonly options: OperationRunnerOptions;
  private readonly clock: Clock;
  private running: AbortController | null = null;

  constructor(options: OperationRunnerOptions) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
  }

  tick(): void {
    const { isLeader, leaderSinceMs } = this.options.leadership();
    const operation = this.options.state()?.operation;
    if (!isLeader || leaderSinceMs === null) {
      this.running?.abort();
      return;
    }
    if (!operation || this.running) return;
    const controller = new AbortController();
    this.running = controller;
    const startedMs = this.clock.monotonicMs();
    void this.run(operation, controller.signal)
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

  private async run(operation: Operation, signal: AbortSignal): Promise<void> {
    const handlers = this.options.handlers[operation.kind];
    for (const [index, handler] of handlers.entries()) {
      const step = this.options.state()?.operation?.steps[index];
      if (!step || step.state === 'done' || step.state === 'skipped') continue;
      await this.mark(operation, index, { state: 'running', detail: '' });
      const failure = await this.attempt({ operation, index, handler, signal });
      if (failure === null) continue;
      await this.end(operation, { state: 'failed', error: failure });
      return;
    }
    await this.end(operation, { state: 'done', error: null });
  }

  private async attempt(work: {
    operation: Operation;
    index: number;
    handler: StepHandler;
    signal: AbortSignal;
  }): Promise<string | null> {
    const { operation, index, handler, signal } = work;
    const state = () => {
      const now = this.options.state();
      if (!now) throw new QuantaError('INVARIANT_BROKEN', 'an operation runs without a cluster');
      return now;
    };
    try {
      const progress = (detail: string) => this.mark(operation, index, { state: 'running', detail });
      const detail = await handler({ operation, signal, state, progress });
      await this.mark(operation, index, { state: 'done', detail });
      return null;
    } catch (error) {
      if (signal.aborted || error instanceof HandedOver) throw error;
      const hint = error instanceof QuantaError && error.hint ? ` ${error.hint}` : '';
      const failure = `${messageOf(error)}${hint}`;
      await this.mark(operation, index, { state: 'failed', detail: failure });
      return failure;
    }
  }

  private async mark(
    operation: Operation,
    step: number,
    change: { state: 'running' | 'done' | 'failed'; detail: string },
  ): Promise<void> {
    await this.options.commander.submit(
      { kind: 'step-operation', id: operation.id, step, change },
      commandDeadlineMs,
    );
  }

  private async end(
    operation: Operation,
    end: { state: 'done' | 'failed'; error: string | null },
  ): Promise<void> {
    await this.options.commander.submit(
      { kind: 'end-operation', id: operation.id, ...end },
      commandDeadlineMs,
    );
  }
}
