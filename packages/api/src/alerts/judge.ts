import type { Known } from './known.ts';
import type { Finding, Look, Question, Severity } from './rule.ts';
import { type ChangedRules, effectiveRule, rules } from './rules.ts';

/** Every rule asked about everything that is known (pure). */

export interface Condition {
  rule: string;
  /** Null: about the installation, or a host of no cluster. */
  clusterId: string | null;
  subject: string;
  sentence: string;
  severity: Severity;
  forSeconds: number;
}

export interface Judgement {
  conditions: Condition[];
  /** Whether nothing is known of this alert's subject now, so that it must not end. */
  isUnknown(alert: Identity): boolean;
}

export type Identity = Pick<Condition, 'rule' | 'clusterId' | 'subject'>;

export function identityOf({ rule, clusterId, subject }: Identity): string {
  return JSON.stringify([rule, clusterId, subject]);
}

interface Asked {
  clusterId: string | null;
  findings: Finding[];
  unknown: Look['unknown'];
}

/** @param standing identities of the alerts that fire now */
export function judge(known: Known, changed: ChangedRules, standing: ReadonlySet<string>): Judgement {
  const conditions: Condition[] = [];
  const notKnown = new Map<string, Look['unknown']>();
  for (const rule of rules) {
    const questionFor = (clusterId: string | null): Question => ({
      nowMs: known.nowMs,
      limits: effectiveRule(rule, changed, clusterId).limits,
      stands: (subject) => standing.has(identityOf({ rule: rule.id, clusterId, subject })),
    });
    const asked: Asked[] = [];
    const isOn = (clusterId: string | null) => effectiveRule(rule, changed, clusterId).isOn;
    if (rule.of === 'cluster')
      for (const cluster of known.clusters.filter((each) => isOn(each.clusterId)))
        asked.push({ clusterId: cluster.clusterId, ...rule.look(cluster, questionFor(cluster.clusterId)) });
    else if (rule.of === 'host')
      for (const host of known.hosts.filter((each) => isOn(each.clusterId)))
        asked.push({
          clusterId: host.clusterId,
          ...rule.look(host, { ...questionFor(host.clusterId), known }),
        });
    else if (isOn(null)) asked.push({ clusterId: null, ...rule.look(known.installation, questionFor(null)) });
    for (const { clusterId, findings, unknown } of asked) {
      const { severity, forSeconds } = effectiveRule(rule, changed, clusterId);
      // A host's answer is about that host alone: the others' are added to it.
      const key = JSON.stringify([rule.id, clusterId]);
      const before = notKnown.get(key) ?? [];
      notKnown.set(key, unknown === 'all' || before === 'all' ? 'all' : [...before, ...unknown]);
      for (const finding of findings)
        conditions.push({ severity, ...finding, rule: rule.id, clusterId, forSeconds });
    }
  }
  const isUnknown = ({ rule, clusterId, subject }: Identity) => {
    const what = notKnown.get(JSON.stringify([rule, clusterId]));
    return what === 'all' || (what?.includes(subject) ?? false);
  };
  return { conditions, isUnknown };
}
