import type { Member, SealVote } from '../contract/cluster-state.ts';
import type { Source } from '../contract/source.ts';
import type { ClusterMonitor } from '../monitor/cluster-monitor.ts';
import { type Clock, sleep, systemClock } from '../shared/clock.ts';
import { pollUntil } from '../shared/deadline.ts';
import { messageOf, QuantaError } from '../shared/errors.ts';
import { untilCloned } from './clone-wait.ts';
import type { Commander } from './commander.ts';
import { dataMembers } from './membership.ts';
import type { StepContext, StepHandler } from './operation-runner.ts';
import type { Peers } from './peer-protocol.ts';
import { whyNotForgotten } from './plan-standby.ts';
import { chooseHeir, nextEpoch, objections, unheard } from './promotion.ts';
import type { SourceLook } from './source-look.ts';
import { memberOf, submitOrRefuse } from './step-helpers.ts';

interface Resources {
  commander: Commander;
  peers: Peers;
  monitor: ClusterMonitor;
  look: SourceLook;
  clock?: Clock;
}

/** A person waits here, and no writer: a machine that is busy with the loss of another one gets the time it takes. */
const sealDeadlineMs = 15_000;
const answerPatienceMs = 12_000;
const sealPatienceMs = 20_000;
const sealAgainMs = 500;
const stopDeadlineMs = 15_000;
const askDeadlineMs = 3000;

/** Steps of clusters that follow another one. */
class StandbySteps {
  private readonly resources: Resources;
  /** Whom to tell in the end, when the state no longer says; lost with the decider, which then tells nobody. */
  private followed: { source: Source; as: string } | null = null;

  constructor(resources: Resources) {
    this.resources = resources;
  }

  checkSource: StepHandler = async (context) => {
    const source = sourceIn(context);
    const view = await this.resources.look.now(source);
    if (!view) throw new QuantaError('REFUSED', `none of the daemons of ${source.name} answers`);
    return `${source.name}: ${view.primary ?? 'nobody'} is primary, timeline ${view.timeline}`;
  };

  waitForCopy: StepHandler = async (context) => {
    const member = memberOf(context.state(), sourceIn(context).leader);
    return `streaming after ${await untilCloned(this.resources, context, member)} s`;
  };

  mayPromote: StepHandler = async (context) => {
    const state = context.state();
    const source = sourceIn(context);
    const [view, reports] = await Promise.all([
      this.resources.look.now(source),
      this.resources.monitor.reports(),
    ]);
    const against = objections(state, { view, reports });
    if (against.length > 0 && context.operation.params.insist !== true)
      throw new QuantaError('REFUSED', against.join(' '), { hint: 'To go on all the same: --insist.' });
    const seen = view
      ? view.takesWrites
        ? 'takes writes'
        : 'has no primary that takes writes'
      : 'does not answer';
    return `${source.name} ${seen}`;
  };

  stopFollowing: StepHandler = async (context) => {
    await this.ensureStopped(context);
    const { clock, monitor } = this.resources;
    const hasStopped = async () => {
      const reports = [...(await monitor.reports()).values()];
      return reports.some(({ receiverStatus }) => receiverStatus === 'streaming') ? undefined : true;
    };
    const what = 'nothing of the source is received any more';
    const limits = { what, timeoutMs: stopDeadlineMs, intervalMs: 100, signal: context.signal };
    await pollUntil(hasStopped, { ...limits, ...(clock ? { clock } : {}) });
    return 'nothing is received any more';
  };

  /** Every node promises the epoch and says where its WAL ends; the log then makes one of them primary. */
  grantReign: StepHandler = async (context) => {
    const state = context.state();
    if (!state.source) return `epoch ${state.reign.epoch} to ${state.reign.primary}`;
    this.followed = { source: state.source, as: state.name };
    // Much may have happened since the first step, when the operation is gone on with.
    await this.mayPromote(context);
    const epoch = await this.ensureStopped(context);
    const answers = await this.sealAll(context, epoch);
    const missing = unheard(answers);
    if (missing.length > 0 && context.operation.params.insist !== true)
      throw new QuantaError('REFUSED', `these may hold more WAL and cannot be asked: ${missing.join(', ')}`, {
        hint: 'The source is followed again. Bring them back, or go on without them: --insist.',
      });
    const heir = chooseHeir(context.state(), answers);
    if (!heir) throw new QuantaError('REFUSED', 'no node holds data that could be promoted');
    const { node, position, history } = heir;
    const parentTimeline = position.timeline;
    await submitOrRefuse(this.resources.commander, {
      kind: 'end-following',
      epoch,
      node,
      parentTimeline,
      history,
    });
    return `epoch ${epoch} to ${node}, whose WAL ends at ${position.lsn}`;
  };

