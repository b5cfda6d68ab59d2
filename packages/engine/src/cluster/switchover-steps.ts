import type { ClusterState, Failover, SealVote } from '../contract/cluster-state.ts';
import { restartable } from '../failover/decide.ts';
import type { FailoverManager } from '../failover/failover-manager.ts';
import { isElecting } from '../failover/round.ts';
import type { ClusterMonitor } from '../monitor/cluster-monitor.ts';
import { type Clock, sleep, systemClock } from '../shared/clock.ts';
import { pollUntil } from '../shared/deadline.ts';
import { QuantaError } from '../shared/errors.ts';
import { type NewId, systemNewId } from '../shared/random.ts';
import type { Commander } from './commander.ts';
import type { StepContext, StepHandler } from './operation-runner.ts';
import type { Peers } from './peer-protocol.ts';
import { bestCandidate, whyNotSwitchover } from './plan.ts';
import { isOpen, memberOf, openDeadlineMs, submitOrRefuse } from './step-helpers.ts';

/** How long running transactions may take while nobody else can begin one. */
const drainDeadlineMs = 5_000;
const drainPollMs = 10;

interface SwitchoverResources {
  commander: Commander;
  peers: Peers;
  failovers: FailoverManager;
  monitor: ClusterMonitor;
  clock?: Clock;
  newId?: NewId;
}

/** The steps of a switchover, in the order of `operationSteps` in plan.ts. */
export function switchoverSteps(resources: SwitchoverResources): StepHandler[] {
  const steps = new SwitchoverSteps(resources);
  return [
    steps.checkCandidate,
    steps.preparePrimary,
    steps.stopPrimary,
    steps.elect,
    steps.waitUntilSwitched,
  ];
}

class SwitchoverSteps {
  private readonly resources: SwitchoverResources;
  private readonly clock: Clock;

  constructor(resources: SwitchoverResources) {
    this.resources = resources;
    this.clock = resources.clock ?? systemClock;
  }

  checkCandidate: StepHandler = async (context) => {
    const candidate = await this.candidateOf(context);
    return `${candidate} takes over from ${context.state().reign.primary}`;
  };

  preparePrimary: StepHandler = async (context) => {
    const state = context.state();
    const primary = memberOf(state, state.reign.primary ?? '');
    const prepared = await this.resources.peers.call(primary, 'prepare-switchover', {
      input: { clusterId: state.clusterId },
      deadlineMs: 60_000,
    });
    if (!prepared.ok) throw new QuantaError('REFUSED', prepared.reason);
    return 'checkpoint written, nothing waits for the archive';
  };

  /** From here on the failover record carries the truth: if this decider dies, the next one goes on with the same election. */
  stopPrimary: StepHandler = async (context) => {
    const state = context.state();
    if (Number(context.operation.params.epoch) !== state.reign.epoch) return 'the reign has changed already';
    if (!electionOf(context)) {
      await this.drainRouters(context);
      if (state.failover && state.failover.state !== 'REJOIN') return 'an election runs already';
      await this.beginSwitchover(context);
    }
    const failover = electionOf(context);
    if (!failover) return 'the election has ended already';
    this.resources.failovers.claim(failover.id);
    this.preset = { id: failover.id, votes: await this.demote(context.state(), failover.id) };
    return `stopped; ${failover.preferred} must hold all of its WAL`;
  };

  /**
   * Routers hold new transactions while this step runs (they see it in the log); the primary stops once none is under way,
   * so that no client hears of it. Who does not end in time is cut off.
   */
  private async drainRouters(context: StepContext): Promise<void> {
    const endMs = this.clock.monotonicMs() + drainDeadlineMs;
    for (;;) {
      const reports = await this.resources.monitor.reports();
      const routers = [...reports.values()].flatMap(({ router }) => router ?? []);
      if (routers.every(({ isDraining, busy }) => isDraining && busy === 0)) return;
      if (this.clock.monotonicMs() >= endMs) return;
      await sleep(this.clock, drainPollMs, context.signal);
    }
  }

