import type { Member } from '../contract/cluster-state.ts';
import type { ClusterMonitor } from '../monitor/cluster-monitor.ts';
import { type Clock, sleep, systemClock } from '../shared/clock.ts';
import { pollUntil } from '../shared/deadline.ts';
import { QuantaError } from '../shared/errors.ts';
import { untilCloned } from './clone-wait.ts';
import type { Commander } from './commander.ts';
import { configurationMark } from './configuration.ts';
import { dataMembers } from './membership.ts';
import type { StepContext, StepHandler } from './operation-runner.ts';
import type { Peers } from './peer-protocol.ts';
import { pointBefore } from './restore-point.ts';
import { memberOf, submitOrRefuse } from './step-helpers.ts';

export interface RestartResources {
  commander: Commander;
  peers: Peers;
  monitor: ClusterMonitor;
  clock?: Clock;
}

const stopDeadlineMs = 60_000;
/** Recovery of what came in since the last restartpoint takes its time. */
const streamDeadlineMs = 10 * 60_000;
const checkDeadlineMs = 30_000;
const tellDeadlineMs = 30_000;
const lookAgainMs = 1500;

/** The steps of operations that restart PostgreSQL or change its parameters, in the order of `operationSteps`. */
export class RestartSteps {
  private readonly resources: RestartResources;
  private readonly clock: Clock;

  constructor(resources: RestartResources) {
    this.resources = resources;
    this.clock = resources.clock ?? systemClock;
  }

  restartNode: StepHandler = async (context) => {
    const member = memberOf(context.state(), String(context.operation.params.node));
    await this.restart(context, member);
    return 'it has stopped, and starts again';
  };

  waitForNode: StepHandler = (context) =>
    this.untilStreaming(context, memberOf(context.state(), String(context.operation.params.node)));

  waitForCopy: StepHandler = async (context) => {
    const member = memberOf(context.state(), String(context.operation.params.node));
    return `streaming after ${await untilCloned(this.resources, context, member)} s`;
  };

  /** One after the other, each only when the one before streams again. Restarting one twice, after a crash, does no harm. */
  restartStandbys: StepHandler = async (context) => {
    const point = await pointBefore(this.resources, context);
    const done: string[] = [];
    for (const member of this.standbys(context)) {
      await context.progress([...done, `${member.name} restarts`].join('; '));
      await this.restart(context, member);
      await this.untilStreaming(context, member);
      done.push(`${member.name} restarted`);
    }
    return `${done.join('; ') || 'there is no standby'}${point}`;
  };

  /** The switchover has stopped it; it comes back as a standby, with the settings of today. */
  waitForFormerPrimary: StepHandler = async (context) => {
    const said: string[] = [];
    for (const member of this.standbys(context))
      said.push(`${member.name}: ${await this.untilStreaming(context, member)}`);
    return said.join('; ');
  };

  giveUpData: StepHandler = async (context) => {
    const state = context.state();
    const member = memberOf(state, String(context.operation.params.node));
    const { requestedBy, reason } = context.operation;
    const why = `asked for by ${requestedBy}${reason ? `: ${reason}` : ''}`.slice(0, 500);
    const input = { clusterId: state.clusterId, why };
    const given = await this.resources.peers.call(member, 'reinitialise', {
      input,
      deadlineMs: stopDeadlineMs,
    });
    if (!given.ok) throw new QuantaError('REFUSED', `${member.name} keeps its data: ${given.reason}`);
    return 'stopped; the data there will not be started again';
  };

  checkParameters: StepHandler = async (context) => {
    const state = context.state();
    const parameters = merged(state.parameters, changesOf(context));
    const problems: string[] = [];
    for (const member of dataMembers(state)) {
      const { refused } = await this.resources.peers.call(member, 'check-parameters', {
        input: { clusterId: state.clusterId, parameters },
        deadlineMs: checkDeadlineMs,
      });
      problems.push(...refused.map(({ name, detail }) => `${member.name}: ${name}: ${detail}`));
    }
    if (problems.length > 0) {
      throw new QuantaError('REFUSED', `the parameters were not changed: ${problems.join('; ')}`, {
        hint: 'Correct them and try again.',
      });
    }
    return 'every node takes them';
  };

