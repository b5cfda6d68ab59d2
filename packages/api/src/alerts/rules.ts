import { z } from 'zod';
import { type Rule, severities } from './rule.ts';
import { backupRules } from './rules-backup.ts';
import { clusterRules } from './rules-cluster.ts';
import { figureRules } from './rules-figures.ts';
import { hostRules, installationRules } from './rules-installation.ts';
import { nodeRules } from './rules-node.ts';

/** Every rule there is, and what people have changed about them (pure). */

export const rules: readonly Rule[] = [
  ...clusterRules,
  ...nodeRules,
  ...figureRules,
  ...backupRules,
  ...hostRules,
  ...installationRules,
];

export function ruleOf(id: string): Rule | undefined {
  return rules.find((rule) => rule.id === id);
}

const forSecondsMax = 30 * 24 * 3600;

/** What was changed, for all clusters or for one; what is missing is as usual. */
export const ruleSettingsSchema = z.object({
  isOn: z.boolean().optional(),
  severity: z.enum(severities).optional(),
  forSeconds: z.number().int().min(0).max(forSecondsMax).optional(),
  limits: z.record(z.string().max(40), z.number()).optional(),
});
export type RuleSettings = z.infer<typeof ruleSettingsSchema>;

/** Of all clusters. */
export const everywhere = '*';

/** By rule and by cluster id, or `everywhere`. */
export type ChangedRules = ReadonlyMap<string, ReadonlyMap<string, RuleSettings>>;

export interface EffectiveRule {
  isOn: boolean;
  severity: Rule['severity'];
  forSeconds: number;
  limits: Record<string, number>;
}

/** A cluster's own word counts before the installation's, and that before what is usual. */
export function effectiveRule(rule: Rule, changed: ChangedRules, clusterId: string | null): EffectiveRule {
  const own = (clusterId && changed.get(rule.id)?.get(clusterId)) || {};
  const all = changed.get(rule.id)?.get(everywhere) ?? {};
  const usual = Object.fromEntries(Object.entries(rule.limits).map(([name, limit]) => [name, limit.usual]));
  return {
    isOn: own.isOn ?? all.isOn ?? true,
    severity: own.severity ?? all.severity ?? rule.severity,
    forSeconds: own.forSeconds ?? all.forSeconds ?? rule.forSeconds,
    limits: { ...usual, ...all.limits, ...own.limits },
  };
}

/** Why these settings cannot be taken; null when they can. */
export function settingsProblem(rule: Rule, settings: RuleSettings): string | null {
  for (const [name, value] of Object.entries(settings.limits ?? {})) {
    const limit = rule.limits[name];
    if (!limit) return `${rule.id} has no limit ${name}`;
    if (value < limit.min || value > limit.max)
      return `${name} of ${rule.id} lies between ${limit.min} and ${limit.max}`;
  }
  return null;
}
