import { messageOf } from '../../shared/errors.ts';
import type { Logger } from '../../shared/logger.ts';
import type { ControlConnections } from '../control/control-connections.ts';
import type { RouterTopology } from '../topology.ts';
import type { CommitMark } from './commit-mark.ts';
import { type CommitOutcome, outcomeOf, whereIs } from './judge.ts';

export interface CommitOutcomesOptions {
  /** Its own: the question waits for standbys, and nobody else should wait behind it. */
  control: ControlConnections;
  logger: Logger;
  nowMs(): number;
  topology(): RouterTopology;
}

interface Waiting {
  mark: CommitMark;
  endMs: number;
  settle(outcome: CommitOutcome): void;
}

const askDeadlineMs = 5_000;
const retryMs = 100;
const batchMax = 1_000;

// The message is committed after the status was read, and waits for standbys as the client's commit would have: what is
// told as committed is as safe as if its own answer had come.
const statusSql = `WITH barrier AS MATERIALIZED (
  SELECT pg_catalog.pg_logical_emit_message(true, 'quantadb.outcome', ''::pg_catalog.text) AS lsn,
    pg_catalog.set_config('synchronous_commit', $2::pg_catalog.text, true) AS mode)
SELECT x::pg_catalog.text AS xid, pg_catalog.pg_xact_status(x) AS status, pg_catalog.pg_walfile_name(barrier.lsn) AS file
FROM barrier, pg_catalog.unnest($1::pg_catalog.text[]::pg_catalog.xid8[]) AS x`;

/** Finds out what has become of commits whose answer was lost; one question at a time serves all who wait. */
export class CommitOutcomes {
  private readonly options: CommitOutcomesOptions;
  private waiting: Waiting[] = [];
  private isAsking = false;

  constructor(options: CommitOutcomesOptions) {
    this.options = options;
  }

  /** @returns `unknown` when nobody could say it within `timeoutMs` */
  find(mark: CommitMark, timeoutMs: number): Promise<CommitOutcome> {
    const endMs = this.options.nowMs() + timeoutMs;
    return new Promise((settle) => {
      this.waiting.push({ mark, endMs, settle });
      if (!this.isAsking) void this.work();
    });
  }

  private async work(): Promise<void> {
    this.isAsking = true;
    while (this.waiting.length > 0) {
      await this.round();
      this.giveUpLate();
      if (this.waiting.length > 0) await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
    this.isAsking = false;
  }

  private async round(): Promise<void> {
    const topology = this.options.topology();
    // Those whose commit waits for less do not wait for more with the others.
    const commitMode = this.waiting[0]?.mark.commitMode ?? '';
    const asked: Waiting[] = [];
    for (const each of this.waiting.filter((one) => one.mark.commitMode === commitMode).slice(0, batchMax)) {
      const place = whereIs(each.mark, topology);
      if (place === 'kept') asked.push(each);
      // Only a primary that is open is certain to be of the timeline that the cluster goes on with.
      else if (place === 'cut-off' && topology.primary !== null) this.settle(each, 'rolled-back');
    }
    const statuses = asked.length > 0 ? await this.ask(asked, commitMode, topology) : null;
    for (const each of asked) {
      const status = statuses?.get(each.mark.xid);
      const outcome = status === undefined ? null : outcomeOf(status);
      if (outcome !== null) this.settle(each, outcome);
    }
    // Whoever got no answer goes behind the others.
    const [first] = this.waiting;
    if (first && asked[0] === first) this.waiting = [...this.waiting.slice(1), first];
  }

  /** @returns what the primary says of each; null when it could not be asked, or is not that of `topology` */
  private async ask(
    asked: readonly Waiting[],
    commitMode: string,
    { primary, nodes, timeline }: RouterTopology,
  ): Promise<Map<string, string | null> | null> {
    const node = nodes.find(({ name }) => name === primary);
    if (!node) return null;
    try {
      const xids = asked.map(({ mark }) => mark.xid);
      const rows = await this.options.control
        .to(node)
        .ask<{ xid: string; status: string | null; file: string }>(
          statusSql,
          [xids, commitMode],
          askDeadlineMs,
        );
      const isOther = rows.some(({ file }) => Number.parseInt(file.slice(0, 8), 16) !== timeline);
      return isOther ? null : new Map(rows.map(({ xid, status }) => [xid, status]));
    } catch (error) {
      this.options.logger.debug({ error: messageOf(error) }, 'what became of commits is not known yet');
      return null;
    }
  }

  private giveUpLate(): void {
    const nowMs = this.options.nowMs();
    for (const each of [...this.waiting]) if (each.endMs <= nowMs) this.settle(each, 'unknown');
  }

  private settle(each: Waiting, outcome: CommitOutcome): void {
    this.waiting = this.waiting.filter((other) => other !== each);
    each.settle(outcome);
  }
}