  changeParameters: StepHandler = async (context) => {
    const point = await pointBefore(this.resources, context);
    await submitOrRefuse(this.resources.commander, {
      kind: 'set-parameters',
      parameters: changesOf(context),
    });
    return `agreed${point}`;
  };

  tellNodes: StepHandler = async (context) => {
    const wanted = configurationMark(context.state());
    let late: string[] = [];
    let pending: string[] = [];
    const told = async () => {
      const members = dataMembers(context.state());
      const reports = await Promise.all(members.map((member) => this.resources.monitor.reportOf(member)));
      late = members.filter((_, index) => reports[index]?.configuration !== wanted).map(({ name }) => name);
      pending = [...new Set(reports.flatMap((report) => report?.pendingRestart ?? []))].sort();
      return late.length === 0 ? true : undefined;
    };
    const limits = { timeoutMs: tellDeadlineMs, intervalMs: 250, signal: context.signal, clock: this.clock };
    try {
      await pollUntil(told, { what: 'every node has them', ...limits });
      // PostgreSQL reads its files a moment after it was told, and is looked at twice a second.
      await sleep(this.clock, lookAgainMs);
      await pollUntil(told, { what: 'every node has them', ...limits });
    } catch (error) {
      if (context.signal.aborted) throw error;
      return `not on ${late.join(', ')} yet: they follow when they are back`;
    }
    return pending.length === 0
      ? 'in force on every node'
      : `${pending.join(', ')} takes effect with a restart: quantadb rolling-restart`;
  };

  standbys(context: StepContext): Member[] {
    const state = context.state();
    return dataMembers(state).filter(({ name, phase }) => phase === 'active' && name !== state.reign.primary);
  }

  async restart(context: StepContext, member: Member): Promise<void> {
    const input = { clusterId: context.state().clusterId };
    const restarted = await this.resources.peers.call(member, 'restart-postgres', {
      input,
      deadlineMs: stopDeadlineMs,
    });
    if (!restarted.ok)
      throw new QuantaError('REFUSED', `${member.name} was not restarted: ${restarted.reason}`);
  }

  async untilStreaming(context: StepContext, member: Member, timeoutMs = streamDeadlineMs): Promise<string> {
    const startedMs = this.clock.monotonicMs();
    const streams = async () => {
      const report = await this.resources.monitor.reportOf(member);
      const isFollowing = report?.state === 'streaming' || report?.state === 'delayed';
      const isServing = isFollowing || report?.role === 'primary';
      return isServing ? report : undefined;
    };
    const { role, pendingRestart } = await pollUntil(streams, {
      ...{ what: `${member.name} streams`, timeoutMs, intervalMs: 100 },
      ...{ signal: context.signal, clock: this.clock },
    });
    const seconds = ((this.clock.monotonicMs() - startedMs) / 1000).toFixed(1);
    const left =
      pendingRestart.length > 0 ? `; a restart is still pending for ${pendingRestart.join(', ')}` : '';
    // A failover meanwhile may have chosen this very node.
    return role === 'primary' ? `it is the primary by now${left}` : `streaming after ${seconds} s${left}`;
  }
}

function changesOf({ operation }: StepContext): Record<string, string | null> {
  return Object.fromEntries(
    Object.entries(operation.params).map(([name, value]) => [name, value === null ? null : String(value)]),
  );
}

function merged(
  parameters: Record<string, string>,
  changes: Record<string, string | null>,
): Record<string, string> {
  const all = Object.entries({ ...parameters, ...changes });
  return Object.fromEntries(all.filter((entry): entry is [string, string] => entry[1] !== null));
}
