import { setTimeout as delay } from 'node:timers/promises';
import type { ClusterEvent } from '@quantadb/engine/contract/cluster-state';
import type { SystemStatus } from '@quantadb/engine/contract/status';
import { QuantaError } from '@quantadb/engine/shared/errors';
import type { Command } from 'commander';
import { withOthers } from '../assemble-status.ts';
import { eventLines, eventsText, hostsText, nodesText, statusText } from '../format.ts';
import { findConsole, namedConsole, Target } from '../target.ts';
import { UsageError } from '../usage-error.ts';
import { type GlobalOptions, print } from './options.ts';

const followEventsEveryMs = 500;

export function addReading(program: Command, options: () => GlobalOptions): void {
  const target = () => Target.find(options());
  const statusNow = async () => {
    const { cluster } = options();
    const status = await wholeStatus(options());
    if (cluster === undefined) return status;
    const clusters = status.clusters.filter(({ name }) => name === cluster);
    if (clusters.length > 0) return { ...status, clusters };
    throw new QuantaError('NOT_FOUND', `no cluster ${cluster} is known here`);
  };
  program
    .command('status')
    .description('how everything is')
    .action(async () => {
      const status = await statusNow();
      print(options(), status, () => statusText(status));
    });
  program
    .command('nodes')
    .description('the nodes of all clusters')
    .action(async () => {
      const nodes = (await statusNow()).clusters.flatMap((cluster) => cluster.nodes);
      print(options(), nodes, () => nodesText(nodes));
    });
  program
    .command('hosts')
    .description('machines with a daemon')
    .action(async () => {
      const console = await findConsole(options());
      const hosts = console ? await console.hosts() : (await (await target()).status()).hosts;
      print(options(), hosts, () => hostsText(hosts));
    });
  program
    .command('events')
    .description('what has happened')
    .option('--since <id>', 'only events after this one', '0')
    .option('--follow', 'go on as they come')
    .action(async (own: { since: string; follow?: boolean }) => showEvents(options(), own));
}

async function wholeStatus(options: GlobalOptions): Promise<SystemStatus> {
  const named = await namedConsole(options);
  if (named) return named.status();
  // A console that is away, or refuses, takes nothing from what the daemons say.
  const others = findConsole(options).then((console) => console?.status() ?? null);
  const [own, more] = await Promise.all([
    Target.find(options).then((target) => target.status()),
    others.catch(() => null),
  ]);
  return more ? withOthers(own, more) : own;
}

async function eventReader(options: GlobalOptions): Promise<(since: number) => Promise<ClusterEvent[]>> {
  // The daemons of this machine know their own cluster only.
  const named = options.cluster ? await findConsole(options) : await namedConsole(options);
  if (named) {
    const { id } = await named.cluster(options.cluster);
    return (since) => named.events(id, since);
  }
  const target = await Target.find(options);
  return async (since) => (await target.reader()).events(since);
}

async function showEvents(options: GlobalOptions, own: { since: string; follow?: boolean }): Promise<void> {
  if (!/^\d+$/.test(own.since)) throw new UsageError('--since takes the id of an event');
  const read = await eventReader(options);
  const events = await read(Number(own.since));
  if (!own.follow || events.length > 0) print(options, events, () => eventsText(events));
  let since = events.at(-1)?.id ?? Number(own.since);
  while (own.follow) {
    await delay(followEventsEveryMs);
    // Whoever was asked may be the one whose end is the next event.
    const more = await read(since).catch(() => []);
    if (more.length > 0) print(options, more, () => eventLines(more));
    since = more.at(-1)?.id ?? since;
  }
}
