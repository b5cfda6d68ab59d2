interface Open<Answer> {
  settle(answer: Answer): void;
  timer: NodeJS.Timeout;
}

/** Questions over a channel that carries messages: each has a number, one answer, and a deadline. */
export class Questions<Answer> {
  private readonly deadlineMs: number;
  private readonly open = new Map<number, Open<Answer>>();
  private lastId = 0;

  constructor(deadlineMs: number) {
    this.deadlineMs = deadlineMs;
  }

  /** @returns `otherwise` when no answer has come in time */
  ask(send: (id: number) => void, otherwise: Answer): Promise<Answer> {
    const id = ++this.lastId;
    return new Promise((settle) => {
      const timer = setTimeout(() => this.answered(id, otherwise), this.deadlineMs);
      this.open.set(id, { settle, timer });
      send(id);
    });
  }

  endAll(answer: Answer): void {
    for (const id of [...this.open.keys()]) this.answered(id, answer);
  }

  /** Late answers are to nobody. */
  answered(id: number, answer: Answer): void {
    const found = this.open.get(id);
    if (!found) return;
    this.open.delete(id);
    clearTimeout(found.timer);
    found.settle(answer);
  }
}
