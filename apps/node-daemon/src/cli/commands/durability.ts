import type { Command } from 'commander';
import type { Intent } from '../console-client.ts';
import { durabilitiesText } from '../durability-format.ts';
import { type DurabilitySettings, durabilityOf, ownDurabilityOf } from '../settings-arguments.ts';
import { clusterStatusNow, settingsNow } from '../target.ts';
import { type GlobalOptions, print } from './options.ts';

type Given = DurabilitySettings & { role?: string; database?: string };

/** Whom a commit waits for: of the cluster, and of single roles and databases. */
export function addDurability(
  program: Command,
  options: () => GlobalOptions,
  perform: (intent: Intent) => Promise<void>,
): void {
  program
    .command('durability [mode] [strictness]')
    .description(
      'whom a commit waits for: async, quorum or all; strict or available. Of one role or database: async, quorum, applied, or usual. Without a mode: how it is',
    )
    .option('--role <role>', 'only commits of this role')
    .option('--database <database>', 'only commits in this database')
    .option('--sync-timeout <seconds>', 'how long an available cluster waits for a silent standby', '10')
    .option('--across-zones', 'wait for standbys in other zones than the primary’s, while there are enough')
    .action((mode: string | undefined, strictness: string | undefined, own: Given) => {
      const { role = null, database = null } = own;
      if (mode === undefined) return showDurability(options());
      return role === null && database === null
        ? perform({ kind: 'set-durability', durability: durabilityOf(mode, strictness, own) })
        : perform({
            kind: 'set-own-durability',
            change: ownDurabilityOf(mode, { role, database, strictness }),
          });
    });
}

async function showDurability(options: GlobalOptions): Promise<void> {
  const status = await clusterStatusNow(options);
  const own = (await settingsNow(options))?.ownDurabilities ?? [];
  print(options, { cluster: status?.durability ?? null, own }, () =>
    durabilitiesText(status?.durability ?? null, own),
  );
}