  private async beginSwitchover(context: StepContext): Promise<void> {
    const state = context.state();
    const candidate = await this.candidateOf(context);
    const id = (this.resources.newId ?? systemNewId)();
    this.resources.failovers.claim(id);
    const reason = `Switchover to ${candidate}, asked for by ${context.operation.requestedBy}.`;
    await submitOrRefuse(this.resources.commander, {
      kind: 'begin-failover',
      id,
      failoverKind: 'switchover',
      fromEpoch: state.reign.epoch,
      reason,
      detection: { silentForMs: null, detail: reason },
      preferred: candidate,
      supersedes: state.failover?.id ?? null,
    });
  }

  /** What is known of the old primary before anybody is asked; of this process only. */
  private preset: { id: string; votes: SealVote[] } | null = null;

  private async demote(state: ClusterState, failoverId: string): Promise<SealVote[]> {
    const primary = memberOf(state, state.reign.primary ?? '');
    const epoch = state.failover?.epoch ?? 0;
    const input = { clusterId: state.clusterId, epoch, failoverId };
    try {
      const demoted = await this.resources.peers.call(primary, 'demote', { input, deadlineMs: 30_000 });
      if (!demoted.ok) return [{ ok: false, node: primary.name, reason: demoted.reason }];
      const { position } = demoted;
      const vote = { ok: true as const, node: primary.name, position, history: [], livePrimary: false };
      return [{ ...vote, promotable: false, whyNotPromotable: restartable }];
    } catch {
      // Whether it stopped is unknown; the election asks it again like every elector.
      return [];
    }
  }

  elect: StepHandler = async (context) => {
    const { failovers } = this.resources;
    const failover = electionOf(context);
    try {
      if (!failover) return 'finished by the failover that was under way';
      failovers.claim(failover.id);
      const known = this.preset?.id === failover.id ? this.preset.votes : null;
      const votes = known ?? (await this.demote(context.state(), failover.id));
      const outcome = await failovers.collect(context.state(), failover, votes);
      await failovers.conclude(failover, outcome);
      if (outcome.election.kind === 'blocked') throw new QuantaError('REFUSED', outcome.election.blockedBy);
      return `${outcome.election.candidate} is granted epoch ${failover.epoch}`;
    } finally {
      this.preset = null;
      failovers.claim(null);
    }
  };

  waitUntilSwitched: StepHandler = async (context) => {
    const fromEpoch = Number(context.operation.params.epoch);
    const switched = async () => {
      const state = context.state();
      return state.reign.epoch > fromEpoch && isOpen(state) ? true : undefined;
    };
    await pollUntil(switched, {
      what: 'the new primary is open',
      timeoutMs: openDeadlineMs,
      intervalMs: 20,
      signal: context.signal,
      clock: this.clock,
    });
    const { reign, failover } = context.state();
    const wanted = context.operation.params.to;
    if (wanted && wanted !== reign.primary) {
      const verdict = failover?.candidates.find((each) => each.node === wanted)?.verdict;
      throw new QuantaError(
        'REFUSED',
        `${reign.primary} is primary, not ${wanted}. ${verdict ?? 'Another failover came in between.'}`,
        { hint: 'See quantadb events, then try again.' },
      );
    }
    return `${reign.primary} is primary: epoch ${reign.epoch}, timeline ${reign.timeline}`;
  };

  private async candidateOf(context: StepContext): Promise<string> {
    const input = await this.resources.monitor.planInput();
    const wanted = context.operation.params.to;
    const candidate = wanted ? String(wanted) : bestCandidate(input);
    const refusal = whyNotSwitchover(input, candidate);
    if (refusal !== null || candidate === null)
      throw new QuantaError('REFUSED', refusal ?? 'there is no candidate');
    return candidate;
  }
}

/** The election of this switchover while it has not ended: begun by this decider, or by the one before it. */
function electionOf(context: StepContext): Failover | null {
  const { failover } = context.state();
  const isOurs =
    failover?.kind === 'switchover' && failover.fromEpoch === Number(context.operation.params.epoch);
  return isOurs && isElecting(failover) ? failover : null;
}
