import type { OperationView } from './intent.ts';

/** What operations are called in lists and headings (pure). */

const kindWords: Partial<Record<string, string>> = {
  'create-cluster': 'Create the cluster',
  'adopt-server': 'Adopt a server',
  'add-node': 'Add a node',
  'remove-node': 'Remove a node',
  'replace-node': 'Replace a node',
  switchover: 'Switch over',
  'set-maintenance': 'Maintenance',
  'set-durability': 'Change the durability',
  'set-own-durability': 'Change the durability of a role or database',
  'restart-node': 'Restart PostgreSQL',
  'rolling-restart': 'Restart every node',
  'upgrade-postgres': 'Upgrade PostgreSQL',
  'restart-daemons': 'Replace the daemons',
  'reinitialise-node': 'Clone a node anew',
  'set-parameters': 'Change parameters',
  'set-router': 'Change the routers',
  'set-access': 'Change who may connect',
  'set-node': 'Set a node',
  'configure-backup': 'Change the backup settings',
  'start-backup': 'Work in the backup repository',
  'cancel-backup': 'Cancel what runs in the backup repository',
  'close-look': 'Close a copy that was open for a look',
  'create-restore-point': 'Set a restore point',
  'hold-backup': 'Hold a backup',
  'note-backup': 'Note on a backup',
  'schedule-operation': 'Schedule for later',
  'unschedule-operation': 'Take back what was scheduled',
  'retry-operation': 'Go on from a failed step',
  'cancel-operation': 'Cancel an operation',
  'restore-cluster': 'Restore into a new cluster',
  'restore-in-place': 'Take the cluster back to a moment',
  'create-standby-cluster': 'Follow another cluster',
  'promote-cluster': 'Promote the cluster',
  'forget-follower': 'Forget a cluster that followed',
};

/** What `start-backup` begins: each of them is another thing to whoever reads the list. */
const workWords: Partial<Record<string, string>> = {
  backup: 'Back up',
  verify: 'Verify the backup repository',
  drill: 'Restore drill',
  expire: 'Remove old backups',
  look: 'Restore for a look',
};

const backupTypes: Partial<Record<string, string>> = {
  full: 'full',
  diff: 'differential',
  incr: 'incremental',
};

/** What a cluster tells of an operation by its name, with what it is called here. */
export function wordsOfEvent(message: string): string {
  return message.replace(
    /^[a-z-]+(?= started by | failed: | is (?:done|failed|cancelled)\.)|(?<= wants )[a-z-]+(?= to stop\.$)/,
    (kind) => (kindWords[kind] ? `“${kindWords[kind]}”` : kind),
  );
}

/** With the node that it was about: there are many of a kind. */
export function wordsOfOperation({ kind, params }: Pick<OperationView, 'kind' | 'params'>): string {
  const { node, host, to } = params;
  const about = kind === 'start-backup' ? backupTypes[String(params.type)] : (node ?? host ?? to);
  // A newer daemon may do what this console has no words for.
  const work = kind === 'start-backup' ? workWords[String(params.kind)] : undefined;
  const words = work ?? kindWords[kind] ?? kind;
  return typeof about === 'string' ? `${words} · ${about}` : words;
}
