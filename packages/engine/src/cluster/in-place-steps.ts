import type { ClusterState, Member, Restoring } from '../contract/cluster-state.ts';
import { type BesideLook, type InPlaceOutlook, restoreInPlaceSchema } from '../contract/restore.ts';
import type { ClusterMonitor } from '../monitor/cluster-monitor.ts';
import { type Clock, sleep, systemClock } from '../shared/clock.ts';
import { pollUntil } from '../shared/deadline.ts';
import { messageOf, QuantaError } from '../shared/errors.ts';
import type { Commander } from './commander.ts';
import { dataMembers } from './membership.ts';
import type { StepContext, StepHandler } from './operation-runner.ts';
import type { Peers } from './peer-protocol.ts';
import { whyNotRestored } from './plan-in-place.ts';
import { nextEpoch } from './promotion.ts';
import { setPoint } from './restore-point.ts';
import { memberOf, submitOrRefuse } from './step-helpers.ts';

interface InPlaceResources {
  commander: Commander;
  peers: Peers;
  monitor: ClusterMonitor;
  clock?: Clock;
}

const askDeadlineMs = 10_000;
const lookAheadDeadlineMs = 60_000;
const lookEveryMs = 1000;
/** A node that has said nothing about its copy for so long is not waited for. It goes on for longer (`unaskedMsMax` of BesideNode). */
const silentMsMax = 120_000;
const attemptsMax = 3;
const failoverDeadlineMs = 60_000;
const checkpointDeadlineMs = 120_000;
/** A clean shutdown, and two renames. */
const placeDeadlineMs = 60_000;
const openDeadlineMs = 90_000;
/** Of a node that has said nothing while nobody writes. */
const goneMsMax = 15_000;
const standbysDeadlineMs = 24 * 3_600_000;
/** A standby whose daemon is silent comes back by itself, whenever that is. */
const absentMsMax = 60_000;

/** The steps of a restore in place, in the order of `operationSteps`. Every one finds out first what is done already. */
class InPlaceSteps {
  private readonly resources: InPlaceResources;
  private readonly clock: Clock;

  constructor(resources: InPlaceResources) {
    this.resources = resources;
    this.clock = resources.clock ?? systemClock;
  }

  check: StepHandler = async (context) => {
    const state = context.state();
    const primary = memberOf(state, state.reign.primary ?? '');
    const outlook = await this.lookAhead(context, primary);
    const { insist } = requestOf(context);
    const refusal = whyNotRestored(outlook, { nowMs: this.clock.wallMs(), insist });
    if (refusal || !outlook.planning.ok) throw new QuantaError('REFUSED', refusal ?? 'it cannot be restored');
    const { id } = context.operation;
    await submitOrRefuse(this.resources.commander, { kind: 'begin-restore', id, node: primary.name });
    const { timeline } = restoringOf(context);
    return `${outlook.planning.plan.label} on ${primary.name}; timeline ${timeline} is kept free for the copy`;
  };

  restoreBeside: StepHandler = async (context) => {
    const { id } = context.operation;
    if (restoringOf(context).phase !== 'preparing') return restoringOf(context).words;
    const { result } = await this.untilRestored(context);
    if (!result) throw new QuantaError('PROTOCOL_VIOLATION', 'a copy was made, and nothing said of it');
    await submitOrRefuse(this.resources.commander, { kind: 'restore-ready', id, ...result });
    return result.words;
  };

  /** The newest moment of what is given up, by a name: from it the repository leads back. */
  setPoint: StepHandler = async (context) => {
    const { words, hasLeft } = await setPoint(this.resources, context, `before restore ${shortId(context)}`);
    if (hasLeft || requestOf(context).insist) return words;
    throw new QuantaError('REFUSED', `its WAL does not reach the repository (${words})`, {
      hint: 'Nothing was changed. To go on without that way back: --insist.',
    });
  };

  /**
   * From the command on until the node has said that its copy is in place nobody is primary and nobody can become it. A
   * decider that ends here leaves that to the next one, and this step, ending in an error, gives the former reign back.
   */
  place: StepHandler = async (context) => {
    const { id } = context.operation;
    if (restoringOf(context).phase === 'ready') {
      await this.untilNoFailover(context);
      await this.shortenStop(context);
      const epoch = nextEpoch(context.state(), await this.resources.monitor.reports());
      await submitOrRefuse(this.resources.commander, { kind: 'place-restore', id, epoch });
    }
    const inPlace = async () => (isPlaced(context.state(), id) ? true : undefined);
    await this.untilSettled(context, inPlace, {
      what: 'the copy is in the place of the data',
      timeoutMs: placeDeadlineMs,
    });
    return 'the data of before is kept beside it';
  };

