import { statfs } from 'node:fs/promises';
import { availableParallelism, freemem, loadavg, release, totalmem, type, uptime } from 'node:os';
import type { ClusterState } from '@quantadb/engine/contract/cluster-state';
import type { DaemonFacade } from '@quantadb/engine/contract/daemon-facade';
import type { HostDiagnosis } from '@quantadb/engine/contract/diagnosis';
import type { NodeReport } from '@quantadb/engine/contract/node-report';
import { redactText, redactValue } from '@quantadb/engine/shared/redact';
import type { HostConfig } from '../host-config.ts';

const metricsCharactersMax = 1_000_000;

/** Everything that this host can tell somebody who looks for what is wrong with it; secrets do not leave it. */
export async function describeHost(options: {
  facade: Pick<DaemonFacade, 'report' | 'state'>;
  config: HostConfig;
  metrics(): Promise<string>;
}): Promise<HostDiagnosis> {
  const { facade, config } = options;
  const state = facade.state();
  return {
    atMs: Date.now(),
    report: redactValue(facade.report()) as NodeReport,
    state: state && redactValue(withoutBackupSecrets(state)),
    metrics: redactText((await options.metrics()).slice(0, metricsCharactersMax)),
    machine: {
      system: `${type()} ${release()}`,
      nodeVersion: process.version,
      cores: availableParallelism(),
      loadOneMinute: loadavg()[0] ?? 0,
      ...{ memoryTotalBytes: totalmem(), memoryFreeBytes: freemem(), uptimeSeconds: Math.round(uptime()) },
    },
    volumes: await volumesOf(config),
    configuration: redactValue(withoutAddressesOfHooks(config)) as Record<string, unknown>,
  };
}

/** The secrets of the backup repository are for nobody. */
export function withoutBackupSecrets(state: ClusterState): ClusterState {
  const { backup } = state;
  if (!backup?.config) return state;
  const secrets = { cipherPass: null, s3Key: null, s3KeySecret: null };
  const { further } = backup.config;
  const shown = further && { further: further.map((each) => ({ ...each, secrets })) };
  return { ...state, backup: { ...backup, config: { ...backup.config, secrets, ...shown } } };
}

/** What a hook is called with may be what proves who calls. */
function withoutAddressesOfHooks(config: HostConfig): unknown {
  const hooks = config.hooks.map((hook) =>
    'run' in hook
      ? { on: hook.on, run: hook.run.slice(0, 1) }
      : { on: hook.on, post: new URL(hook.post).origin },
  );
  return { ...config, hooks };
}

async function volumesOf(config: HostConfig): Promise<HostDiagnosis['volumes']> {
  const places = [
    { holds: 'data', directory: config.dataDir },
    { holds: 'state', directory: config.stateDir },
  ];
  const volumes = places.map(async (place) => {
    // A host without PostgreSQL has no data directory.
    const found = await statfs(place.directory).catch(() => null);
    if (!found) return [];
    const { bavail, blocks, bsize } = found;
    return [{ ...place, totalBytes: blocks * bsize, freeBytes: bavail * bsize }];
  });
  return (await Promise.all(volumes)).flat();
}
