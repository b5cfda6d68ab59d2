import type { Durability } from '../contract/cluster-state.ts';
import { commitModes, type OwnDurabilityChange, ownerWords } from '../contract/own-durability.ts';
import type { PlanBody, PlanInput } from './plan-body.ts';

/** What the commits of one role or database wait for: what is planned (pure). */
export function planOwnDurability(input: PlanInput, base: PlanBody, change: OwnDurabilityChange): PlanBody {
  const { mode } = change;
  const durability = input.state?.durability;
  const primary = input.state?.reign.primary;
  return {
    ...base,
    summary:
      mode === null
        ? `Commits of ${ownerWords(change)} wait for what the cluster waits for (${durability?.mode ?? 'unknown'}).`
        : `Commits of ${ownerWords(change)}: ${mode} (synchronous_commit = ${commitModes[mode]}).`,
    warnings: durability ? warningsOf(change, durability, input.state?.syncSet.count ?? 0) : [],
    refusal: base.refusal ?? (primary ? null : 'There is no primary. See: quantadb status.'),
  };
}

function warningsOf(
  { mode, role, database }: OwnDurabilityChange,
  durability: Durability,
  waitedFor: number,
): string[] {
  const warnings = [
    'Sessions that are open keep what they began with; whoever logs in afterwards, through a router too, has the new one.',
  ];
  if (role === null || database === null)
    warnings.push(
      'A setting of a role in one database goes before the role’s, and that before the database’s.',
    );
  if (mode === 'async' && durability.mode !== 'async')
    warnings.push(
      'They are outside the guarantee: losing the primary loses the newest of them. quantadb status says so.',
    );
  if (mode !== null && mode !== 'async' && waitedFor === 0)
    warnings.push('No standby is waited for now, so they are as safe as all others until one is.');
  return warnings;
}
