import { nobody } from './nobody.ts';
import type { ServerUser } from './server-user.ts';

/** Who shares a server connection: one statement each, answered in this order (pure). */
export class SharedLine {
  /** Nobody else is put in line before it is empty. */
  isShut = false;
  /** Since when the first is served. */
  headSinceMs = 0;
  /** How long the one took that was answered last, from its turn on. */
  lastTookMs = 0;
  private users: ServerUser[] = [];

  get length(): number {
    return this.users.length;
  }

  join(user: ServerUser): void {
    this.users.push(user);
  }

  /** The first has been answered. @returns whose turn it is then */
  next(nowMs: number): ServerUser | null {
    this.users.shift();
    this.lastTookMs = nowMs - this.headSinceMs;
    this.headSinceMs = nowMs;
    if (this.users.length === 0) this.isShut = false;
    return this.users[0] ?? null;
  }

  /** What it has asked is answered to nobody. */
  forget(user: ServerUser): void {
    this.users = this.users.map((each) => (each === user ? nobody : each));
  }

  /** @returns everybody but `first`; what they have asked is answered to nobody */
  takeOthers(first: ServerUser | null): ServerUser[] {
    this.isShut = true;
    const others = this.users.filter((each) => each !== first && each !== nobody);
    this.users = this.users.map((each) => (each === first ? each : nobody));
    return others;
  }

  takeAll(): ServerUser[] {
    return this.users.splice(0);
  }
}