  /** So that it keeps no WAL for nobody. Best effort: it may be gone for good. */
  tellSource: StepHandler = async () => {
    const { followed } = this;
    if (!followed) return 'it was not told: drop its slot by hand if it lives on';
    const { source, as } = followed;
    const view = await this.resources.look.now(source);
    const primary = source.members.find(({ name }) => name === view?.primary);
    if (!primary) return `${source.name} has no primary that could be told`;
    const input = { clusterId: source.clusterId, follower: as };
    const peer = { name: primary.name, addresses: { api: primary.api } };
    return this.resources.peers.call(peer, 'drop-follower', { input, deadlineMs: askDeadlineMs }).then(
      (told) => (told.ok ? `${source.name} keeps no WAL for it any more` : told.reason),
      (error: unknown) => `${source.name} was not told: ${messageOf(error)}`,
    );
  };

  followAgain: StepHandler = async (context) => {
    const epoch = context.state().source?.ending ?? null;
    if (epoch === null) return 'it follows';
    await submitOrRefuse(this.resources.commander, { kind: 'follow-again', epoch });
    return 'it follows again';
  };

  private async ensureStopped(context: StepContext): Promise<number> {
    const state = context.state();
    const { ending } = sourceIn(context);
    if (ending !== null) return ending;
    const epoch = nextEpoch(state, await this.resources.monitor.reports());
    await submitOrRefuse(this.resources.commander, { kind: 'stop-following', epoch });
    return epoch;
  }

  /** A busy machine may miss the deadline of a seal: whoever is not heard is asked again for a while. */
  private async sealAll(context: StepContext, epoch: number): Promise<SealVote[]> {
    const clock = this.resources.clock ?? systemClock;
    const members = dataMembers(context.state()).filter(({ phase }) => phase === 'active');
    const endMs = clock.monotonicMs() + sealPatienceMs;
    const answers = new Map<string, SealVote>();
    for (;;) {
      // Who has promised receives nothing any more, so what it said stands.
      const silent = members.filter(({ name }) => !answers.get(name)?.ok);
      for (const vote of await this.seal(silent, context.state().clusterId, epoch))
        answers.set(vote.node, vote);
      const all = [...answers.values()];
      const isOver = clock.monotonicMs() >= endMs || context.signal.aborted;
      if (isOver || unheard(all).length === 0) return all;
      await sleep(clock, sealAgainMs);
    }
  }

  private seal(members: Member[], clusterId: string, epoch: number): Promise<SealVote[]> {
    const input = { clusterId, epoch, failoverId: `promotion-${epoch}`, patienceMs: answerPatienceMs };
    return Promise.all(
      members.map((member) =>
        this.resources.peers
          .call(member, 'seal', { input, deadlineMs: sealDeadlineMs })
          .catch((error: unknown): SealVote => ({ ok: false, node: member.name, reason: messageOf(error) })),
      ),
    );
  }
}

function sourceIn(context: StepContext): Source {
  const { source } = context.state();
  if (source) return source;
  throw new QuantaError('REFUSED', 'the cluster follows no other one');
}

/** Of the cluster that was followed: for a follower that was lost, and cannot take its leave itself. */
export function letFollowerGo({ peers, monitor }: Pick<Resources, 'peers' | 'monitor'>): StepHandler {
  return async (context) => {
    const state = context.state();
    const follower = String(context.operation.params.cluster);
    const primary = memberOf(state, state.reign.primary ?? '');
    // It may have come back since the plan was made.
    const why = whyNotForgotten(state, (await monitor.reportOf(primary)) ?? undefined, follower);
    if (why !== null) throw new QuantaError('REFUSED', why);
    const input = { clusterId: state.clusterId, follower };
    const told = await peers.call(primary, 'drop-follower', { input, deadlineMs: askDeadlineMs });
    if (!told.ok) throw new QuantaError('REFUSED', told.reason);
    return 'no WAL is kept for it any more';
  };
}

/** The operations of such clusters; `waitUntilOpen` is that of every first reign. */
export function standbyHandlers(
  resources: Resources,
  waitUntilOpen: StepHandler,
): Record<'create-standby-cluster' | 'promote-cluster' | 'undo', StepHandler[]> {
  const steps = new StandbySteps(resources);
  return {
    'create-standby-cluster': [steps.checkSource, steps.waitForCopy],
    'promote-cluster': [
      steps.mayPromote,
      steps.stopFollowing,
      steps.grantReign,
      waitUntilOpen,
      steps.tellSource,
    ],
    undo: [steps.followAgain],
  };
}