  open: StepHandler = async (context) => {
    const { id } = context.operation;
    const isOver = async () => (context.state().restoring ? undefined : true);
    await this.untilSettled(context, isOver, {
      what: 'the restored data is open',
      timeoutMs: openDeadlineMs,
    });
    const { reign, pastRestores } = context.state();
    const past = pastRestores?.find((each) => each.id === id);
    if (past?.outcome !== 'restored') throw new QuantaError('REFUSED', 'the restore was taken back');
    return `epoch ${reign.epoch}, timeline ${reign.timeline}`;
  };

  /** They see by themselves that their WAL has left the history; this waits, and tells. */
  rebuildStandbys: StepHandler = async (context) => {
    const lastSeenMs = new Map<string, number>();
    const beganMs = this.clock.monotonicMs();
    let shown = '';
    let absent: string[] = [];
    const areBack = async () => {
      const state = context.state();
      const standbys = dataMembers(state).filter(
        ({ name, phase }) => phase === 'active' && name !== state.reign.primary,
      );
      const left: string[] = [];
      absent = [];
      for (const member of standbys) {
        const report = await this.resources.monitor.reportOf(member);
        const nowMs = this.clock.monotonicMs();
        if (report) lastSeenMs.set(member.name, nowMs);
        const isBack = report?.state === 'streaming' || report?.state === 'delayed';
        if (isBack && report.timeline === state.reign.timeline) continue;
        const silentMs = nowMs - (lastSeenMs.get(member.name) ?? beganMs);
        if (!report && silentMs > absentMsMax) absent.push(member.name);
        else left.push(`${member.name}: ${report?.state ?? 'does not answer'}`);
      }
      if (left.length === 0) return true;
      if (left.join('; ') !== shown) await context.progress(left.join('; '));
      shown = left.join('; ');
      return undefined;
    };
    const limits = { what: 'the standbys are back', timeoutMs: standbysDeadlineMs, intervalMs: 500 };
    await this.until(context, areBack, limits);
    const names = absent.length > 0 ? `; not ${absent.join(', ')}, which follow when they are back` : '';
    return `streaming from the restored primary${names}`;
  };

  /** A backup of before leads past the fork only by the WAL of both sides of it. */
  backUp: StepHandler = async (context) => {
    const { id, requestedBy } = context.operation;
    const isKnown = () => {
      const { backup } = context.state();
      return backup?.job?.id === id || backup?.pastJobs.some((past) => past.id === id) === true;
    };
    if (isKnown()) return 'a full backup runs, or has run';
    const work = { kind: 'backup', type: 'full' } as const;
    const reason = 'the first one after a restore in place';
    const job = { id, work, trigger: 'person' as const, scheduleId: null, requestedBy, reason };
    const begun = async () => {
      if (context.state().backup?.job) return undefined;
      await submitOrRefuse(this.resources.commander, { kind: 'begin-backup-job', job, serves: [] });
      return true;
    };
    const limits = { what: 'the repository is free', timeoutMs: standbysDeadlineMs, intervalMs: 1000 };
    await this.until(context, begun, limits);
    return 'a full backup begins; see quantadb backup list';
  };

  /** Of a restore that was cancelled before anything was put in place. */
  discard: StepHandler = async (context) => {
    const { restoring, members, clusterId } = context.state();
    const node = members[restoring?.node ?? ''];
    if (!node) return 'nothing was restored';
    const input = { clusterId, id: context.operation.id };
    await this.resources.peers.call(node, 'discard-beside', { input, deadlineMs: lookAheadDeadlineMs });
    return `the copy on ${node.name} is removed`;
  };

  private async untilRestored(context: StepContext): Promise<BesideLook> {
    let heardMs = this.clock.monotonicMs();
    let attempt = 0;
    let shown = '';
    for (;;) {
      context.signal.throwIfAborted();
      const node = this.nodeOf(context);
      const look = await this.lookAt(context, node);
      if (look) heardMs = this.clock.monotonicMs();
      else if (this.clock.monotonicMs() - heardMs > silentMsMax)
        throw new QuantaError('PEER_UNREACHABLE', `${node.name} does not say how its copy goes`);
      if (look?.state === 'done') return look;
      if (look?.state === 'failed') throw new QuantaError('BACKUP_FAILED', look.detail);
      if (look?.state === 'unknown') {
        attempt += 1;
        if (attempt > attemptsMax)
          throw new QuantaError('BACKUP_FAILED', `${node.name} has lost its copy ${attemptsMax} times`);
        await this.start(context, node, attempt);
      }
      const words = look?.state === 'running' ? progressWords(look) : shown;
      if (words !== shown) await context.progress(words);
      shown = words;
      await sleep(this.clock, lookEveryMs, context.signal);
    }
  }

