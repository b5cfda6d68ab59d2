import { QuantaError } from '../shared/errors.ts';
import { linesAfter } from './access-change.ts';
import { dataMembers } from './membership.ts';
import type { StepHandler } from './operation-runner.ts';
import type { RestartResources } from './restart-steps.ts';
import { submitOrRefuse } from './step-helpers.ts';

const checkDeadlineMs = 30_000;

/** Every PostgreSQL reads the lines before they count anywhere: one that it does not understand would keep it from starting. */
export function accessSteps({
  commander,
  peers,
}: Pick<RestartResources, 'commander' | 'peers'>): [check: StepHandler, change: StepHandler] {
  const check: StepHandler = async (context) => {
    const state = context.state();
    const input = { clusterId: state.clusterId, lines: linesAfter(state, context.operation) };
    const problems: string[] = [];
    for (const member of dataMembers(state)) {
      const { refused } = await peers.call(member, 'check-access', { input, deadlineMs: checkDeadlineMs });
      problems.push(...refused.map(({ line, reason }) => `${member.name}: “${line}”: ${reason}`));
    }
    if (problems.length === 0) return 'every node takes them';
    throw new QuantaError('REFUSED', `nothing was changed: ${problems.join('; ')}`, {
      hint: 'Correct the lines and try again.',
    });
  };
  const change: StepHandler = async (context) => {
    const lines = linesAfter(context.state(), context.operation);
    await submitOrRefuse(commander, { kind: 'set-access', lines });
    return 'agreed';
  };
  return [check, change];
}
