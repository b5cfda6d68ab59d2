import type { CommitMark } from '../outcome/commit-mark.ts';
import { transactionStatus } from '../protocol/codes.ts';
import type { ServerLoss } from '../server/server-user.ts';
import type { LossVerdict } from './flight.ts';
import { answerLoss, canTellOutcome, endFor, tellOutcome } from './loss.ts';
import type { Postponed } from './postponed.ts';
import type { LinkOwner, ServerLink } from './server-link.ts';
import type { SessionView } from './session-view.ts';
import type { SharedUse } from './shared-use.ts';

export interface RecoveryOwner extends SessionView, LinkOwner {
  readonly link: ServerLink;
  readonly shared: SharedUse;
  readonly postponed: Postponed;
}

/** What a session does when its server is lost, or was the wrong one: asks again, or says what has become of it. */
export class Recovery {
  /** Its COMMIT was not answered, and the primary is being asked what has become of it. */
  isFindingOut = false;
  private readonly owner: RecoveryOwner;

  constructor(owner: RecoveryOwner) {
    this.owner = owner;
  }

  lost(loss: ServerLoss): void {
    const { owner } = this;
    const { flight } = owner;
    owner.link.server = null;
    const wasShared = owner.shared.settled();
    if (owner.isClosed) return;
    owner.isSkipping = false;
    // It may have been made to wait for the server to take what it said.
    owner.wire.resume();
    // PostgreSQL has given the client up, in words of its own that have been forwarded.
    if (loss.detail.startsWith('08P01:')) {
      owner.wire.end();
      owner.closed();
      return;
    }
    const verdict = this.judge(loss);
    // What nobody knows the end of may have been committed: whoever looks must not look at what is older.
    if (!flight.isRead) owner.context.wrote(flight.redefines);
    const bytes = flight.bytesToRepeat;
    const mark = verdict === 'unresolved' && owner.pin === null ? flight.markOfCommit : null;
    const isOwed = this.owesSettings(loss);
    flight.reset();
    if (isOwed) {
      // Going on elsewhere would be a session with other settings than its client was told of.
      const why = `the server that had just changed this session's settings is gone: ${loss.detail}`;
      endFor(owner, verdict, why);
      return;
    }
    if (mark && canTellOutcome(loss.asked)) {
      this.findOut(mark, loss);
      return;
    }
    if (verdict === 'retry' || (verdict === 'nothing' && owner.pin === null && owner.isWaiting)) {
      this.repeat(bytes);
      return;
    }
    // Its client was never told that these exist.
    owner.named.forgetFresh();
    answerLoss(owner, verdict, loss);
    // It waited for what the server would have said to something of the router's own.
    if (wasShared || (owner.isWaiting && !owner.isClosed)) owner.goOn();
  }

  /** What could be asked again elsewhere is not, where the rest of the session could not follow, or a message is only half there. */
  private judge(loss: ServerLoss): LossVerdict {
    const { flight, pin, cursor } = this.owner;
    const verdict = flight.judge(loss);
    return verdict === 'retry' && (pin !== null || cursor.isInside) ? 'statement' : verdict;
  }

  /** The client was, or may have been, told of settings that only that server knew. Those of a lost transaction go with it. */
  private owesSettings({ status }: ServerLoss): boolean {
    const { settings, flight } = this.owner;
    return settings.isOwed || (settings.isTouched && flight.isAnswered && status === transactionStatus.idle);
  }

  private findOut(mark: CommitMark, loss: ServerLoss): void {
    const { owner } = this;
    const { context } = owner;
    this.isFindingOut = true;
    owner.hold();
    void context.outcomes?.find(mark, context.waitMaxMs()).then((outcome) => {
      this.isFindingOut = false;
      if (owner.isClosed) return;
      tellOutcome(owner, outcome, loss);
      owner.goOn();
    });
  }

  /** The server is fine, and cannot do it. */
  again(): void {
    const { owner } = this;
    if (!owner.flight.canRepeat || owner.cursor.isInside) {
      // Meanwhile its client has added what cannot be. It waits for answers that nobody has any more.
      owner.fatal('57P01', 'the server did not carry out what cannot be asked again');
      return;
    }
    const bytes = owner.flight.bytesToRepeat;
    owner.flight.reset();
    const { server } = owner.link;
    if (!owner.shared.settled() && server) owner.link.giveBack(server);
    this.repeat(bytes);
  }

  /** Asks the primary what has not been answered. */
  private repeat(bytes: Buffer): void {
    const { owner } = this;
    owner.context.counters.retried++;
    // Before the part that has come of the client's next message, or that would end with what is asked again.
    owner.postponed.addFirst(owner.cursor.takeCollected());
    owner.postponed.addFirst(bytes);
    owner.named.forgetFresh();
    owner.hold();
    const server = owner.context.group.acquire(owner, null);
    if (server && owner.link.take(server)) owner.goOn();
  }
}
