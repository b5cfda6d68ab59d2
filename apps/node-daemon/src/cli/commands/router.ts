import type { Command } from 'commander';
import type { Intent } from '../console-client.ts';
import { routersText } from '../format.ts';
import { routerChanges } from '../settings-arguments.ts';
import { clusterStatusNow } from '../target.ts';
import { type GlobalOptions, print } from './options.ts';

/** What clients of the whole cluster dial: how it does, and how it is set. */
export function addRouter(
  program: Command,
  options: () => GlobalOptions,
  perform: (intent: Intent) => Promise<void>,
): void {
  const router = program
    .command('router')
    .description('the routers of a cluster: what they do, and the settings that all of them share')
    .action(() => showRouters(options()));
  router
    .command('set [name=value...]')
    .description('settings of every router (docs/router.md); those of one host stand in its host.json')
    .option('--reset <name...>', 'take settings back to what is usual', [])
    .action((given: string[], own: { reset: string[] }) =>
      perform({ kind: 'set-router', settings: routerChanges(given, own.reset) }),
    );
}

async function showRouters(options: GlobalOptions): Promise<void> {
  const status = await clusterStatusNow(options);
  const routers = status?.routers ?? [];
  print(options, routers, () => routersText(routers));
}
