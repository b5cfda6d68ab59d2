import { performance } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Known } from './known.ts';
import type { Finding, Look, Question, Rule, Severity } from './rule.ts';
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

type Effect = Pick<Condition, 'severity' | 'forSeconds'>;

interface Asked {
  clusterId: string | null;
  findings: Finding[];
  unknown: Look['unknown'];
}

/** What is known, what was changed of the rules, and the alerts that fire now. */
type Case = [known: Known, changed: ChangedRules, standing: readonly Identity[]];

/** For so long it is judged in one go. */
const turnMsMax = 3;

export function judge(...about: Case): Judgement {
  const judging = new Judging(...about);
  for (const look of judging.looks()) look();
  return judging.judgement();
}

/** Of hundreds of clusters all rules together take long: whoever waits for this process gets his turn every few milliseconds. */
export async function judgeInTurns(...about: Case): Promise<Judgement> {
  const judging = new Judging(...about);
  let untilMs = performance.now() + turnMsMax;
  for (const look of judging.looks()) {
    look();
    if (performance.now() < untilMs) continue;
    await nextTurn();
    untilMs = performance.now() + turnMsMax;
  }
  return judging.judgement();
}

function placeOf(rule: string, clusterId: string | null): string {
  return `${rule} ${clusterId}`;
}

class Judging {
  private readonly known: Known;
  private readonly changed: ChangedRules;
  /** Subjects by rule and cluster: asked once for every node and rule, thousands of times in a look. */
  private readonly standing = new Map<string, Set<string>>();
  private readonly conditions: Condition[] = [];
  /** By rule and cluster. */
  private readonly notKnown = new Map<string, Map<string | null, Look['unknown']>>();

  constructor(...[known, changed, standing]: Case) {
    this.known = known;
    this.changed = changed;
    for (const { rule, clusterId, subject } of standing) {
      const place = placeOf(rule, clusterId);
      this.standing.set(place, (this.standing.get(place) ?? new Set()).add(subject));
    }
  }

  /** Every rule about everything it is about, one at a time. */
  *looks(): Generator<() => void> {
    for (const rule of rules) yield* this.looksOf(rule);
  }

  private *looksOf(rule: Rule): Generator<() => void> {
    const { known } = this;
    const own = this.changed.get(rule.id);
    const forAll = effectiveRule(rule, this.changed, null);
    const effective = (clusterId: string | null) =>
      clusterId !== null && own?.has(clusterId) ? effectiveRule(rule, this.changed, clusterId) : forAll;
    const questionFor = (clusterId: string | null): Question => {
      const standing = this.standing.get(placeOf(rule.id, clusterId));
      const stands = (subject: string) => standing?.has(subject) ?? false;
      return { nowMs: known.nowMs, limits: effective(clusterId).limits, stands };
    };
    const isOn = (clusterId: string | null) => effective(clusterId).isOn;
    const take = (clusterId: string | null, look: Look) =>
      this.take(rule.id, { clusterId, ...look }, effective(clusterId));
    if (rule.of === 'cluster') {
      for (const cluster of known.clusters.filter((each) => isOn(each.clusterId)))
        yield () => take(cluster.clusterId, rule.look(cluster, questionFor(cluster.clusterId)));
    } else if (rule.of === 'host') {
      for (const host of known.hosts.filter((each) => isOn(each.clusterId)))
        yield () => take(host.clusterId, rule.look(host, { ...questionFor(host.clusterId), known }));
    } else if (isOn(null)) yield () => take(null, rule.look(known.installation, questionFor(null)));
  }

  judgement(): Judgement {
    const isUnknown = ({ rule, clusterId, subject }: Identity) => {
      const what = this.notKnown.get(rule)?.get(clusterId);
      return what === 'all' || (what?.includes(subject) ?? false);
    };
    return { conditions: this.conditions, isUnknown };
  }

  private take(
    rule: string,
    { clusterId, findings, unknown }: Asked,
    { severity, forSeconds }: Effect,
  ): void {
    // A host's answer is about that host alone: the others' are added to it.
    const ofRule = this.notKnown.get(rule) ?? new Map<string | null, Look['unknown']>();
    this.notKnown.set(rule, ofRule);
    const before = ofRule.get(clusterId) ?? [];
    ofRule.set(clusterId, unknown === 'all' || before === 'all' ? 'all' : [...before, ...unknown]);
    for (const finding of findings)
      this.conditions.push({ severity, ...finding, rule, clusterId, forSeconds });
  }
}
