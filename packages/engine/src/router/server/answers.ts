import { backend } from '../protocol/codes.ts';
import { expect } from './expectations.ts';

/** What a message of the server answers, by the head of what is expected (pure). */
export const effect = {
  /** It is a part of an answer. */
  part: 0,
  /** It is the answer: the next expectation has its turn. */
  completes: 1,
  /** It is the answer to something the client never asked. */
  swallowed: 2,
  /** PostgreSQL reads the data of a COPY from here on. */
  beginsCopy: 3,
} as const;

/** @param isLast nothing of the message follows */
export function effectOf(type: number, head: number, isLast: boolean): number {
  switch (type) {
    case backend.parseComplete:
    case backend.closeComplete:
      return head === expect.injectedParse || head === expect.injectedClose
        ? effect.swallowed
        : effect.completes;
    case backend.bindComplete:
      return effect.completes;
    case backend.rowDescription:
    case backend.noData:
      return head === expect.describe && isLast ? effect.completes : effect.part;
    case backend.commandComplete:
    case backend.emptyQueryResponse:
    case backend.portalSuspended:
      return head === expect.execute ? effect.completes : effect.part;
    case backend.copyInResponse:
    case backend.copyBothResponse:
      return effect.beginsCopy;
    default:
      return effect.part;
  }
}

/** Shutdown, crash and recovery; what is left of FATAL is between the client and its statement (a timeout, say). */
export function isAboutTheServer(sqlState: string): boolean {
  return ['57P01', '57P02', '57P03', '57P04'].includes(sqlState);
}
