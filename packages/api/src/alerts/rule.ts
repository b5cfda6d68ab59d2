import type { Known, KnownCluster, KnownHost, KnownInstallation } from './known.ts';

export const severities = ['info', 'warning', 'critical'] as const;
export type Severity = (typeof severities)[number];

export type LimitUnit = 'seconds' | 'minutes' | 'hours' | 'days' | 'bytes' | 'percent' | 'count';

/** A threshold that people may change. */
export interface Limit {
  words: string;
  unit: LimitUnit;
  usual: number;
  min: number;
  max: number;
}

export interface Runbook {
  means: string;
  look: string[];
  /** What to run next. */
  command: string;
}

/** What is wrong with one subject; `''` is the cluster, or the installation, as a whole. */
export interface Finding {
  subject: string;
  /** Says what is wrong, with the numbers. */
  sentence: string;
  /** When this one is worse than the rule. */
  severity?: Severity;
}

/** Of a subject in `unknown` nothing is known now: an alert that stands goes on to stand. */
export interface Look {
  findings: Finding[];
  unknown: 'all' | readonly string[];
}

/** What a rule is asked with. */
export interface Question {
  nowMs: number;
  limits: Record<string, number>;
  /** Whether this subject's alert stands already: it ends only when the figure is clearly back within its limit. */
  stands(subject: string): boolean;
}

interface RuleBase {
  id: string;
  title: string;
  severity: Severity;
  /** So long it must be true before it is told. */
  forSeconds: number;
  limits: Record<string, Limit>;
  runbook: Runbook;
}

export interface ClusterRule extends RuleBase {
  of: 'cluster';
  look(cluster: KnownCluster, question: Question): Look;
}

export interface HostRule extends RuleBase {
  of: 'host';
  look(host: KnownHost, question: Question & { known: Known }): Look;
}

export interface InstallationRule extends RuleBase {
  of: 'installation';
  look(installation: KnownInstallation, question: Question): Look;
}

export type Rule = ClusterRule | HostRule | InstallationRule;

export const nothing: Look = { findings: [], unknown: [] };
export const unknown: Look = { findings: [], unknown: 'all' };

export function found(...findings: Finding[]): Look {
  return { findings, unknown: [] };
}

/** The whole cluster is the subject. */
export function when(condition: boolean, sentence: string): Look {
  return condition ? found({ subject: '', sentence }) : nothing;
}

/** What stands ends a tenth below the limit, so that a figure that dances around it makes one alert. */
const slack = 0.1;

export function isOver(value: number, limit: number, stands: boolean): boolean {
  return value > (stands ? limit * (1 - slack) : limit);
}

export function isUnder(value: number, limit: number, stands: boolean): boolean {
  return value < (stands ? limit * (1 + slack) : limit);
}
