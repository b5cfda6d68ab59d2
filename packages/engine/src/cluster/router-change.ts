import {
  type OwnRouterSettings,
  type RouterChanges,
  type RouterSettings,
  routerSettingsOf,
  usualRouterSettings,
} from '../contract/router-settings.ts';
import type { CommandOf, CommandResult } from './commands.ts';
import type { Draft } from './draft.ts';
import type { PlanBody, PlanInput } from './plan-body.ts';

/** Settings of every router of the cluster: what is planned, and what becomes of them (pure). */

export function planRouter(input: PlanInput, base: PlanBody, changes: RouterChanges): PlanBody {
  const now = routerSettingsOf(input.state?.router);
  const then = routerSettingsOf(changed(input.state?.router, changes));
  return {
    ...base,
    summary: `Change every router: ${words(changes)}. A setting in a host's own file stands for that host.`,
    warnings: warningsOf(now, then),
  };
}

function warningsOf(now: RouterSettings, then: RouterSettings): string[] {
  const warnings: string[] = [];
  if (asksForReads(then, now))
    warnings.push(
      'Reads of those it is for go to standbys from now on. A pooled web application spreads over connections, so a request may not see what the one before has written.',
    );
  if (then.pooling !== now.pooling)
    warnings.push('Sessions that are open keep the pooling that they began with.');
  if (then.clientsMax < now.clientsMax)
    warnings.push('Clients beyond the new limit stay; no new ones are let in.');
  return warnings;
}

/** Somebody's reads may be sent to standbys that were not before. */
function asksForReads(then: RouterSettings, now: RouterSettings): boolean {
  const names = ['splitUsers', 'splitDatabases'] as const;
  const isNew = names.some((name) => then[name] !== now[name] && /= *on\b/.test(then[name]));
  const isSuffixNew = then.splitOnSuffix !== now.splitOnSuffix && then.splitOnSuffix !== '';
  return (then.split && !now.split) || isNew || isSuffixNew;
}

export function setRouter(draft: Draft, command: CommandOf<'set-router'>): CommandResult {
  draft.state.router = changed(draft.state.router, command.settings);
  draft.event('info', 'router', `Routers: ${words(command.settings)}.`);
  return { ok: true };
}

function changed(before: OwnRouterSettings | undefined, changes: RouterChanges): OwnRouterSettings {
  const all = Object.entries({ ...before, ...changes }).filter(([, value]) => value !== null);
  return Object.fromEntries(all);
}

function words(changes: RouterChanges): string {
  const names = Object.keys(changes) as (keyof RouterChanges)[];
  return names
    .map((name) =>
      changes[name] === null
        ? `${name} as usual (${usualRouterSettings[name] === '' ? 'none' : usualRouterSettings[name]})`
        : `${name} = ${changes[name]}`,
    )
    .join(', ');
}
