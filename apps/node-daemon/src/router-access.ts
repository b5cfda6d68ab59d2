import type { ClusterState } from '@quantadb/engine/contract/cluster-state';
import type { SocketPlace } from '@quantadb/engine/postgres/connection';
import { grantRouterAccess } from '@quantadb/engine/router/grant-access';
import { messageOf } from '@quantadb/engine/shared/errors';
import type { Logger } from '@quantadb/engine/shared/logger';

export interface RouterAccessOptions {
  self: string;
  place: SocketPlace;
  state(): ClusterState | null;
  logger: Logger;
}

const retryMs = 1_000;

/**
 * The primary lets the routers of every host look roles up, once in every reign: whether it has a router itself does not matter,
 * because routers may be on hosts of their own.
 */
export class RouterAccess {
  private readonly options: RouterAccessOptions;
  private grantedEpoch = 0;
  private isGranting = false;
  private isStopped = false;
  private retry: NodeJS.Timeout | undefined;

  constructor(options: RouterAccessOptions) {
    this.options = options;
  }

  /** Whenever the cluster agrees on something. */
  look(): void {
    const { self, state } = this.options;
    const reign = state()?.reign;
    if (this.isStopped || this.isGranting) return;
    if (!reign || reign.primary !== self || reign.epoch === this.grantedEpoch) return;
    clearTimeout(this.retry);
    void this.grant(reign.epoch);
  }

  stop(): void {
    this.isStopped = true;
    clearTimeout(this.retry);
  }

  private async grant(epoch: number): Promise<void> {
    this.isGranting = true;
    try {
      await grantRouterAccess(this.options.place);
      this.grantedEpoch = epoch;
    } catch (error) {
      this.options.logger.debug({ error: messageOf(error) }, 'the routers cannot be granted access yet');
      this.retry = setTimeout(() => this.look(), retryMs);
    } finally {
      this.isGranting = false;
    }
  }
}
