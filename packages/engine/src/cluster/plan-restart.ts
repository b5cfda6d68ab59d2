import { dataMembers } from './membership.ts';
import { maintenanceWarnings, type PlanBody, type PlanInput } from './plan-body.ts';

/** Plans of what stops a PostgreSQL server for a while, or changes what it runs with (pure). */

export function planRestart(input: PlanInput, base: PlanBody, node: string): PlanBody {
  return {
    ...base,
    summary: `Restart PostgreSQL on ${node}: its sessions end, then it streams again.`,
    writePause: pauseWithout(input, node, 'until it streams again'),
    warnings: maintenanceWarnings(input, node),
    refusal: base.refusal ?? whyNotStandby(input, node),
  };
}

export function planReinitialise(input: PlanInput, base: PlanBody, node: string): PlanBody {
  return {
    ...base,
    summary: `Give up the data of ${node} and clone the primary's anew.`,
    writePause: pauseWithout(input, node, 'until the clone is complete'),
    warnings: maintenanceWarnings(input, node),
    refusal: base.refusal ?? whyNotStandby(input, node) ?? whyNoPrimary(input),
  };
}

export function planRollingRestart(
  input: PlanInput,
  base: PlanBody,
  switchover: { candidate: string | null; refusal: string | null },
): PlanBody {
  const { state } = input;
  const standbys = state ? dataMembers(state).filter(({ name }) => name !== state.reign.primary) : [];
  const silent = standbys.find(
    ({ name }) => !['streaming', 'delayed'].includes(input.reports.get(name)?.state ?? ''),
  );
  const names = standbys.map(({ name }) => name).join(', ');
  return {
    ...base,
    summary: `Restart PostgreSQL on ${names || 'the standbys'} one by one, then switch over from ${state?.reign.primary ?? 'the primary'}, which restarts it too.`,
    writePause: 'one switchover, about two seconds',
    warnings: standbys.flatMap(({ name }) => {
      const pause = pauseWithout(input, name, 'until it streams again');
      return pause === 'none' ? [] : [pause];
    }),
    refusal:
      base.refusal ??
      (silent ? `${silent.name} does not stream. Bring it up first: quantadb status.` : null) ??
      switchover.refusal,
  };
}

export function planUpgrade(
  input: PlanInput,
  base: PlanBody,
  options: {
    directory: string | null;
    switchover: { candidate: string | null; refusal: string | null };
  },
): PlanBody {
  const rolling = planRollingRestart(input, base, options.switchover);
  const from = options.directory ? `those in ${options.directory}` : 'those installed now';
  const running = [...input.reports.values()].map(({ postgresVersion }) => postgresVersion);
  const versions = [...new Set(running.filter((version) => version !== null))].sort().join(', ');
  return {
    ...rolling,
    summary: `Run PostgreSQL with other programs of the same major version (${from}; ${versions || 'nothing'} runs now): the standbys one by one, then a switchover, then the former primary.`,
  };
}

/** PostgreSQL goes on under its reaper; only who looks after it is replaced. */
export function planDaemons({ state, reports }: PlanInput, base: PlanBody): PlanBody {
  const names = Object.keys(state?.members ?? {});
  const silent = names.filter((name) => !reports.has(name));
  const alone = names.filter((name) => reports.get(name)?.isSupervised === false);
  const refusal =
    silent.length > 0
      ? `The daemon of ${silent.join(', ')} does not answer. Bring it up first: quantadb status.`
      : alone.length > 0
        ? `Nothing would start the daemon of ${alone.join(', ')} again. Run it as a service first: quantadb host install.`
        : null;
  return {
    ...base,
    summary: `Replace the daemons of ${names.join(', ')} one by one with the release that is installed there now. PostgreSQL goes on everywhere.`,
    refusal: base.refusal ?? refusal,
  };
}

export function planParameters(base: PlanBody, parameters: Record<string, string | null>): PlanBody {
  const words = Object.entries(parameters).map(([name, value]) =>
    value === null ? `${name} as by default` : `${name} = ${value}`,
  );
  return {
    ...base,
    summary: `Change parameters of every node: ${words.join(', ')}.`,
    warnings: [
      'If one of them needs a restart, it waits for the next one (quantadb rolling-restart); status tells which do.',
    ],
  };
}

/** Whom writes would be waiting for, in words; "none" when enough others confirm. */
function pauseWithout({ state }: PlanInput, node: string, until: string): string {
  if (!state?.syncSet.standbys.includes(node)) return 'none';
  const others = state.syncSet.standbys.length - 1;
  if (others >= state.syncSet.count) return 'none';
  return `writes wait for ${node} ${until}: nobody else is left to confirm them`;
}

function whyNotStandby({ state }: PlanInput, node: string): string | null {
  const member = state?.members[node];
  if (!member) return `${node} is no member of this cluster. See: quantadb nodes.`;
  if (member.kind !== 'data') return `${node} is a ${member.kind}: it runs no PostgreSQL.`;
  return state?.reign.primary === node
    ? `${node} is the primary. Switch over first: quantadb switchover --to <standby>.`
    : null;
}

function whyNoPrimary({ state, reports }: PlanInput): string | null {
  return reports.get(state?.reign.primary ?? '')?.role === 'primary'
    ? null
    : 'There is no primary to clone from right now. See: quantadb status.';
}
