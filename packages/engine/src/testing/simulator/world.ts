import { type Random, seededRandom } from '../../shared/random.ts';

/** What counts as an event: things that happen to the system, not the ticks of its own timers. */
export type EventKind = 'delivery' | 'disk' | 'fault' | 'client';

interface Happening {
  atMs: number;
  order: number;
  kind: EventKind | 'timer';
  work(): void;
}

/** A broken promise of the system under test, or of the model it runs on. */
export class Violation extends Error {
  readonly invariant: string;

  constructor(invariant: string, message: string) {
    super(`${invariant}: ${message}`);
    this.name = 'Violation';
    this.invariant = invariant;
  }
}

const traceLinesMax = 400;

/**
 * Virtual time: everything that will happen, in order. One seed gives one run, because time, chance, the network and
 * the disks all come from here, and between two happenings every promise that can go on has gone on.
 */
export class World {
  readonly seed: number;
  readonly random: Random;
  readonly counts: Record<EventKind, number> = { delivery: 0, disk: 0, fault: 0, client: 0 };
  nowMs = 0;
  /** Looks at the whole system after every happening; throws a `Violation`. */
  check: () => void = () => undefined;
  private readonly queue: Happening[] = [];
  private readonly lines: string[] = [];
  private order = 0;
  private failure: unknown = null;

  constructor(seed: number) {
    this.seed = seed;
    this.random = seededRandom(seed);
  }

  get events(): number {
    return this.counts.delivery + this.counts.disk + this.counts.fault + this.counts.client;
  }

  between(least: number, most: number): number {
    return least + this.random() * (most - least);
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  pick<Item>(items: readonly Item[]): Item {
    const item = items[Math.floor(this.random() * items.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }

  after(delayMs: number, kind: Happening['kind'], work: () => void): void {
    this.order += 1;
    push(this.queue, { atMs: this.nowMs + Math.max(0, delayMs), order: this.order, kind, work });
  }

  note(line: string): void {
    this.lines.push(`${this.nowMs.toFixed(1).padStart(9)}  ${line}`);
    if (this.lines.length > traceLinesMax) this.lines.shift();
  }

  trace(): string {
    return this.lines.join('\n');
  }

  /** A violation found in the middle of somebody's work ends the run, whatever that work does with exceptions. */
  fail(error: unknown): void {
    this.failure ??= error;
  }

  /** @throws the first violation */
  run(untilMs: number, isDone: () => boolean = () => false): Promise<void> {
    return new Promise((resolve, reject) => {
      const step = () => {
        try {
          if (this.failure) throw this.failure;
          const next = this.queue[0];
          if (!next || next.atMs > untilMs || isDone()) {
            this.nowMs = next && next.atMs <= untilMs ? this.nowMs : untilMs;
            resolve();
            return;
          }
          pop(this.queue);
          this.carryOut(next);
        } catch (error) {
          reject(error);
          return;
        }
        // Promises go on between two immediates.
        setImmediate(step);
      };
      step();
    });
  }

  private carryOut(happening: Happening): void {
    this.nowMs = happening.atMs;
    if (happening.kind !== 'timer') this.counts[happening.kind] += 1;
    happening.work();
    this.check();
  }
}

function isBefore(left: Happening, right: Happening): boolean {
  return left.atMs === right.atMs ? left.order < right.order : left.atMs < right.atMs;
}

/** A binary heap: the next happening is first. */
function push(heap: Happening[], happening: Happening): void {
  let position = heap.length;
  heap.push(happening);
  while (position > 0) {
    const parentPosition = (position - 1) >> 1;
    const parent = heap[parentPosition];
    if (!parent || !isBefore(happening, parent)) break;
    heap[position] = parent;
    position = parentPosition;
  }
  heap[position] = happening;
}

function pop(heap: Happening[]): void {
  const last = heap.pop();
  if (!last || heap.length === 0) return;
  let position = 0;
  for (;;) {
    const left = 2 * position + 1;
    const right = left + 1;
    const leftItem = heap[left];
    if (!leftItem) break;
    const rightItem = heap[right];
    const isRight = rightItem !== undefined && isBefore(rightItem, leftItem);
    const child = isRight ? rightItem : leftItem;
    if (!isBefore(child, last)) break;
    heap[position] = child;
    position = isRight ? right : left;
  }
  heap[position] = last;
}
