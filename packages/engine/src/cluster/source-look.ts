import type { Source } from '../contract/source.ts';
import { messageOf } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import type { Peers } from './peer-protocol.ts';
import type { SourceView } from './source-view.ts';

const deadlineMs = 1500;

/** How a node of a standby cluster sees the source: it asks every node of it. */
export class SourceLook {
  private readonly options: { peers: Peers; logger: Logger };

  constructor(options: { peers: Peers; logger: Logger }) {
    this.options = options;
  }

  /** The newest of the answers; null when nobody answers in time. */
  async now({ clusterId, members }: Pick<Source, 'clusterId' | 'members'>): Promise<SourceView | null> {
    const { peers, logger } = this.options;
    const ask = async ({ name, api }: Source['members'][number]) => {
      const peer = { name, addresses: { api } };
      return peers.call(peer, 'source-view', { input: { clusterId }, deadlineMs }).catch((error: unknown) => {
        logger.debug({ peer: name, error: messageOf(error) }, 'no view of the source');
        return null;
      });
    };
    return newestOf(await Promise.all(members.map(ask)));
  }
}

/** A node that is cut off from the others of its cluster knows an older state; of the same one, whoever hears the primary knows more. */
export function newestOf(views: readonly (SourceView | null)[]): SourceView | null {
  const rank = (view: SourceView) => [view.epoch, Number(view.takesWrites), view.revision] as const;
  return views.reduce<SourceView | null>((best, view) => {
    if (view === null || best === null) return view ?? best;
    const [mine, theirs] = [rank(view), rank(best)];
    const at = mine.findIndex((value, index) => value !== theirs[index]);
    return at >= 0 && (mine[at] ?? 0) > (theirs[at] ?? 0) ? view : best;
  }, null);
}
