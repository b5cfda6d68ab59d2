import type { HostDiagnosis } from '@quantadb/engine/contract/diagnosis';
import { logEntriesMax, logSources } from '@quantadb/engine/contract/logs';
import type { NodeReport } from '@quantadb/engine/contract/node-report';
import { messageOf } from '@quantadb/engine/shared/errors';
import { logLines } from '../cli/logs.ts';
import type { Target } from '../cli/target.ts';
import type { DaemonClient } from '../client.ts';
import { type Bundle, pathPart } from './bundle.ts';
import type { ClusterFacts } from './findings.ts';

interface Known {
  name: string;
  client: DaemonClient;
}

interface Answer {
  daemon: Known;
  report: NodeReport;
  /** Null: it tells us no more than everybody. */
  told: HostDiagnosis | null;
}

/** The same without a console: every daemon that is known here tells its own, and one of them its cluster. */
export async function collectFromDaemons(bundle: Bundle, target: Pick<Target, 'daemons'>): Promise<void> {
  const daemons = await target.daemons();
  const answers = (await Promise.all(daemons.map((daemon) => collectHost(bundle, daemon)))).flat();
  const clusters = new Set(answers.flatMap(({ report }) => report.cluster?.name ?? []));
  for (const name of [...clusters].sort()) {
    const members = answers.filter(({ report }) => report.cluster?.name === name);
    bundle.clusters.push(await collectCluster(bundle, name, members));
  }
}

/** @returns nothing when it does not answer at all */
async function collectHost(bundle: Bundle, daemon: Known): Promise<Answer[]> {
  const { name, client } = daemon;
  const place = `hosts/${pathPart(name)}`;
  try {
    const { metrics, ...rest } = await client.diagnosis();
    bundle.add(`${place}/diagnosis.json`, rest);
    bundle.add(`${place}/metrics.txt`, metrics);
    await collectLogs(bundle, daemon);
    return [{ daemon, report: rest.report, told: { metrics, ...rest } }];
  } catch (error) {
    bundle.miss(name, messageOf(error));
  }
  const report = await client.node().catch(() => null);
  if (!report) return [];
  bundle.add(`${place}/report.json`, report);
  return [{ daemon, report, told: null }];
}

async function collectLogs(bundle: Bundle, { name, client }: Known): Promise<void> {
  for (const source of logSources) {
    const question = {
      ...{ source, search: '', atLeast: 'debug' as const, untilMs: null, limit: logEntriesMax },
    };
    await bundle.ask(`the ${source} log of ${name}`, `hosts/${pathPart(name)}/${source}.log`, async () => {
      const { entries } = await client.logs(question);
      return logLines(entries.map((entry) => ({ ...entry, node: name, source })).reverse());
    });
  }
}

async function collectCluster(bundle: Bundle, name: string, members: Answer[]): Promise<ClusterFacts> {
  const place = `clusters/${pathPart(name)}`;
  // Whoever tells us more of itself tells us more of its cluster.
  const first = members.find(({ told }) => told !== null) ?? members[0];
  const ask = <T>(what: string, question: (client: DaemonClient) => Promise<T>): Promise<T | null> =>
    first
      ? bundle.ask(`${what} of ${name}`, `${place}/${what}.json`, () => question(first.daemon.client))
      : Promise.resolve(null);
  const status = await ask('status', (client) => client.status());
  await ask('events', (client) => client.events());
  await ask('settings', (client) => client.settings());
  const operations = await ask('operations', (client) => client.operations());
  const backups = await ask('backups', (client) => client.backups());
  const asked = new Set([
    ...members.map(({ report }) => report.name),
    ...bundle.unanswered.map(({ what }) => what),
  ]);
  for (const node of status?.nodes ?? [])
    if (!asked.has(node.name)) bundle.miss(node.name, 'nothing here reaches its daemon');
  return {
    ...{ name, status, alerts: null, operations: operations ?? [], backups },
    hosts: members.flatMap(({ report, told }) => (told ? [{ name: report.name, told }] : [])),
  };
}
