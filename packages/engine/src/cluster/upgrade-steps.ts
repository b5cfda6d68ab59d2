import type { Member } from '../contract/cluster-state.ts';
import type { NodeReport } from '../contract/node-report.ts';
import { wellStates } from '../contract/status.ts';
import type { ClusterMonitor } from '../monitor/cluster-monitor.ts';
import { type Clock, systemClock } from '../shared/clock.ts';
import { pollUntil } from '../shared/deadline.ts';
import { messageOf, QuantaError } from '../shared/errors.ts';
import type { Commander } from './commander.ts';
import { featureLevel } from './feature-level.ts';
import { dataMembers } from './membership.ts';
import { HandedOver, type StepContext, type StepHandler } from './operation-runner.ts';
import type { Peers } from './peer-protocol.ts';
import { compareVersions } from './preflight.ts';
import type { RaftMembership } from './raft-membership.ts';
import type { RestartSteps } from './restart-steps.ts';
import { pointBefore } from './restore-point.ts';
import { memberOf } from './step-helpers.ts';

export interface UpgradeResources {
  self: string;
  commander: Commander;
  peers: Peers;
  monitor: ClusterMonitor;
  raft: RaftMembership;
  restarts: RestartSteps;
  clock?: Clock;
}

const checkDeadlineMs = 15_000;
const upgradeDeadlineMs = 120_000;
const daemonDeadlineMs = 60_000;
const levelDeadlineMs = 15_000;
/** How far the clocks of two deciders may be apart when the second one asks what the first one has done. */
const clockRoomMs = 2000;

/** The steps that bring other programs into use: PostgreSQL's of the same major version, or the daemon's. */
export class UpgradeSteps {
  private readonly resources: UpgradeResources;
  private readonly clock: Clock;

  constructor(resources: UpgradeResources) {
    this.resources = resources;
    this.clock = resources.clock ?? systemClock;
  }

  checkPrograms: StepHandler = async (context) => {
    const state = context.state();
    const directory = directoryOf(context);
    const versions = new Map<string, string>();
    for (const member of dataMembers(state)) {
      const input = { clusterId: state.clusterId, directory };
      const limits = { input, deadlineMs: checkDeadlineMs };
      versions.set(member.name, (await this.resources.peers.call(member, 'program-version', limits)).version);
    }
    const [version = '', ...others] = new Set(versions.values());
    if (others.length > 0) {
      const words = [...versions].map(([name, each]) => `${name}: ${each}`).join(', ');
      throw new QuantaError('REFUSED', `the programs are not the same everywhere (${words})`, {
        hint: 'Install the same packages on every host, then go on: quantadb operations retry.',
      });
    }
    await this.refuseOlder(context, version);
    return `PostgreSQL ${version} on every node${await pointBefore(this.resources, context)}`;
  };

  /** Each only when the one before streams again; the primary gets them too, for when the switchover starts it anew. */
  upgradeStandbys: StepHandler = async (context) => {
    const { restarts } = this.resources;
    const done: string[] = [];
    for (const member of restarts.standbys(context)) {
      await context.progress([...done, `${member.name} restarts`].join('; '));
      await this.upgrade(context, member);
      done.push(`${member.name} upgraded`);
    }
    const primary = memberOf(context.state(), context.state().reign.primary ?? '');
    await this.givePrograms(context, primary, directoryOf(context));
    return done.join('; ') || 'there is no standby';
  };

  /**
   * One daemon at a time: witnesses, standbys, the primary, and whoever decides last, after it has handed the decision on. A
   * daemon that is younger than the operation was replaced already, by whichever decider.
   */
  replaceDaemons: StepHandler = async (context) => {
    const { self } = this.resources;
    const state = context.state();
    const rank = ({ name, kind }: Member) =>
      name === self ? 3 : name === state.reign.primary ? 2 : kind === 'data' ? 1 : 0;
    const members = Object.values(state.members).sort((one, other) => rank(one) - rank(other));
    const done: string[] = [];
    for (const member of members) {
      const report = await this.resources.monitor.reportOf(member);
      if (report && this.isReplaced(context, report)) {
        done.push(`${member.name}: ${report.version}`);
        continue;
      }
      if (await this.handOn(member)) throw new HandedOver();
      await context.progress([...done, `${member.name} is replaced`].join('; '));
      await this.replace(context, member);
      done.push(`${member.name} replaced`);
    }
    return done.join('; ');
  };

