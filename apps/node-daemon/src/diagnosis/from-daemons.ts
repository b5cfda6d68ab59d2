import type { HostDiagnosis } from '@quantadb/engine/contract/diagnosis';
import { logEntriesMax, logSources } from '@quantadb/engine/contract/logs';
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

/** The same without a console: every daemon that is known here tells its own, and one of them its cluster. */
export async function collectFromDaemons(bundle: Bundle, target: Target): Promise<void> {
  const daemons = await target.daemons();
  const told = await Promise.all(daemons.map((daemon) => collectHost(bundle, daemon)));
  const clusters = new Set(told.flatMap((each) => each?.report.cluster?.name ?? []));
  for (const name of [...clusters].sort()) {
    const hosts = told.flatMap((each, at) => {
      const daemon = daemons[at];
      return each && daemon && each.report.cluster?.name === name ? [{ daemon, told: each }] : [];
    });
    bundle.clusters.push(await collectCluster(bundle, name, hosts));
  }
}

async function collectHost(bundle: Bundle, { name, client }: Known): Promise<HostDiagnosis | null> {
  const place = `hosts/${pathPart(name)}`;
  const told = await client.diagnosis().catch((error: unknown) => {
    bundle.miss(name, messageOf(error));
    return null;
  });
  // What everybody may see is told also to those who may not ask for more.
  if (!told)
    await client
      .node()
      .then((report) => bundle.add(`${place}/report.json`, report))
      .catch(() => undefined);
  if (!told) return null;
  const { metrics, ...rest } = told;
  bundle.add(`${place}/diagnosis.json`, rest);
  bundle.add(`${place}/metrics.txt`, metrics);
  for (const source of logSources) {
    const question = { source, search: '', atLeast: 'debug' as const, untilMs: null, limit: logEntriesMax };
    await bundle.ask(`the ${source} log of ${name}`, `${place}/${source}.log`, async () => {
      const { entries } = await client.logs(question);
      return logLines(entries.map((entry) => ({ ...entry, node: name, source })).reverse());
    });
  }
  return told;
}

async function collectCluster(
  bundle: Bundle,
  name: string,
  hosts: { daemon: Known; told: HostDiagnosis }[],
): Promise<ClusterFacts> {
  const place = `clusters/${pathPart(name)}`;
  const [first] = hosts;
  const ask = <T>(what: string, question: (client: DaemonClient) => Promise<T>): Promise<T | null> =>
    first
      ? bundle.ask(`${what} of ${name}`, `${place}/${what}.json`, () => question(first.daemon.client))
      : Promise.resolve(null);
  const status = await ask('status', (client) => client.status());
  await ask('events', (client) => client.events());
  await ask('settings', (client) => client.settings());
  const operations = await ask('operations', (client) => client.operations());
  const backups = await ask('backups', (client) => client.backups());
  const silent = (status?.nodes ?? []).filter(
    (node) => !hosts.some(({ told }) => told.report.name === node.name),
  );
  for (const node of silent)
    if (!bundle.unanswered.some(({ what }) => what === node.name))
      bundle.miss(node.name, 'nothing here reaches its daemon');
  return {
    ...{ name, status, alerts: null, operations: operations ?? [], backups },
    hosts: hosts.map(({ told }) => ({ name: told.report.name, told })),
  };
}
