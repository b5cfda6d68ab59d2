import type { ClusterEvent, ClusterState } from '../contract/cluster-state.ts';

const eventsMax = 500;

/** What a handler gets: a draft it may change, the proposer's wall clock, and a way to leave an event. */
export interface Draft {
  state: ClusterState;
  atMs: number;
  event(severity: ClusterEvent['severity'], kind: string, message: string, node?: string): void;
}

export function draftOf(state: ClusterState, atMs: number): Draft {
  return {
    state,
    atMs,
    event(severity, kind, message, node) {
      state.events.push({ id: state.nextEventId, atMs, severity, kind, node: node ?? null, message });
      state.nextEventId += 1;
      if (state.events.length > eventsMax) state.events.splice(0, state.events.length - eventsMax);
    },
  };
}
