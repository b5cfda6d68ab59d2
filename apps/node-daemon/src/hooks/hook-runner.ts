import { setTimeout as delay } from 'node:timers/promises';
import type { Trouble } from '@quantadb/engine/contract/status';
import { messageOf } from '@quantadb/engine/shared/errors';
import type { Logger } from '@quantadb/engine/shared/logger';
import type { Hook } from '../host-config.ts';
import { deliver } from './deliver.ts';
import { eventsBetween, type HookEvent, type HookView } from './hook-events.ts';

export interface HookRunnerOptions {
  hooks: Hook[];
  logger: Logger;
  look(): HookView;
  /** A hook that could not be told of something, in words for people. */
  onFailure(message: string): void;
  /** Pauses between the tries of an address; a program is run once. */
  retryAfterMs?: number[];
}

const lookEveryMs = 200;
const waitingMax = 100;
const nameMax = 300;
const detailMax = 1000;
const usualRetryAfterMs = [1000, 4000, 15_000, 60_000];

/**
 * Tells programs and addresses what happens. Nothing in the cluster ever waits for a hook: what cannot be delivered in time is
 * dropped, and said so.
 */
export class HookRunner {
  private readonly options: HookRunnerOptions;
  private before: HookView;
  private readonly timer: NodeJS.Timeout | null;
  private readonly queues = new Map<Hook, (HookEvent & { at: string })[]>();
  private readonly stopped = new AbortController();
  /** Of each hook that could not be told of the last event, from the first one that it was not told of. */
  private readonly failing = new Map<Hook, Trouble>();

  constructor(options: HookRunnerOptions) {
    this.options = options;
    this.before = options.look();
    this.timer = options.hooks.length > 0 ? setInterval(() => this.look(), lookEveryMs) : null;
  }

  close(): void {
    if (this.timer) clearInterval(this.timer);
    this.stopped.abort();
  }

  /** Until a hook is told of something again. */
  troubles(): Trouble[] {
    return [...this.failing.values()];
  }

  private look(): void {
    const now = this.options.look();
    const events = eventsBetween(this.before, now);
    this.before = now;
    for (const event of events) {
      const at = new Date().toISOString();
      for (const hook of this.options.hooks)
        if (hook.on.includes(event.event)) this.enqueue(hook, { ...event, at });
    }
  }

  private enqueue(hook: Hook, event: HookEvent & { at: string }): void {
    const waiting = this.queues.get(hook);
    if (!waiting) {
      this.queues.set(hook, [event]);
      void this.work(hook);
      return;
    }
    waiting.push(event);
    if (waiting.length <= waitingMax) return;
    // The oldest but the one that is under way.
    waiting.splice(1, 1);
    this.failed(hook, 'it is too slow: an event was dropped');
  }

  private async work(hook: Hook): Promise<void> {
    const waiting = this.queues.get(hook) ?? [];
    for (let event = waiting[0]; event && !this.stopped.signal.aborted; event = waiting[0]) {
      await this.tell(hook, event);
      waiting.shift();
    }
    this.queues.delete(hook);
  }

  private async tell(hook: Hook, event: HookEvent & { at: string }): Promise<void> {
    const { logger, retryAfterMs = usualRetryAfterMs } = this.options;
    const pauses = 'post' in hook ? retryAfterMs : [];
    for (let attempt = 0; !this.stopped.signal.aborted; attempt += 1) {
      try {
        await deliver(hook, event);
        this.failing.delete(hook);
        logger.info({ hook: nameOf(hook), event: event.event }, 'a hook was told');
        return;
      } catch (error) {
        const pauseMs = pauses[attempt];
        logger.warn(
          { hook: nameOf(hook), event: event.event, error: messageOf(error) },
          'a hook was not told',
        );
        if (pauseMs === undefined) {
          this.failed(hook, `it was not told of ${event.event}: ${messageOf(error)}`);
          return;
        }
        await this.pause(pauseMs);
      }
    }
  }

  private failed(hook: Hook, detail: string): void {
    const sinceMs = this.failing.get(hook)?.sinceMs ?? Date.now();
    const cut = detail.slice(0, detailMax);
    this.failing.set(hook, { kind: 'hook', name: nameOf(hook).slice(0, nameMax), detail: cut, sinceMs });
    this.options.onFailure(`${nameOf(hook)}: ${detail}`);
  }

  private pause(ms: number): Promise<void> {
    return delay(ms, undefined, { signal: this.stopped.signal, ref: false }).catch(() => undefined);
  }
}

function nameOf(hook: Hook): string {
  return `hook ${'post' in hook ? new URL(hook.post).origin : hook.run[0]}`;
}
