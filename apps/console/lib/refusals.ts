/** What of a connection counts here, as socket.io names it. */
interface Line {
  /** Whether the library itself goes on trying. */
  readonly active: boolean;
  connect(): unknown;
}

/** Also how long a page stays without its line once whatever made the console refuse it is over. */
const pauseMsMax = 30_000;
const pauseMsMin = 2_000;

/**
 * The library tries again when a line breaks, and never after the console has refused or ended it. A console does so for a moment
 * when its metadata does not answer, and a page that stays open for days is to be live again by itself.
 */
export class Refusals {
  private readonly line: Line;
  private readonly onRefused: () => void;
  private pauseMs = pauseMsMin;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private isClosed = false;

  constructor(line: Line, onRefused: () => void) {
    this.line = line;
    this.onRefused = onRefused;
  }

  connected(): void {
    this.pauseMs = pauseMsMin;
  }

  /** After every disconnection and every failed attempt. */
  lost(): void {
    if (this.line.active || this.isClosed || this.timer) return;
    this.onRefused();
    this.timer = setTimeout(() => {
      this.timer = null;
      this.line.connect();
    }, this.pauseMs);
    this.pauseMs = Math.min(this.pauseMs * 2, pauseMsMax);
  }

  /** Before the page closes the line: that is no refusal. */
  close(): void {
    this.isClosed = true;
    if (this.timer) clearTimeout(this.timer);
  }
}
