import type { ClusterState } from '../contract/cluster-state.ts';
import type { Observation } from './database.ts';
import { isOpen } from './step-helpers.ts';

/** A standby that was let restart is gone from the primary's view by then. */
const turnMs = 15_000;

/** Of a primary: which standby may restart by itself now. One at a time, and never one that commits would have to wait for. */
export class RestartTurn {
  private turn: { node: string; untilMs: number } | null = null;

  /** @returns why not; null: it may, within a few seconds */
  take(
    node: string,
    seen: { state: ClusterState; observation: Observation | null; nowMs: number },
  ): string | null {
    const { state, observation, nowMs } = seen;
    if (this.turn && this.turn.node !== node && nowMs < this.turn.untilMs)
      return `${this.turn.node} restarts first`;
    if (state.operation !== null || !isOpen(state)) return 'something else is under way in the cluster';
    const { standbys, count } = state.syncSet;
    const others = (observation?.standbys ?? []).filter(
      (standby) => standby.name !== node && standby.state === 'streaming' && standbys.includes(standby.name),
    );
    if (!observation || others.length < count)
      return 'writes would wait while it restarts: restart it when that does not matter';
    this.turn = { node, untilMs: nowMs + turnMs };
    return null;
  }
}
