import type { PostgresError } from '../protocol/build.ts';
import type { ServerConnection } from '../server/server-connection.ts';

/** Somebody who waits for a server. */
export interface Waiter {
  granted(server: ServerConnection): void;
  /** Of those that may not need a server of their own. */
  readonly shared?: MayShare;
  denied(error: PostgresError): void;
  /** Why it waits so long. */
  keptWaiting?(why: string): void;
}

interface MayShare {
  /** It wants no more of this server than one statement, behind those of others or before them. */
  wouldShare(server: ServerConnection): boolean;
  /** Instead of `granted`: it asks there now. */
  invite(server: ServerConnection): void;
}

interface Place {
  waiter: Waiter | null;
  sinceMs: number;
  isTold?: boolean;
}

/** First come, first served; bounded by whoever fills it. */
export class WaitQueue {
  private places: Place[] = [];
  private first = 0;
  private readonly placeOf = new Map<Waiter, Place>();

  get length(): number {
    return this.placeOf.size;
  }

  /** @param sinceMs before others' for who has waited elsewhere: they are behind it then, and its deadline before theirs */
  add(waiter: Waiter, sinceMs: number): void {
    const place = { waiter, sinceMs };
    const { places } = this;
    let at = places.length;
    while (at > this.first && (places[at - 1]?.sinceMs ?? 0) > sinceMs) at--;
    if (at === places.length) places.push(place);
    else places.splice(at, 0, place);
    this.placeOf.set(waiter, place);
  }

  get next(): Waiter | null {
    for (;;) {
      const place = this.places[this.first];
      if (!place) return null;
      if (place.waiter) return place.waiter;
      this.forgetFirst();
    }
  }

  take(): { waiter: Waiter; sinceMs: number } | null {
    for (;;) {
      const place = this.places[this.first];
      if (!place) return null;
      this.forgetFirst();
      const { waiter, sinceMs } = place;
      if (!waiter) continue;
      this.placeOf.delete(waiter);
      return { waiter, sinceMs };
    }
  }

  remove(waiter: Waiter): boolean {
    const place = this.placeOf.get(waiter);
    if (!place) return false;
    place.waiter = null;
    return this.placeOf.delete(waiter);
  }

  /** Whoever waits since before `sinceMs`. All wait equally long, so the oldest are in front. */
  takeOlderThan(sinceMs: number): Waiter[] {
    const old: Waiter[] = [];
    for (;;) {
      const place = this.places[this.first];
      if (!place || (place.waiter && place.sinceMs > sinceMs)) return old;
      this.forgetFirst();
      if (!place.waiter) continue;
      this.placeOf.delete(place.waiter);
      old.push(place.waiter);
    }
  }

  /** Whoever waits since before `sinceMs` and was not among those of an earlier call. */
  takeUntold(sinceMs: number): Waiter[] {
    const untold: Waiter[] = [];
    for (let at = this.first; at < this.places.length; at++) {
      const place = this.places[at];
      if (!place || place.sinceMs > sinceMs) break;
      if (!place.waiter || place.isTold) continue;
      place.isTold = true;
      untold.push(place.waiter);
    }
    return untold;
  }

  oldestSinceMs(): number | null {
    for (let at = this.first; at < this.places.length; at++)
      if (this.places[at]?.waiter) return this.places[at]?.sinceMs ?? null;
    return null;
  }

  private forgetFirst(): void {
    this.first++;
    if (this.first < 1024 || this.first * 2 < this.places.length) return;
    this.places = this.places.slice(this.first);
    this.first = 0;
  }
}
