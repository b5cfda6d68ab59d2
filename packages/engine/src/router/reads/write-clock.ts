import { parseLsn } from '../../postgres/lsn.ts';
import { messageOf } from '../../shared/errors.ts';
import type { Logger } from '../../shared/logger.ts';
import type { ControlConnections } from '../control/control-connections.ts';
import type { RouterTopology } from '../topology.ts';

/** Where a session's last write lies in WAL, at the latest; `null` until the primary has said. */
export interface WriteToken {
  position: bigint | null;
  /** Positions of different reigns cannot be compared. */
  epoch: number;
}

const deadlineMs = 1_000;
const retryMs = 100;

/**
 * Gives every write a position that is certain to lie behind it: the insert position of the primary, in a sample that was
 * begun after the write was answered. One question at a time serves all who wait.
 */
export class WriteClock {
  private readonly options: { control: ControlConnections; logger: Logger; topology(): RouterTopology };
  private waiting: WriteToken[] = [];
  private isAsking = false;

  constructor(options: { control: ControlConnections; logger: Logger; topology(): RouterTopology }) {
    this.options = options;
  }

  token(): WriteToken {
    const made = { position: null, epoch: this.options.topology().epoch };
    this.waiting.push(made);
    if (!this.isAsking) void this.ask();
    return made;
  }

  private async ask(): Promise<void> {
    this.isAsking = true;
    while (this.waiting.length > 0) {
      const asked = this.waiting;
      this.waiting = [];
      const isDone = await this.sample(asked);
      if (isDone) continue;
      // Who waits reads from the primary meanwhile; after a change of reign nobody waits any more.
      const { epoch } = this.options.topology();
      this.waiting = [...asked.filter((token) => token.epoch === epoch), ...this.waiting];
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
    this.isAsking = false;
  }

  private async sample(tokens: readonly WriteToken[]): Promise<boolean> {
    const { control, topology, logger } = this.options;
    const { primary, nodes, epoch } = topology();
    const node = nodes.find(({ name }) => name === primary);
    if (!node) return false;
    try {
      const [row] = await control.to(node).ask<{ position: string }>(positionSql, [], deadlineMs);
      if (!row || topology().epoch !== epoch) return false;
      const position = parseLsn(row.position);
      for (const token of tokens) if (token.epoch === epoch) token.position = position;
      return true;
    } catch (error) {
      logger.debug({ error: messageOf(error) }, 'the primary does not say where its WAL is');
      return false;
    }
  }
}

// Insert, not flush: with synchronous_commit = off an acknowledged commit may not be flushed yet.
const positionSql = 'SELECT pg_catalog.pg_current_wal_insert_lsn()::text AS position';
