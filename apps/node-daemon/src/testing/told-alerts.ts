import type { KnownCluster } from '@quantadb/api/alerts/known';
import { type Look, unknown } from '@quantadb/api/alerts/rule';
import { ruleOf } from '@quantadb/api/alerts/rules';
import { backupRules } from '@quantadb/api/alerts/rules-backup';
import { figureRules } from '@quantadb/api/alerts/rules-figures';
import { type NodeFigures, nodeMetricNames } from '@quantadb/engine/contract/node-metrics';
import { prometheusName } from '@quantadb/engine/monitor/figures/prometheus';
import { pollUntil } from '@quantadb/engine/shared/deadline';
import type { RealCluster, TestHost } from './real-cluster.ts';

/** The console's own rules, asked about what the daemons of a real cluster tell at this moment. */

interface Ask {
  /** The host that tells; any that runs, when it is missing. */
  via?: string;
  /** Instead of the usual ones, so that what a test can bring about in seconds is over them. */
  limits?: Record<string, number>;
  timeoutMs?: number;
}

/** Until the rule finds something wrong. @returns in which words */
export async function untilTold(cluster: RealCluster, rule: string, ask: Ask = {}): Promise<string> {
  const told = async () => (await lookOf(cluster, rule, ask)).findings[0]?.sentence;
  return pollUntil(told, { what: `${rule} is told of`, timeoutMs: ask.timeoutMs ?? 30_000, intervalMs: 50 });
}

/** What the rule says at this moment; null: nothing. */
export async function nowTold(cluster: RealCluster, rule: string, ask: Ask = {}): Promise<string | null> {
  return (await lookOf(cluster, rule, ask)).findings[0]?.sentence ?? null;
}

/** Until the rule knows that nothing is wrong. */
export async function untilOver(cluster: RealCluster, rule: string, ask: Ask = {}): Promise<void> {
  const isOver = async () => {
    const { findings, unknown: notKnown } = await lookOf(cluster, rule, ask);
    return findings.length === 0 && notKnown.length === 0 ? true : undefined;
  };
  await pollUntil(isOver, { what: `${rule} is over`, timeoutMs: ask.timeoutMs ?? 60_000, intervalMs: 200 });
}

async function lookOf(cluster: RealCluster, id: string, { via, limits }: Ask): Promise<Look> {
  const rule = ruleOf(id);
  if (rule?.of !== 'cluster') throw new Error(`${id} is no rule about clusters`);
  const host = via ? cluster.host(via) : [...cluster.hosts.values()].find(({ daemon }) => daemon);
  const known = host ? await knownBy(host, cluster, id) : null;
  if (!known) return unknown;
  const usual = Object.entries(rule.limits).map(([name, limit]) => [name, limit.usual] as const);
  const question = { nowMs: Date.now(), limits: { ...Object.fromEntries(usual), ...limits } };
  return rule.look(known, { ...question, stands: () => false });
}

/** Null: it does not answer, or is in no cluster. */
async function knownBy({ client }: TestHost, cluster: RealCluster, id: string): Promise<KnownCluster | null> {
  const status = await client.status().catch(() => null);
  const operations = await client.operations().catch(() => null);
  if (!status || !operations) return null;
  const isAbout = (rules: { id: string }[]) => rules.some((rule) => rule.id === id);
  return {
    ...{ clusterId: 'of-the-test', name: status.name, status, ageMs: 0, failovers: [] },
    figures: isAbout(figureRules) ? await figuresOf(cluster) : new Map(),
    backups: isAbout(backupRules) ? await client.backups().catch(() => null) : null,
    operations: operations.map((each) => ({ ...each, endedAtMs: each.endedAtMs ?? 0 })),
  };
}

/** What every node that answers measures of itself, from where Prometheus reads it. */
async function figuresOf({ hosts }: RealCluster): Promise<Map<string, NodeFigures>> {
  const looks = [...hosts.values()].map(async ({ config: { name, addresses } }) => {
    const { host, port } = addresses.api;
    const text = await fetch(`http://${host}:${port}/metrics`).then(
      (response) => response.text(),
      () => '',
    );
    const numberOf = (metric: string) =>
      new RegExp(`^${prometheusName(metric)}[{][^}]*[}] (\\S+)$`, 'm').exec(text)?.[1];
    const figures = nodeMetricNames.flatMap((metric) => {
      const value = numberOf(metric);
      return value === undefined ? [] : [[metric, Number(value)] as const];
    });
    return [name, Object.fromEntries(figures) as NodeFigures] as const;
  });
  return new Map((await Promise.all(looks)).filter(([, figures]) => Object.keys(figures).length > 0));
}
