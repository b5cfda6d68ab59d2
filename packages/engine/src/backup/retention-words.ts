import { momentWords } from '../shared/words.ts';
import type { KeepReason } from './retention.ts';

/** Why a backup stays (pure). */
export function reasonWords(reason: KeepReason): string {
  switch (reason.kind) {
    case 'newest':
      return 'the newest full backup';
    case 'count':
      return `full backup ${reason.rank} of those that are kept`;
    case 'days':
      return 'needed for the days that are kept';
    case 'tier':
      return `the ${reason.tier} one of ${reason.period}`;
    case 'held':
      return `held: ${reason.note}`;
    case 'guest':
      return `${reason.host} restores from it, until ${momentWords(reason.untilMs)}`;
    case 'clean':
      return 'the newest full backup without damaged pages';
    case 'needed':
      return `belongs to ${reason.by}`;
    case 'unusable':
      return 'kept for a look: it cannot be restored';
  }
}
