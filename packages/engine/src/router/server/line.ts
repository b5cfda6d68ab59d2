import { transactionStatus } from '../protocol/codes.ts';
import { type Expectations, expect } from './expectations.ts';
import type { Expected, PreparedItem, ServerLoss, ServerUser } from './server-user.ts';

/** What happens to what stands in line on one server. */

/** What its user has to know when a server is lost. */
export function lossOf(
  expected: Expectations<Expected>,
  seen: Pick<ServerLoss, 'status' | 'isCutMessage' | 'detail'>,
): ServerLoss {
  const asked = expected.asked();
  const { isOpen, isSkipping } = expected;
  return { ...seen, asked, isAsked: asked.length > 0, isOpen, isSkipping };
}

/** Nothing more will be answered: empties the line. @param user of all that is in it, who hears what was not prepared or closed */
export function endAll(expected: Expectations<Expected>, user: ServerUser | null): void {
  for (; expected.length > 0; expected.shift()) {
    const item = expected.headItem;
    if (item && 'lost' in item) item.lost();
    else if (item) user?.undone(item);
  }
}

/** Each has asked one statement outside of a transaction. Only the first may have got a part of its answer. */
export function tellSharers(
  sharers: readonly ServerUser[],
  { detail, isCutMessage }: Pick<ServerLoss, 'detail' | 'isCutMessage'>,
): void {
  sharers.forEach((sharer, index) => {
    sharer.lost({
      ...{ status: transactionStatus.idle, isAsked: true, asked: [expect.query], detail },
      ...{ isOpen: false, isSkipping: false },
      isCutMessage: index === 0 && isCutMessage,
    });
  });
}

/**
 * After an error PostgreSQL ignores everything up to the next Sync, Queries too. @returns what was to be prepared or closed
 * by that; what the server was never asked has not changed there
 */
export function dropUntilSync(
  expected: Expectations<Expected>,
  isUnsaid: boolean,
): { item: PreparedItem; wasSent: boolean }[] {
  const undone: { item: PreparedItem; wasSent: boolean }[] = [];
  while (expected.length > 0 && expected.headKind !== expect.sync && expected.headKind !== expect.internal) {
    const item = expected.headItem as PreparedItem | null;
    if (item) undone.push({ item, wasSent: expected.headKind !== expect.saidParse });
    expected.shift();
  }
  // What is to be asked again elsewhere is listened to up to its own Sync.
  expected.isSkipping = !isUnsaid && expected.headKind !== expect.sync;
  return undone;
}
