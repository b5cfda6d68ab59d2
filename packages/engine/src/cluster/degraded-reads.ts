import type { ClusterState } from '../contract/cluster-state.ts';
import type { Unconfirmed } from '../postgres/unconfirmed.ts';
import { type Clock, systemClock } from '../shared/clock.ts';
import type { Activity, NodeAgentOptions } from './agent-options.ts';

type Options = NodeAgentOptions & { show(activity: Activity): void };

type Proof =
  | { kind: 'proven'; why: string }
  | { kind: 'refused'; why: string }
  | { kind: 'unknown'; why: string };

/** An unknown outcome (a hung disk, WAL that cannot be read yet) is looked at again. */
const retryMs = 10_000;

/**
 * Reads without a primary. A server that was primary and runs as a standby again may show commits that nobody else holds
 * and nobody was told of; clients are let in only when its WAL is proven to hold none (docs/SPEC.md, I-DEGRADE-1).
 */
export class DegradedReads {
  private readonly options: Options;
  private readonly clock: Clock;
  private server: { pid: number; sinceMs: number; proof: Proof | null; judgedAtMs: number } | null = null;

  constructor(options: Options) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
  }

  /** One step for a running former primary: waits whether a new reign comes at once, then judges, then lets clients in. */
  async serve(state: ClusterState, signal: AbortSignal): Promise<void> {
    const { database, timing } = this.options;
    const pid = database.pid();
    if (pid === null) return;
    const nowMs = this.clock.monotonicMs();
    if (this.server?.pid !== pid) this.server = { pid, sinceMs: nowMs, proof: null, judgedAtMs: 0 };
    const { server } = this;
    const mayJudge = nowMs - server.sinceMs >= timing.suspectAfterMs;
    const isStale = server.proof?.kind === 'unknown' && nowMs - server.judgedAtMs >= retryMs;
    if (mayJudge && (!server.proof || isStale)) {
      server.proof = await this.prove(state, signal);
      server.judgedAtMs = this.clock.monotonicMs();
      this.options.logger.warn({ ...server.proof }, 'no primary: may this former primary serve reads?');
    }
    if (!server.proof) {
      const detail = `epoch ${state.reign.epoch} is over for this node; its WAL is looked at before it serves reads`;
      return this.options.show({ state: 'fenced', detail });
    }
    await this.show(server.proof);
  }

  private async show(proof: Proof): Promise<void> {
    if (proof.kind === 'proven') {
      await this.options.database.setClients('open');
      this.options.show({ state: 'read-only', detail: proof.why });
      return;
    }
    const detail = `clients are shut out: ${proof.why}; the cluster settles it as soon as a majority is back`;
    this.options.show({ state: 'fenced', detail });
  }

  private async prove(state: ClusterState, signal: AbortSignal): Promise<Proof> {
    if (state.durability.mode === 'async')
      return { kind: 'proven', why: 'in async mode its own commits were acknowledged' };
    // Both at once: while commits begin to wait for a standby, one of the two still says otherwise.
    const waitedForNobody = this.options.database.observation()?.synchronousStandbyNames === '';
    if (waitedForNobody && state.syncSet.electors.length === 0)
      return { kind: 'proven', why: 'its commits waited for no standby, and it alone may go on as primary' };
    const confirmed = this.options.confirmed.upTo(state.clusterId);
    if (!confirmed)
      return { kind: 'refused', why: 'nothing says how far the synchronous set had confirmed its WAL' };
    return proofOf(await this.options.database.unconfirmed(confirmed, signal), confirmed.lsn);
  }
}

function proofOf(found: Unconfirmed, confirmedLsn: string): Proof {
  switch (found.kind) {
    case 'none':
      return {
        kind: 'proven',
        why: `no commit follows ${confirmedLsn}, which the synchronous set has confirmed`,
      };
    case 'found':
      return {
        kind: 'refused',
        why: `the ${found.record} of transaction ${found.transaction} at ${found.lsn} may never have been acknowledged`,
      };
    case 'unknown':
      return { kind: 'unknown', why: `its WAL cannot be proven to be confirmed (${found.reason})` };
  }
}