  agreeOnLevel: StepHandler = async (context) => {
    const reports = await this.resources.monitor.reports();
    const known = [...reports.values()].map((report) => report.featureLevel);
    const wanted = Math.min(featureLevel, ...known);
    const agreed = async () => ((context.state().level ?? 1) >= wanted ? true : undefined);
    await pollUntil(agreed, {
      ...{ what: `every daemon agrees on level ${wanted}`, timeoutMs: levelDeadlineMs, intervalMs: 100 },
      ...{ signal: context.signal, clock: this.clock },
    });
    return `level ${context.state().level ?? 1}`;
  };

  private isReplaced({ operation }: StepContext, { uptimeMs }: NodeReport): boolean {
    const sinceMs = this.clock.wallMs() - operation.startedAtMs;
    return uptimeMs !== null && uptimeMs < sinceMs - clockRoomMs;
  }

  private async handOn(member: Member): Promise<boolean> {
    if (member.name !== this.resources.self) return false;
    return this.resources.raft.moveLeadershipFrom(member);
  }

  private async replace(context: StepContext, member: Member): Promise<void> {
    const { peers, monitor } = this.resources;
    const before = (await monitor.reportOf(member))?.pids.daemon ?? null;
    const input = { clusterId: context.state().clusterId };
    const asked = await peers.call(member, 'restart-daemon', { input, deadlineMs: checkDeadlineMs });
    if (!asked.ok)
      throw new QuantaError('REFUSED', `the daemon of ${member.name} was not replaced: ${asked.reason}`);
    const isBack = async () => {
      const report = await monitor.reportOf(member);
      if (!report || report.pids.daemon === before) return undefined;
      return wellStates.has(report.state) ? true : undefined;
    };
    await pollUntil(isBack, {
      ...{ what: `${member.name} is back with its new daemon`, timeoutMs: daemonDeadlineMs, intervalMs: 100 },
      ...{ signal: context.signal, clock: this.clock },
    });
  }

  /** One that does not come up with its new programs gets the former ones back, and nobody else gets the new ones. */
  private async upgrade(context: StepContext, member: Member): Promise<void> {
    const { restarts } = this.resources;
    const before = await this.givePrograms(context, member, directoryOf(context));
    await restarts.restart(context, member);
    try {
      await restarts.untilStreaming(context, member, upgradeDeadlineMs);
    } catch (error) {
      if (context.signal.aborted || before === null) throw error;
      const why = (await this.resources.monitor.reportOf(member))?.detail || messageOf(error);
      await this.givePrograms(context, member, before);
      throw new QuantaError(
        'REFUSED',
        `${member.name} did not come up with the new programs and has its former ones back: ${why}`,
      );
    }
  }

  /** @returns the directory they were in before; null when nothing is to be changed */
  private async givePrograms(
    context: StepContext,
    member: Member,
    directory: string | null,
  ): Promise<string | null> {
    if (directory === null) return null;
    const input = { clusterId: context.state().clusterId, directory };
    const limits = { input, deadlineMs: checkDeadlineMs };
    return (await this.resources.peers.call(member, 'use-programs', limits)).before;
  }

  private async refuseOlder(context: StepContext, version: string): Promise<void> {
    const reports = await this.resources.monitor.reports();
    const running = [...reports.values()].flatMap(({ name, postgresVersion }) =>
      postgresVersion === null ? [] : [{ name, postgresVersion }],
    );
    const newer = running.find(({ postgresVersion }) => compareVersions(version, postgresVersion) < 0);
    if (newer)
      throw new QuantaError(
        'REFUSED',
        `${newer.name} runs PostgreSQL ${newer.postgresVersion} already, and ${version} is older`,
      );
    const isSame = directoryOf(context) === null && running.every((each) => each.postgresVersion === version);
    if (isSame && !context.operation.retryOf)
      throw new QuantaError('REFUSED', `every server runs PostgreSQL ${version} already`, {
        hint: 'Install the new packages on every host first.',
      });
  }
}

function directoryOf({ operation }: StepContext): string | null {
  return typeof operation.params.directory === 'string' ? operation.params.directory : null;
}
