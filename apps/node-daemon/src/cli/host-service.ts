import { resolve } from 'node:path';
import { pollUntil } from '@quantadb/engine/shared/deadline';
import { loadHostConfig } from '../host-config.ts';
import { localDaemon } from './local-daemon.ts';
import { installUnit, ownCommand, quoted, removeUnit } from './systemd.ts';

/** A host's daemon as a service of systemd. */

/** More than a daemon takes at most to stop PostgreSQL or to kill it. */
const stopSeconds = 70;

/** For a shell, in systemd's quoting: the rest of the line is run when there is a main process. */
const onlyWhileAlive = `'test -z "$$MAINPID" || exec "$$@"'`;

export interface ServiceParts {
  host: string;
  node: string;
  command: string;
  configFile: string;
}

export function unitNameOf(host: string): string {
  return `quantadb-${host}.service`;
}

/**
 * The unit (systemd.service(5)). Only the daemon is signalled: the reaper, PostgreSQL and the router outlive it, and the next daemon
 * adopts them within the lease. So `reload` replaces the daemon while PostgreSQL goes on: told to end, a primary's daemon has its lease
 * made longer first (one that is gone for more than a second without a word is failed over); `stop`, also at the machine's shutdown,
 * stops PostgreSQL cleanly first.
 */
export function unitText({ host, node, command, configFile }: ServiceParts): string {
  const run = [node, command].map(quoted).join(' ');
  const config = quoted(configFile);
  return `# Written by: quantadb host install. Changed? "systemctl daemon-reload", then "systemctl reload ${unitNameOf(host)}".
[Unit]
Description=QuantaDB host ${host}
After=network-online.target
Wants=network-online.target
# A daemon that cannot start tries again for ever: the cluster counts on it.
StartLimitIntervalSec=0

[Service]
Type=simple
ExecStart=${run} host run ${config}
# A new daemon for the same PostgreSQL: after an upgrade of QuantaDB, or a change of the configuration.
ExecReload=/bin/kill -TERM $MAINPID
# PostgreSQL stops too; a primary's cluster fails over at once. Not for a daemon that has ended by itself (systemd comes here then
# too, without a main process): it is replaced within the lease.
ExecStop=/bin/sh -c ${onlyWhileAlive} stop ${run} host stop ${config}
TimeoutStopSec=${stopSeconds}
KillMode=process
Restart=always
RestartSec=100ms
LimitNOFILE=65536
# The machine is out of memory: anything else goes first.
OOMScoreAdjust=-900

[Install]
WantedBy=multi-user.target
`;
}

/** @returns what was done, and what is left to do by hand, in sentences */
export async function installService(file: string): Promise<string[]> {
  const configFile = resolve(file);
  const { name } = await loadHostConfig(configFile);
  const [node = '', command = ''] = await ownCommand();
  return installUnit({
    name: unitNameOf(name),
    text: unitText({ host: name, node, command, configFile }),
    otherwise: `start the daemon with: quantadb host run ${configFile}`,
  });
}

/**
 * The data stays, and so does host.json; nothing runs any more, whoever had started it.
 *
 * @returns what was done, and what is left to do, in sentences
 */
export async function uninstallService(file: string): Promise<string[]> {
  const { name } = await loadHostConfig(resolve(file));
  const unit = unitNameOf(name);
  const client = await localDaemon(file);
  const cluster = await client.host().then(
    (host) => host.cluster,
    () => null,
  );
  await removeUnit(unit);
  const isLeft = await client.node().then(
    () => true,
    () => false,
  );
  if (isLeft) await stopHost(file);
  return [
    `${unit} is gone; the data and ${file} stay.`,
    ...(isLeft
      ? ['A daemon that no service had started ran here: it was stopped too, after PostgreSQL.']
      : []),
    ...(cluster === null
      ? []
      : [
          `${name} is still a member of ${cluster}. For good: quantadb --cluster ${cluster} node remove ${name}`,
        ]),
  ];
}

/** PostgreSQL stops cleanly, then the daemon ends. */
export async function stopHost(file: string): Promise<void> {
  const client = await localDaemon(file);
  await client.shutdown('stop');
  const isGone = () =>
    client.node().then(
      () => undefined,
      () => true as const,
    );
  await pollUntil(isGone, { what: 'the daemon has ended', timeoutMs: stopSeconds * 1000, intervalMs: 100 });
}
