/** For so long reports are worked at before whoever asks this console gets a turn. */
const turnMsMax = 2;

interface Waiting {
  report: unknown;
  answer: unknown;
}

/**
 * Reports between their arrival and their turn: of each host the newest, so there are never more than hosts. After a pause of this
 * process hundreds of them come at once; worked at in one go they would keep every request waiting until the last of them is done.
 */
export class ReportQueue {
  private readonly waiting = new Map<string, Waiting>();
  private readonly take: (host: string, waiting: Waiting) => void;
  private turn: NodeJS.Immediate | null = null;

  /** @param take begins to work at a report; must not throw */
  constructor(take: (host: string, waiting: Waiting) => void) {
    this.take = take;
  }

  /** @returns whether an older one of the same host will never be looked at */
  add(host: string, waiting: Waiting): boolean {
    const hasWaited = this.waiting.has(host);
    // In the place of the older one: a host that reports often overtakes nobody, and is not overtaken.
    this.waiting.set(host, waiting);
    this.turn ??= setImmediate(() => this.work());
    return hasWaited;
  }

  private work(): void {
    const untilMs = performance.now() + turnMsMax;
    for (const [host, waiting] of this.waiting) {
      this.waiting.delete(host);
      this.take(host, waiting);
      if (performance.now() >= untilMs) break;
    }
    this.turn = this.waiting.size > 0 ? setImmediate(() => this.work()) : null;
  }
}
