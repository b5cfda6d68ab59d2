import type { PinReason } from '../classify/facts.ts';

/** Why a session keeps its server between transactions; the first reason is the one that is shown. */
export class Pin {
  reason: PinReason | null = null;
  private readonly isForGood: boolean;
  private willEnd = false;

  constructor(isSessionPooling: boolean) {
    this.isForGood = isSessionPooling;
    if (isSessionPooling) this.reason = 'session mode';
  }

  /** @returns whether that is new */
  to(reason: PinReason): boolean {
    const isNew = this.reason === null;
    this.reason ??= reason;
    return isNew;
  }

  /** With the statement under way, unless it fails. */
  endLater(): void {
    this.willEnd = true;
  }

  failed(): void {
    this.willEnd = false;
  }

  settled(): void {
    if (!this.willEnd) return;
    this.willEnd = false;
    if (!this.isForGood) this.reason = null;
  }
}