  private async start(context: StepContext, node: Member, attempt: number): Promise<void> {
    const { timeline } = restoringOf(context);
    const { target } = requestOf(context);
    const order = { id: context.operation.id, attempt, target, timeline };
    const input = { clusterId: context.state().clusterId, order };
    const started = await this.resources.peers.call(node, 'start-beside', {
      input,
      deadlineMs: askDeadlineMs,
    });
    if (!started.ok) throw new QuantaError('REFUSED', started.reason);
  }

  private async lookAt(context: StepContext, node: Member): Promise<BesideLook | null> {
    const input = { clusterId: context.state().clusterId, id: context.operation.id };
    try {
      return await this.resources.peers.call(node, 'look-beside', { input, deadlineMs: askDeadlineMs });
    } catch (error) {
      await context.progress(`${node.name} does not answer: ${messageOf(error)}`.slice(0, 300));
      return null;
    }
  }

  /** The copy is of use on the primary only. */
  private nodeOf(context: StepContext): Member {
    const state = context.state();
    const { node } = restoringOf(context);
    if (state.reign.primary === node) return memberOf(state, node);
    throw new QuantaError('REFUSED', `${state.reign.primary} has become primary meanwhile`, {
      hint: 'Nothing was changed. Ask for the restore again.',
    });
  }

  private lookAhead(context: StepContext, primary: Member): Promise<InPlaceOutlook> {
    const input = { clusterId: context.state().clusterId, target: requestOf(context).target };
    return this.resources.peers.call(primary, 'look-ahead', { input, deadlineMs: lookAheadDeadlineMs });
  }

  private untilNoFailover(context: StepContext): Promise<true> {
    const isCalm = async () => (context.state().failover === null ? true : undefined);
    const limits = { what: 'the failover before has ended', timeoutMs: failoverDeadlineMs, intervalMs: 200 };
    return this.until(context, isCalm, limits);
  }

  /** What waits for the archive is on the disk all the same, so that is no reason to stay. */
  private async shortenStop(context: StepContext): Promise<void> {
    const input = { clusterId: context.state().clusterId };
    const node = this.nodeOf(context);
    await this.resources.peers.call(node, 'prepare-switchover', { input, deadlineMs: checkpointDeadlineMs });
  }

  /** Nobody writes meanwhile: a node that is gone is not waited for as long as one that works. */
  private untilSettled(
    context: StepContext,
    isSettled: () => Promise<true | undefined>,
    limits: { what: string; timeoutMs: number },
  ): Promise<true> {
    let heardMs = this.clock.monotonicMs();
    let askAtMs = 0;
    const look = async () => {
      if (await isSettled()) return true;
      const { members, restoring } = context.state();
      const node = members[restoring?.node ?? ''];
      const nowMs = this.clock.monotonicMs();
      if (!node || nowMs < askAtMs) return undefined;
      askAtMs = nowMs + lookEveryMs;
      if (await this.resources.monitor.reportOf(node)) heardMs = this.clock.monotonicMs();
      if (nowMs - heardMs <= goneMsMax) return undefined;
      throw new QuantaError('PEER_UNREACHABLE', `${node.name} is gone: the data of before counts again`);
    };
    return this.until(context, look, { ...limits, intervalMs: 50 });
  }

  private until<T>(
    { signal }: StepContext,
    look: () => Promise<T | undefined>,
    limits: { what: string; timeoutMs: number; intervalMs: number },
  ): Promise<T> {
    return pollUntil(look, { ...limits, signal, clock: this.clock });
  }
}

/** The steps in their order, and what takes back a restore that is cancelled. */
export function inPlaceHandlers(resources: InPlaceResources): {
  handlers: StepHandler[];
  undo: StepHandler[];
} {
  const steps = new InPlaceSteps(resources);
  const { check, restoreBeside, setPoint: point, place, open, rebuildStandbys, backUp } = steps;
  return {
    handlers: [check, restoreBeside, point, place, open, rebuildStandbys, backUp],
    undo: [steps.discard],
  };
}

function requestOf({ operation }: StepContext) {
  const target = JSON.parse(String(operation.params.target));
  return restoreInPlaceSchema.parse({
    kind: 'restore-in-place',
    target,
    insist: operation.params.insist === true,
  });
}

function restoringOf(context: StepContext): Restoring {
  const { restoring } = context.state();
  if (restoring?.id === context.operation.id) return restoring;
  throw new QuantaError('REFUSED', 'the restore does not run any more');
}

function isPlaced({ restoring, pastRestores }: ClusterState, id: string): boolean {
  if (restoring?.id === id) return restoring.phase === 'opening';
  return pastRestores?.some((each) => each.id === id && each.outcome === 'restored') === true;
}

function shortId({ operation }: StepContext): string {
  return operation.id.slice(0, 8);
}

/** In tenths, so that the log is not written once a second. */
function progressWords({ detail, percent }: BesideLook): string {
  return percent === null ? detail : `${detail}: ${Math.floor(percent / 10) * 10} %`;
}
